"""A job of this machine, done by any engine: in one call, or in chunks when that was not enough.

A call over its budget gives what it learnt away: the job is begun anew in chunks, each a call of its own with the whole
budget, when what the first call came to says that this will do. See `engines.chunks`.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass

from blanklogo.engines.base import Engine, Message
from blanklogo.engines.chunks import remove_in_chunks
from blanklogo.engines.errand import order_of, scratch_beside, told_of
from blanklogo.engines.fleet import heard_out
from blanklogo.engines.healing import Reached, num_chunks
from blanklogo.errors import BudgetError, CallerError, OptionError, UnsupportedError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.output import pending_output
from blanklogo.media.probe import probe
from blanklogo.pipeline.chunked import check_chunkable
from blanklogo.types import Event, Job, Notice, Progress, Report

OnEvent = Callable[[Event], None]


def run_on(
    engine: Engine, job: Job, on_event: OnEvent, cancelled: Callable[[], bool], chunks: int | None = None
) -> Report:
    """Does the job as `pipeline.run` would.

    Args:
        on_event, cancelled: called in the caller's thread.
        chunks: so many from the start; None: one call, and chunks only if that runs out of its budget.

    Raises:
        As `pipeline.run`, and EngineError; whatever it is, nothing was kept.
        OptionError: the video's chunks could not be joined, or it has not so many.
    """
    if job.dry_run:
        return _report(heard_out(engine, order_of(job, job.target), on_event, cancelled))
    if chunks is not None:
        return remove_in_chunks(engine, job, chunks, on_event, cancelled)
    watch = _Watch(on_event, time.monotonic())
    try:
        return _in_one_call(engine, job, watch.hear, cancelled)
    except BudgetError as error:
        number = _chunks_after(error, engine, job, watch.reached)
        far = f"{watch.num_restored} of {watch.num_frames} frames were restored by then"
        on_event(Notice(f"{error.came}: {far}; that time is lost, and the video is done anew in {number} chunks"))
        try:
            return remove_in_chunks(engine, job, number, on_event, cancelled)
        except UnsupportedError:  # damage, which is only known when all was looked at
            raise error from None


def check_chunks_here(chunks: int | None) -> None:
    """Raises OptionError when there are to be chunks and no engine: this thread would only do one after the other."""
    if chunks is not None:
        raise OptionError(
            f"{chunks} chunks without an engine",
            accepted="an engine with workers",
            hint='engine="pool" (--engine pool)',
        )


def _in_one_call(engine: Engine, job: Job, on_event: OnEvent, cancelled: Callable[[], bool]) -> Report:
    with pending_output(job.source, job.target, job.overwrite) as temporary, scratch_beside(job.target) as folder:
        scratch = folder / job.target.name
        with told_of(job.target, scratch):
            result = heard_out(engine, order_of(job, scratch), on_event, cancelled)
        with foreign_errors(Stage.WRITE, job.target):
            if isinstance(result["output"], bytes):
                temporary.write_bytes(result["output"])
            else:
                shutil.move(scratch, temporary)
    return _report(result)


def _chunks_after(error: BudgetError, engine: Engine, job: Job, reached: Reached) -> int:
    """How many chunks will do. Raises the error itself where none will."""
    try:
        check_chunkable(job)
    except CallerError:
        raise error from None
    video = probe(job.source).video
    number = num_chunks(reached, engine.spec, video.width * video.height, float(video.average_rate or 25))
    if number is None:
        raise error
    return number


@dataclass
class _Watch:
    """Hears a call's events, passes them on, and keeps how far it came."""

    on_event: OnEvent
    began_seconds: float  # when the stage under way before restoring was heard of last
    num_frames: int = 0
    has_learnt: bool = False
    num_restored: int = 0
    restoring_seconds: float = 0.0

    def hear(self, event: Event) -> None:
        if isinstance(event, Progress):
            self._note(event)
        self.on_event(event)

    def _note(self, event: Progress) -> None:
        if event.stage in ("look", "learn"):
            self.began_seconds = time.monotonic()
            self.has_learnt = event.stage == "learn" and event.done == event.total
            self.num_frames = event.total if event.stage == "look" else self.num_frames
        elif event.stage == "restore" and event.done > self.num_restored:
            self.num_restored = event.done
            self.restoring_seconds = time.monotonic() - self.began_seconds

    @property
    def reached(self) -> Reached:
        return Reached(self.num_frames, self.has_learnt, self.num_restored, self.restoring_seconds)


def _report(result: Message) -> Report:
    return Report.from_dict(result["report"])
