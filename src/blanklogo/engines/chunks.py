"""A removal in chunks: learnt in one call, restored in several at once, joined and verified in the caller's process.

    learn ── chunk 0 ─┐
          ├─ chunk 1 ─┼─ join ── verify ── renamed
          └─ chunk 2 ─┘

Each is an order of its own for the same workload, with the whole budget. A chunk over its budget is halved, once; one
for which no worker is free in time, while others run, waits here until one of those is done. Any other failure of one
is the end of all.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from blanklogo.engines.base import Engine, Message
from blanklogo.engines.errand import as_event, order_of, scratch_beside, told_of
from blanklogo.engines.fleet import Fleet, heard_out
from blanklogo.errors import BudgetError, OptionError, UnavailableError
from blanklogo.media.chunks import CHUNK_SUFFIX
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.probe import probe
from blanklogo.pipeline.chunked import RestoredChunk, check_chunkable, cut, finish_chunks, spans
from blanklogo.pipeline.removal_plan import RemovalPlan
from blanklogo.pipeline.restore import Count, window_frames
from blanklogo.types import Chunk, Cost, Event, Job, Notice, Order, Progress, Report

OnEvent = Callable[[Event], None]


def remove_in_chunks(
    engine: Engine, job: Job, num_chunks: int, on_event: OnEvent, cancelled: Callable[[], bool]
) -> Report:
    """Does the job in so many calls, and one before them; as many at once as the engine has workers.

    Raises:
        OptionError: fewer than two chunks, more than the video has windows, or chunks that could not be joined.
        BudgetError: learning took longer than one call's budget, or half a chunk did.
        As `pipeline.run`, and EngineError; whatever it is, nothing was kept.
    """
    if num_chunks < 2:
        raise OptionError(f"{num_chunks} chunks", accepted="2 or more")
    started = time.monotonic()
    check_chunkable(job)
    with scratch_beside(job.target) as folder:
        work = _Work(engine, job, folder, on_event, cancelled)
        plan = work.learn()
        report = finish_chunks(job, plan, lambda plan: work.restore(plan, num_chunks), on_event, cancelled)
    return replace(report, cost=_total(work.costs), processing_time_s=round(time.monotonic() - started, 3))


@dataclass(frozen=True)
class _Piece:
    """A chunk to restore."""

    start_index: int
    stop_index: int
    is_half: bool = False

    @property
    def name(self) -> str:
        return f"{self.start_index}-{self.stop_index}{CHUNK_SUFFIX}"


@dataclass(eq=False)
class _Work:
    """What all calls of one job share, and what they have cost."""

    engine: Engine
    job: Job
    folder: Path
    on_event: OnEvent
    cancelled: Callable[[], bool]
    costs: list[Cost | None] = field(default_factory=list)

    def learn(self) -> RemovalPlan:
        order = order_of(self.job, None, learn_only=True)
        result = heard_out(self.engine, order, self.on_event, self.cancelled)
        self.count(result)
        return RemovalPlan.from_bytes(result["output"])

    def restore(self, plan: RemovalPlan, num_chunks: int) -> list[RestoredChunk]:
        """Every chunk restored, in the order of time."""
        frame_bytes = probe(self.job.source).video.frame_bytes
        pieces = [_Piece(*span) for span in spans(len(plan.stamps), num_chunks, frame_bytes)]
        restored = _Restoring(self, plan, window_frames(frame_bytes), deque(pieces), self.engine.spec.max_workers).run()
        return [restored[start] for start in sorted(restored)]

    def count(self, result: Message) -> None:
        self.costs.append(Report.from_dict(result["report"]).cost)


@dataclass(eq=False)
class _Restoring:
    """The chunks of one plan: those that wait, those under way, those done (by their first frame)."""

    work: _Work
    plan: RemovalPlan
    window: int
    waiting: deque[_Piece]
    num_at_once: int
    under_way: dict[int, _Piece] = field(default_factory=dict)
    num_frames: dict[int, int] = field(default_factory=dict)  # restored so far
    done: dict[int, RestoredChunk] = field(default_factory=dict)

    def run(self) -> dict[int, RestoredChunk]:
        data = self.plan.to_bytes()
        with Fleet(self.work.engine, self.work.cancelled) as fleet:
            while self.waiting or self.under_way:
                while self.waiting and len(fleet) < self.num_at_once:
                    piece = self.waiting.popleft()
                    fleet.send(piece.start_index, self._order(piece, data))
                    self.under_way[piece.start_index] = piece
                key, message = fleet.next()
                if message is None:
                    self._over(key, fleet)
                else:
                    self._hear(key, message)
        return self.done

    def _order(self, piece: _Piece, plan: bytes) -> Order:
        chunk = Chunk(plan, piece.start_index, piece.stop_index, self.work.job.target.suffix)
        return replace(order_of(self.work.job, self._path(piece), chunk=chunk), marks=(), overwrite=True)

    def _path(self, piece: _Piece) -> Path:
        return self.work.folder / piece.name

    def _hear(self, key: int, message: Message) -> None:
        event = as_event(message)
        if isinstance(event, Progress):
            self.num_frames[key] = event.done
            total = len(self.plan.stamps)
            self.work.on_event(Progress("restore", sum(self.num_frames.values()), total))
        elif event:
            self.work.on_event(event)

    def _over(self, key: int, fleet: Fleet) -> None:
        piece = self.under_way.pop(key)
        path = self._path(piece)
        try:
            with told_of(self.work.job.target, path):
                result = fleet.result(key)
        except BudgetError as error:
            self._halve(piece, error)
            return
        except UnavailableError as error:
            self._wait(piece, error)
            return
        self.work.count(result)
        self.num_frames[key] = piece.stop_index - piece.start_index
        if isinstance(result["output"], bytes):
            with foreign_errors(Stage.WRITE, path):
                path.write_bytes(result["output"])
        self.done[key] = RestoredChunk(path, tuple(Count(*pair) for pair in result["counts"]))

    def _wait(self, piece: _Piece, error: UnavailableError) -> None:
        """Back to those that wait, and fewer at once from now on; or the error, where none is under way."""
        if not self.under_way:
            raise error
        self.waiting.appendleft(piece)
        self.num_at_once = len(self.under_way)
        self.work.on_event(Notice(f"{error.came}; now {self.num_at_once} chunks at once"))

    def _halve(self, piece: _Piece, error: BudgetError) -> None:
        """Two chunks of one, or the error, where it is a half already or a single window."""
        frames = f"frames {piece.start_index} to {piece.stop_index}"
        if piece.is_half or piece.stop_index - piece.start_index <= self.window:
            raise BudgetError(f"{error.came}, for {frames} alone", hint=error.hint) from error
        self.num_frames.pop(piece.start_index, None)
        halves = [_Piece(*span, is_half=True) for span in cut(piece.start_index, piece.stop_index, 2, self.window)]
        self.waiting.extendleft(reversed(halves))
        self.work.on_event(Notice(f"{error.came}, for {frames}; that time is lost, they are done anew in two halves"))


def _total(costs: list[Cost | None]) -> Cost | None:
    """Of all calls that gave a result; None where one's is not known, or none costs anything."""
    known = [cost for cost in costs if cost is not None]
    if not known or len(known) < len(costs):
        return None
    are_cold = {cost.is_cold for cost in known}
    return replace(
        known[0],
        usd=sum(cost.usd for cost in known),
        seconds=sum(cost.seconds for cost in known),
        is_cold=True if True in are_cold else known[0].is_cold,
    )
