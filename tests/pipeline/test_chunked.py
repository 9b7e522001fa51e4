"""A removal in three steps: the same frames as in one, and the same film."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from film import names

from blanklogo.errors import OptionError, TargetError, UnsupportedError
from blanklogo.media.chunks import Extent
from blanklogo.media.frames import Frame
from blanklogo.media.reader import VideoReader
from blanklogo.media.span import frames_of
from blanklogo.pipeline import look
from blanklogo.pipeline.chunked import (
    RestoredChunk,
    check_chunkable,
    cut,
    finish_chunks,
    learn_plan,
    restore_chunk,
    spans,
)
from blanklogo.pipeline.removal_plan import RemovalPlan
from blanklogo.pipeline.restore import CONTEXT, Count, Removal, Restoration
from blanklogo.testbed.cases import Case
from blanklogo.types import Event, Job, Mode, Notice, Track


def ignore(event: Event) -> None:
    del event


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def plan(walk: Case) -> RemovalPlan:
    """With a second mark over the first, that fades: places see what those before them left."""
    box = walk.places[0].box
    learnt, _ = learn_plan(Job(walk.marked, walk.marked, boxes=(box,)), ignore, never)
    first = learnt.removals[0]
    fading = Track(box, strength=((0.0, 0.1), (0.7, 1.0), (1.6, 0.2)))
    return replace(learnt, removals=(first, Removal(fading, first.matte, Mode.AUTO)))


@pytest.fixture(scope="module")
def job(walk: Case, tmp_path_factory: pytest.TempPathFactory) -> Job:
    return Job(walk.marked, tmp_path_factory.mktemp("chunks") / "clean.mp4")


def planes_of(frame: Frame) -> bytes:
    return b"".join(np.ascontiguousarray(plane).tobytes() for plane in frame.planes)


@pytest.mark.parametrize("num_chunks", [2, 3, 4])
def test_a_chunk_s_frames_are_those_of_the_whole(walk: Case, plan: RemovalPlan, num_chunks: int) -> None:
    with VideoReader(walk.marked) as reader:
        frame_bytes = reader.info.video.frame_bytes
        in_one = Restoration(plan.removals, frame_bytes)
        whole = [planes_of(frame) for frame in in_one(iter(reader))]
    counts, pictures = [], []
    for span in spans(len(plan.stamps), num_chunks, frame_bytes):
        extent = Extent(*span, CONTEXT)
        first, stop = extent.read_range(len(plan.stamps))
        frames = frames_of(walk.marked, plan.stamps, first, stop)
        restoration = Restoration(plan.removals, frame_bytes)
        before = list(islice(frames, span[0] - first))
        pictures += [planes_of(frame) for frame in restoration.chunk(frames, before, extent.num_frames)]
        counts.append(restoration.counts)
    assert pictures == whole
    for k, count in enumerate(in_one.counts):
        total = sum((each[k] for each in counts), Count(0.0, 0.0))
        assert total.num_pixels == count.num_pixels
        assert total.num_unblended == pytest.approx(count.num_unblended)  # sums in another order


def test_chunks_make_the_film(walk: Case, plan: RemovalPlan, job: Job, folder: Path) -> None:
    heard: list[Event] = []

    def restore_all(given: RemovalPlan) -> list[RestoredChunk]:
        return [chunk_of(job, given, span, folder) for span in ((0, 12), (12, 36), (36, 40))]

    one = replace(plan, removals=plan.removals[:1])
    report = finish_chunks(job, one, restore_all, heard.append, never)
    assert (report.verify.status, report.frames_processed, report.verify.audio_identical) == ("clean", 40, True)
    assert report.tracks[0].method in ("unblend", "inpaint")
    assert names(job.target.parent) == ["clean.mp4"]
    job.target.unlink()


def test_a_mark_that_is_left_is_restored_once_more(walk: Case, plan: RemovalPlan, job: Job, folder: Path) -> None:
    """A plan whose matte is hardly there leaves the mark; the second time all under it is invented."""
    modes: list[Mode] = []
    heard: list[Event] = []
    weak = weakened(plan.removals[0])

    def restore_all(given: RemovalPlan) -> list[RestoredChunk]:
        modes.append(given.removals[0].mode)
        return [chunk_of(job, given, span, folder) for span in ((0, 24), (24, 40))]

    report = finish_chunks(job, replace(plan, removals=(weak,)), restore_all, heard.append, never)
    assert modes == [Mode.AUTO, Mode.INPAINT]
    assert report.pixels.inpainted == 1
    assert any(isinstance(event, Notice) and "restoring again" in event.message for event in heard)
    job.target.unlink()


def weakened(removal: Removal) -> Removal:
    matte = removal.matte
    planes = tuple(
        replace(one, alpha=one.alpha * 0.05, premultiplied=one.premultiplied * 0.05, alpha_variance=one.alpha * 0,
                premultiplied_variance=one.alpha * 0, covariance=one.alpha * 0)
        for one in matte.planes
    )  # fmt: skip
    return replace(removal, matte=replace(matte, planes=planes))


def chunk_of(job: Job, plan: RemovalPlan, span: tuple[int, int], folder: Path) -> RestoredChunk:
    path = folder / f"{span[0]}.mp4"
    carried = RemovalPlan.from_bytes(plan.to_bytes())
    chunk_job = replace(job, target=path, overwrite=True)
    counts, report = restore_chunk(chunk_job, carried, span, job.target.suffix, ignore, never)
    assert report.frames_processed == span[1] - span[0]
    return RestoredChunk(path, counts)


def test_what_went_otherwise_while_looking_stands_in_the_end_s_report(
    bare: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def noting(job: Job, notes: list[str]) -> None:
        del job
        notes.append("a batch was halved")

    monkeypatch.setattr(look, "detector_for", noting)
    job = Job(bare, folder / "clean.mp4")
    plan, _ = learn_plan(job, ignore, never)
    told = finish_chunks(job, RemovalPlan.from_bytes(plan.to_bytes()), lambda _: (), ignore, never)
    assert "a batch was halved" in told.warnings


def test_a_plan_of_nothing_is_the_source_s_bytes(bare: Path, folder: Path) -> None:
    job = Job(bare, folder / "clean.mp4")
    plan, step = learn_plan(job, ignore, never)
    assert (plan.removals, step.verify.status) == ((), "no_mark")
    report = finish_chunks(job, plan, lambda given: [], ignore, never)
    assert report.verify.status == "no_mark"
    assert job.target.read_bytes() == bare.read_bytes()


def test_chunks_begin_and_end_where_windows_do(job: Job, plan: RemovalPlan, folder: Path) -> None:
    assert cut(0, 100, 3, 12) == ((0, 36), (36, 72), (72, 100))
    assert cut(36, 72, 2, 12) == ((36, 48), (48, 72))
    with pytest.raises(OptionError, match="13 frames in 3 chunks; accepted: 1 to 2 of 12 frames"):
        cut(0, 13, 3, 12)
    for span in ((0, 13), (3, 24), (12, 12), (36, 41)):
        with pytest.raises(OptionError, match=f"a chunk of frames {span[0]} to {span[1]} of 40"):
            restore_chunk(replace(job, target=folder / "c.mp4"), plan, span, ".mp4", ignore, never)
    assert names(folder) == []


def test_what_cannot_be_done_in_chunks_is_refused_by_name(clip: Path, folder: Path, plan: RemovalPlan) -> None:
    job = Job(clip, folder / "clean.mp4")
    check_chunkable(job)
    for wrong, kind, came in (
        (replace(job, mode=Mode.CROP), OptionError, "mode crop"),
        (replace(job, codec="ffv1"), OptionError, "codec ffv1: not held by .mp4"),
        (replace(job, target=folder / "clean.avi"), OptionError, "chunks for .avi"),
        (replace(job, target=clip), TargetError, "is the input"),
    ):
        with pytest.raises(kind, match=came):
            check_chunkable(wrong)
    refused: Callable[[RemovalPlan], list[RestoredChunk]] = lambda given: pytest.fail("restored all the same")  # noqa: E731
    with pytest.raises(UnsupportedError, match="damaged video"):
        finish_chunks(job, replace(plan, num_damaged_frames=1), refused, ignore, never)
    assert names(folder) == [clip.name]
