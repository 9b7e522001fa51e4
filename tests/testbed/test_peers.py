"""The peers do the same work as BlankLogo is asked to: same frames, same times, same sound, only the mark's place."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.measure import run
from benchmarks.peers import INPAINTINGS, delogo_command, holes_of, inpainting

from blanklogo.media.compare import compare_streams
from blanklogo.media.encoding import choose_encoder
from blanklogo.media.probe import probe
from blanklogo.media.transcode import transcode
from blanklogo.testbed.cases import Case
from blanklogo.testbed.clips import read_planes
from blanklogo.testbed.scoring import score

LOSSLESS = (("qp", "0"), ("preset", "ultrafast"))


def inpainted(case: Case, name: str, target: Path) -> Path:
    settings = replace(choose_encoder(probe(case.marked)), options=LOSSLESS)
    transcode(case.marked, target, settings, inpainting(case, name))
    return target


@pytest.mark.parametrize("name", INPAINTINGS)
def test_an_inpainting_does_the_same_work_and_removes_the_mark(case: Case, tmp_path: Path, name: str):
    result = inpainted(case, name, tmp_path / "result.mp4")
    comparison = compare_streams(case.marked, result)
    assert comparison.pts_match
    assert comparison.others_identical
    assert comparison.num_frames_result == case.num_frames
    figures, before = score(case, result), score(case, case.marked)
    assert figures.residue < 0.3
    assert figures.psnr_inside_db > before.psnr_inside_db + 1.5
    assert figures.psnr_outside_db == pytest.approx(before.psnr_outside_db, abs=1e-3)  # nothing else was touched


def test_an_inpainting_follows_a_mark_that_hops(hopping_case: Case, tmp_path: Path):
    result = inpainted(hopping_case, "ns", tmp_path / "result.mp4")
    pairs = zip(read_planes(hopping_case.marked), read_planes(result), strict=True)
    for index, (marked, planes) in enumerate(pairs):
        changed = marked[0] != planes[0]
        for place in hopping_case.places:
            assert changed[place.box.slices].any() == (place.strength[index] > 0)


def test_delogo_is_told_the_true_place_and_times(hopping_case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    command = delogo_command(hopping_case, tmp_path / "result.mp4")
    filters = command[command.index("-vf") + 1]
    spans = re.findall(r"between\(n,(\d+),(\d+)\)", filters)
    frames = sorted(index for first, last in spans for index in range(int(first), int(last) + 1))
    assert frames == list(range(hopping_case.num_frames))  # the mark is always at one of its places
    assert filters.count("delogo=") == 3


def test_without_ffmpeg_delogo_says_so(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert delogo_command(case, tmp_path / "result.mp4") is None


def test_what_a_command_cost_and_said_is_known():
    done = run(["python3", "-c", "sum(range(10**7)); print('words'); print('{\"peak_rss_bytes\": 7}')"])
    assert done.error is None
    assert done.answer == {"peak_rss_bytes": 7}
    assert 0 < done.cpu_seconds <= done.wall_seconds + 0.5
    broken = run(["python3", "-c", "raise SystemExit('no good')"])
    assert broken.error == "no good"


def test_the_mask_is_tight(case: Case):
    luma, blue, red = holes_of(case.places[0], case)
    covered = case.places[0].alpha[luma.box.slices] > 0.02
    assert (luma.mask[covered] == 1).all()
    assert luma.mask.sum() < 2.5 * covered.sum()
    np.testing.assert_array_equal(blue.mask, red.mask)
    assert blue.mask.shape == (luma.mask.shape[0] // 2, luma.mask.shape[1] // 2)
