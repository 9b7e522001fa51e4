"""Marks taken out of whole films, against the truth."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from film import (
    digest,
    luma,
    marked_frames,
    names,
    other_packets,
    psnr,
    psnr_in,
    psnr_out,
    stamps_seconds,
    write_film,
)

from blanklogo import api
from blanklogo.errors import WeightsError
from blanklogo.media.probe import probe
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.testbed.scoring import score
from blanklogo.types import Box, Networks, Notice, Report, TimeRange

LEAST_GAIN_DB = 8.0
KEPT_DB = 45.0  # what a second encoding at the default quality may cost


def assert_well_done(case: Case, result: Path, report: Report) -> None:
    marked, restored = score(case, case.marked), score(case, result)
    assert restored.psnr_inside_luma_db > marked.psnr_inside_luma_db + LEAST_GAIN_DB
    assert restored.psnr_inside_db > marked.psnr_inside_db + LEAST_GAIN_DB - 2  # with chroma
    assert restored.psnr_unchanged_db > KEPT_DB
    assert restored.residue < 0.1
    assert report.verify.status == "clean"
    assert report.verify.psnr_outside_db == pytest.approx(restored.psnr_unchanged_db, abs=1.5)
    assert stamps_seconds(result) == stamps_seconds(case.marked)
    assert other_packets(result) == other_packets(case.marked)
    assert report.frames_processed == case.num_frames


def test_a_box_given_by_hand(walk: Case, folder: Path) -> None:
    before = digest(walk.marked)
    report = api.remove(walk.marked, folder / "clean.mp4", boxes=[walk.places[0].box])
    assert_well_done(walk, folder / "clean.mp4", report)
    assert other_packets(walk.marked)  # there was a tone to keep
    assert names(folder) == ["clean.mp4"]
    assert digest(walk.marked) == before
    assert [track.found_by for track in report.tracks] == ["box"]
    assert report.watermarks_detected == 1
    assert report.output_size_mb == pytest.approx((folder / "clean.mp4").stat().st_size / 1e6, abs=0.001)
    assert report.pixels.unblended + report.pixels.propagated + report.pixels.inpainted == pytest.approx(1, abs=1e-3)


def test_a_mark_found_on_evidence(walk: Case, copied: Callable[[Path], Path], folder: Path) -> None:
    clip = copied(walk.marked)
    report = api.remove(clip)
    assert names(folder) == ["clip.clean.mp4", "clip.mp4"]
    assert report.tracks[0].box.iou(walk.places[0].box) > 0.4
    assert score(walk, folder / "clip.clean.mp4").psnr_inside_luma_db > 25


@pytest.mark.parametrize("name", ["walk", "tripod"])
def test_the_marks_own_picture(name: str, folder: Path, request: pytest.FixtureRequest) -> None:
    case: Case = request.getfixturevalue(name)
    report = api.remove(case.marked, folder / "clean.mp4", marks=[case.mark_picture])
    assert_well_done(case, folder / "clean.mp4", report)
    assert [track.found_by for track in report.tracks] == ["mark"]
    assert score(case, folder / "clean.mp4").psnr_inside_luma_db > 30


def test_a_still_camera_without_the_picture_says_that_it_invented(tripod: Case, folder: Path) -> None:
    heard: list[str] = []
    report = api.remove(
        tripod.marked,
        folder / "clean.mp4",
        boxes=[tripod.places[0].box],
        on_event=lambda event: heard.append(event.message) if isinstance(event, Notice) else None,
    )
    assert_well_done(tripod, folder / "clean.mp4", report)
    assert report.pixels.inpainted > 0.5
    assert report.tracks[0].effective_backgrounds < 4
    assert set(report.warnings) <= set(heard)


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A still camera, opaque letters."""
    scene = Scene("wall", 256, 144, 24, seed=8)
    burning = Burning(scale=0.6, crf=20)
    return make_case(scene, draw_mark("letters"), tmp_path_factory.mktemp("wall"), burning)


def test_what_opaque_letters_hide_is_made_up_by_the_shipped_network_where_it_proves_itself(
    wall: Case, folder: Path
) -> None:
    figures = {}
    for inpainter in ("auto", "none", "blanklogo-inpainter"):
        target, networks = folder / f"{inpainter}.mp4", Networks(inpainter=inpainter)
        report = api.remove(wall.marked, target, marks=[wall.mark_picture], networks=networks)
        used = [one["name"] for one in report.weights]
        assert used == ([] if inpainter == "none" else ["blanklogo-inpainter"])
        figures[inpainter] = score(wall, target).psnr_inside_db
    assert figures["auto"] > figures["none"] - 0.2
    assert figures["auto"] > figures["blanklogo-inpainter"] - 0.5


def test_an_inpainter_that_nobody_knows_is_refused_before_the_work(walk: Case, folder: Path) -> None:
    with pytest.raises(WeightsError, match="no-such-net"):
        api.remove(walk.marked, folder / "clean.mp4", networks=Networks(inpainter="no-such-net"))
    assert not names(folder)


def test_moving_footage_asks_no_inpainter(walk: Case, folder: Path) -> None:
    report = api.remove(walk.marked, folder / "clean.mp4", boxes=[walk.places[0].box])
    assert report.weights == ()


def test_inpaint_invents_everything(walk: Case, folder: Path) -> None:
    report = api.remove(walk.marked, folder / "clean.mp4", boxes=[walk.places[0].box], mode="inpaint")
    assert report.pixels.inpainted == 1
    assert report.pixels.unblended == 0
    assert [track.method for track in report.tracks] == ["inpaint"]
    assert score(walk, folder / "clean.mp4").residue < 0.15
    assert score(walk, folder / "clean.mp4").psnr_unchanged_db > KEPT_DB


def test_crop_cuts_the_edge_off_and_keeps_the_rest(walk: Case, folder: Path) -> None:
    box = walk.places[0].box
    report = api.remove(walk.marked, folder / "clean.mp4", boxes=[box], mode="crop")
    size = probe(folder / "clean.mp4").video
    assert (size.width, size.height) == (256, box.y0 // 2 * 2)  # a mark at the bottom right; the bottom costs less
    assert [track.method for track in report.tracks] == ["crop"]
    assert stamps_seconds(folder / "clean.mp4") == stamps_seconds(walk.marked)
    assert other_packets(folder / "clean.mp4") == other_packets(walk.marked)
    assert psnr(luma(folder / "clean.mp4"), luma(walk.marked)[:, : size.height]) > KEPT_DB


def test_two_boxes(folder: Path) -> None:
    scene = Scene("walk", 256, 144, 36, seed=4)
    clip = write_film(folder / "clip.mp4", marked_frames(scene, ("bug", 20, 20), ("bug", 180, 90)))
    boxes = [Box(22, 26, 72, 56), Box(182, 96, 232, 126)]
    report = api.remove(clip, folder / "clean.mp4", boxes=boxes)
    truth = np.stack([planes[0] for planes in scene.frames()]).astype(np.float32)
    before, after = luma(clip), luma(folder / "clean.mp4")
    for box in boxes:
        assert psnr_in(after, truth, box) > psnr_in(before, truth, box) + LEAST_GAIN_DB
    assert psnr_out(after, before, boxes) > KEPT_DB
    assert report.watermarks_detected == 2
    assert [track.mark_index for track in report.tracks] == [0, 1]


def test_two_boxes_over_each_other_are_both_restored(small: Case, folder: Path) -> None:
    """The second must not bring back what the first took out."""
    box = small.places[0].box
    half = box.x0 + box.width // 2
    boxes = [Box(box.x0, box.y0, half + 4, box.y1), Box(half - 4, box.y0, box.x1, box.y1)]
    api.remove(small.marked, folder / "clean.mp4", boxes=boxes)
    restored, marked = score(small, folder / "clean.mp4"), score(small, small.marked)
    assert restored.psnr_inside_luma_db > marked.psnr_inside_luma_db + 5


def test_other_times_are_left_alone(walk: Case, folder: Path) -> None:
    box, within = walk.places[0].box, TimeRange(0.6, 1.2)
    report = api.remove(walk.marked, folder / "clean.mp4", boxes=[box], within=within)
    before, after = luma(walk.marked), luma(folder / "clean.mp4")
    inside = np.array([at in within for at in stamps_seconds(walk.marked)])
    # Letters cost a codec more than their surroundings; a frame that was patched by mistake comes to 16 dB.
    apart = ((after - before)[~inside][:, *box.slices] ** 2).mean(axis=(1, 2))
    assert 10 * np.log10(255**2 / apart.max()) > 36
    assert psnr_in(after[inside], before[inside], box) < 25  # and there the mark went
    assert psnr_in(after[inside], luma(walk.truth)[inside], box) > 25
    assert report.tracks[0].ranges == (within,)


def test_a_hopping_mark_whose_picture_is_known(tmp_path: Path) -> None:
    scene = Scene("walk", 256, 144, 96, seed=6)
    burning = Burning("hop", scale=1.0, where=((0.06, 0.1), (0.95, 0.9)), crf=20)
    case = make_case(scene, draw_mark("bug"), tmp_path / "hop", burning)
    report = api.remove(case.marked, tmp_path / "clean.mp4", marks=[case.mark_picture])
    restored = score(case, tmp_path / "clean.mp4")
    assert len(report.tracks) == 2
    assert report.watermarks_detected == 1
    assert restored.psnr_inside_luma_db > score(case, case.marked).psnr_inside_luma_db + LEAST_GAIN_DB
    assert restored.psnr_unchanged_db > KEPT_DB


@pytest.mark.parametrize(
    ("encoder", "pixel_format", "options"),
    [
        ("libx265", "yuv420p10le", {"preset": "ultrafast", "crf": "20", "x265-params": "log-level=none"}),
        ("libx264", "yuv420p10le", {"preset": "veryfast", "crf": "20"}),
    ],
)
def test_ten_bits_stay_ten_bits(encoder: str, pixel_format: str, options: dict[str, str], folder: Path) -> None:
    scene = Scene("walk", 192, 128, 30, seed=4)
    frames = marked_frames(scene, ("bug", 124, 76))
    clip = write_film(folder / "clip.mp4", frames, encoder=encoder, pixel_format=pixel_format, options=options)
    box = Box(126, 82, 176, 112)
    api.remove(clip, folder / "clean.mp4", boxes=[box])
    truth = np.stack([planes[0] for planes in scene.frames()]).astype(np.float32)
    before, after = luma(clip), luma(folder / "clean.mp4")
    assert psnr_in(after, truth, box) > psnr_in(before, truth, box) + LEAST_GAIN_DB
    assert psnr_out(after, before, [box]) > KEPT_DB
    assert probe(folder / "clean.mp4").video.format.name == pixel_format
    assert probe(folder / "clean.mp4").video.codec == probe(clip).video.codec


def test_uneven_time_stamps_stay_as_they_are(folder: Path) -> None:
    scene = Scene("walk", 192, 128, 36, seed=4)
    stamps = np.cumsum(np.random.default_rng(2).integers(100, 2000, 36)).tolist()
    stamps = [stamp - stamps[0] for stamp in stamps]
    clip = write_film(folder / "clip.mp4", marked_frames(scene, ("bug", 124, 76)), stamps=stamps)
    box = Box(126, 82, 176, 112)
    report = api.remove(clip, folder / "clean.mp4", boxes=[box])
    truth = np.stack([planes[0] for planes in scene.frames()]).astype(np.float32)
    assert stamps_seconds(folder / "clean.mp4") == stamps_seconds(clip)
    assert psnr_in(luma(folder / "clean.mp4"), truth, box) > psnr_in(luma(clip), truth, box) + LEAST_GAIN_DB
    assert report.verify.frames_match


def test_no_mark_gives_the_same_bytes(bare: Path, copied: Callable[[Path], Path], folder: Path) -> None:
    clip = copied(bare)
    report = api.remove(clip)
    assert report.verify.status == "no_mark"
    assert report.watermarks_detected == 0
    assert report.tracks == ()
    assert report.verify.psnr_outside_db is None
    assert (folder / "clip.clean.mp4").read_bytes() == bare.read_bytes()
