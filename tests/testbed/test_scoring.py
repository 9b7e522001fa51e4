"""The score means what it says: known errors give the figures that arithmetic gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from blanklogo.errors import VerificationError
from blanklogo.testbed.cases import Case
from blanklogo.testbed.clips import Planes, read_planes, write_clip
from blanklogo.testbed.scoring import psnr_db, score

Change = Callable[[int, Planes], Planes]


def written(case: Case, path: Path, change: Change) -> Path:
    """The truth with something changed, stored without loss."""
    frames: Iterator[Planes] = (change(index, planes) for index, planes in enumerate(read_planes(case.truth)))
    write_clip(path, frames, Fraction(25), "ffv1", {})
    return path


def test_the_truth_is_perfect(case: Case):
    figures = score(case, case.truth)
    assert figures.psnr_inside_db >= 60
    assert figures.psnr_outside_db >= 60
    assert figures.residue == 0
    assert figures.num_frames == 20


def test_the_marked_clip_keeps_its_whole_residue(case: Case):
    figures = score(case, case.marked)
    assert figures.psnr_inside_db < 25
    assert figures.psnr_outside_db > 34
    assert figures.residue == pytest.approx(1, abs=1e-6)
    assert figures.psnr_unchanged_db > 100


def test_a_constant_offset_gives_the_exact_psnr(case: Case, tmp_path: Path):
    def offset(index: int, planes: Planes) -> Planes:
        return planes[0] + np.uint8(4), planes[1] + np.uint8(2), planes[2] + np.uint8(2)

    figures = score(case, written(case, tmp_path / "offset.mkv", offset))
    assert figures.psnr_inside_luma_db == pytest.approx(10 * np.log10(255**2 / 16), abs=1e-4)
    assert figures.psnr_outside_db == pytest.approx(10 * np.log10(255**2 / 16), abs=1e-4)
    assert figures.psnr_inside_db == pytest.approx(10 * np.log10(255**2 / ((6 * 16 + 2 * 4) / 8)), abs=1e-4)
    assert figures.psnr_temporal_db > 100  # an error that stays does not flicker
    assert figures.residue == pytest.approx(0, abs=1e-3)


def test_flicker_shows_in_the_temporal_figure(case: Case, tmp_path: Path):
    def flicker(index: int, planes: Planes) -> Planes:
        return planes[0] + np.uint8(3 * (index % 2)), planes[1], planes[2]

    figures = score(case, written(case, tmp_path / "flicker.mkv", flicker))
    assert figures.psnr_temporal_db == pytest.approx(10 * np.log10(255**2 / 9), abs=1e-4)


def test_one_bad_frame_in_ten_is_the_worst_frame(case: Case, tmp_path: Path):
    def spoil(index: int, planes: Planes) -> Planes:
        return planes[0] + np.uint8(10 * (index % 10 == 5)), planes[1], planes[2]

    figures = score(case, written(case, tmp_path / "spoiled.mkv", spoil))
    assert figures.psnr_worst_frame_db == pytest.approx(10 * np.log10(255**2 / 100), abs=0.3)


def test_inpainting_beats_doing_nothing(case: Case, tmp_path: Path):
    mask = cv2.dilate((case.places[0].alpha > 0.02).astype(np.uint8), np.ones((5, 5), np.uint8))

    def inpaint(index: int, planes: Planes) -> Planes:
        return cv2.inpaint(planes[0], mask, 5, cv2.INPAINT_NS), planes[1], planes[2]

    figures = score(case, written(case, tmp_path / "ns.mkv", inpaint))
    assert figures.psnr_inside_luma_db > score(case, case.marked).psnr_inside_luma_db + 2
    assert figures.residue < 0.5


def test_only_frames_that_show_the_mark_count_inside(hopping_case: Case, tmp_path: Path):
    """At a place where the mark is not, an error counts neither inside nor outside."""
    place = hopping_case.places[1]

    def spoil(index: int, planes: Planes) -> Planes:
        luma = planes[0].copy()
        if place.strength[index] == 0:
            luma[place.box.slices] ^= 64
        return luma, planes[1], planes[2]

    figures = score(hopping_case, written(hopping_case, tmp_path / "elsewhere.mkv", spoil))
    assert figures.psnr_inside_db > 60
    assert figures.psnr_outside_db > 60


def test_a_result_of_another_shape_or_length_is_refused(case: Case, tmp_path: Path):
    smaller = written(case, tmp_path / "small.mkv", lambda _, yuv: (yuv[0][:-8], yuv[1][:-4], yuv[2][:-4]))
    with pytest.raises(VerificationError, match="320x172"):
        score(case, smaller)
    shorter = tmp_path / "short.mkv"
    write_clip(shorter, iter(list(read_planes(case.truth))[:-1]), Fraction(25), "ffv1", {})
    with pytest.raises(VerificationError, match="19 frames"):
        score(case, shorter)


def test_a_mark_that_is_never_there_has_no_inside(case: Case):
    absent = replace(case, places=(replace(case.places[0], strength=np.zeros(20)),))
    assert score(absent, case.truth).psnr_inside_db is None


def test_psnr_of_nothing_is_finite():
    assert psnr_db(0) == pytest.approx(108.13, abs=0.01)
