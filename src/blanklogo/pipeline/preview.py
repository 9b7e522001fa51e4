"""One frame before and after, without writing a video."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from blanklogo.errors import CancelledError
from blanklogo.media.frames import Frame
from blanklogo.media.output import check_not_input
from blanklogo.media.probe import probe
from blanklogo.media.reader import VideoReader
from blanklogo.pipeline.learn import Learnt, learn
from blanklogo.pipeline.look import Cancelled, Look, OnEvent, look
from blanklogo.pipeline.networks import inventor_for
from blanklogo.pipeline.pictures import as_bgr, before_after, write_png
from blanklogo.pipeline.plan import candidates, check_places
from blanklogo.pipeline.restore import Removal, Restoration
from blanklogo.types import Job, Matte, Track

_CONTEXT = 5  # frames on either side, as the restoration looks at


@dataclass(frozen=True, eq=False)
class LearntMarks:
    """What is known of a video's marks before anything is restored."""

    look: Look
    marks: tuple[Learnt, ...]

    @property
    def tracks(self) -> tuple[Track, ...]:
        return tuple(mark.track for mark in self.marks)

    @property
    def mattes(self) -> tuple[Matte, ...]:
        return tuple(mark.matte for mark in self.marks)


def learn_marks(job: Job, on_event: OnEvent, cancelled: Cancelled) -> LearntMarks:
    """The marks' tracks and mattes; none when there are none."""
    check_places(job, probe(job.source))
    seen = look(job, on_event, cancelled)
    found = candidates(job, seen)
    return LearntMarks(seen, learn(seen, found, inventor_for(job.networks), on_event, cancelled) if found else ())


def write_preview(job: Job, picture: Path, on_event: OnEvent, cancelled: Cancelled) -> LearntMarks:
    """Writes a before/after picture of a frame in which the first mark is there; the middle one if there is none.

    Raises:
        As `run`; TargetError when the picture's place is the source's or a mark's; WriteError when the disk refuses.
    """
    check_not_input(picture, job.source, *job.marks)
    learnt = learn_marks(job, on_event, cancelled)
    index = _frame_to_show(learnt)
    frames = _frames_around(learnt.look, index, cancelled)
    removals = tuple(Removal(mark.track, mark.matte, job.mode, job.within) for mark in learnt.marks)
    restored = list(Restoration(removals, learnt.look.info.video.frame_bytes)(iter(frames)))
    k = next(k for k, frame in enumerate(frames) if frame.index == index)
    write_png(before_after(as_bgr(frames[k]), as_bgr(restored[k]), learnt.tracks, learnt.mattes), picture)
    return learnt


def _frame_to_show(learnt: LearntMarks) -> int:
    seconds = learnt.look.seconds
    if not learnt.tracks:
        return len(seconds) // 2
    present = [k for k, at in enumerate(seconds) if learnt.tracks[0].is_present(float(at))]
    return present[len(present) // 2] if present else len(seconds) // 2


def _frames_around(seen: Look, index: int, cancelled: Cancelled) -> list[Frame]:
    first, last = index - _CONTEXT, index + _CONTEXT
    kept = []
    with VideoReader(seen.info.path) as reader:
        for frame in reader:
            if cancelled():
                raise CancelledError("cancelled while drawing")
            if first <= frame.index <= last:
                kept.append(frame)
            if frame.index >= last:
                break
    return kept
