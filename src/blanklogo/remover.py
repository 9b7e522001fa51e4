"""The one thing that every engine runs: load once, then take marks out, order after order.

In steps::

    remover = Remover()
    remover.load()
    for message in remover.run({"source": "/videos/clip.mp4", "target": "/videos/clip.clean.mp4"}):
        print(message)  # progress and notices, and last {"type": "result", "output": …, "report": {…}}
    remover.close()
"""

from __future__ import annotations

import os
import queue
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from blanklogo.errors import BlankLogoError, CancelledError
from blanklogo.transfer.guard.policy import Policy
from blanklogo.types import Chunk, Event, Job, Order, Progress

Message = dict[str, Any]

_QUEUE_LENGTH = 64  # events that may wait for whoever reads them; then the work waits


class Remover:
    """Takes marks out of videos. One at a time: whoever wants more runs more of these, each in a process of its own.

    An order's own URLs and paths are taken as they are; a guarded order's are asked for under `Policy.PUBLIC`, and what
    the worker's environment allows beyond it.
    """

    def __init__(self) -> None:
        self._guard = Policy.PUBLIC

    def load(self) -> None:
        """Everything that a removal needs, so that the first one is as quick as the others.

        Raises:
            OptionError: BLANKLOGO_ALLOWED_HOSTS does not fit.
        """
        import blanklogo.pipeline.run  # noqa: F401 (NumPy, OpenCV, SciPy and PyAV: most of a second)
        from blanklogo.pipeline.networks import shipped_detector

        shipped_detector()

        self._guard = Policy.from_environment(os.environ)

    def run(self, order: Order | Message, cancelled: Callable[[], bool] | None = None) -> Iterator[Message]:
        """Does an order; yields progress and notices while it runs, and last the result.

        The result is `{"type": "result", "output": URI, bytes or None, "report": {…}}`; of a chunk also `counts`, two
        numbers for each removal of its plan, see `pipeline.restore.Count`. Closing the iterator early
        cancels the work. `cancelled` is asked before every frame.

        Raises:
            BlankLogoError: as `pipeline.run`; TransferError when media cannot be fetched or brought.
        """
        order = order if isinstance(order, Order) else Order.from_dict(order)
        policy = self._guard if order.is_guarded else Policy.TRUSTED
        yield from _streamed(lambda tell, stopped: _removed(order, policy, tell, stopped), cancelled or _never)

    def close(self) -> None:
        """Gives back what `load` took."""


class GuardedRemover(Remover):
    """Takes every order as guarded: for workers that others than their operator can send orders to."""

    def run(self, order: Order | Message, cancelled: Callable[[], bool] | None = None) -> Iterator[Message]:
        order = order if isinstance(order, Order) else Order.from_dict(order)
        yield from super().run(replace(order, is_guarded=True), cancelled)


def _removed(order: Order, policy: Policy, tell: Callable[[Event], None], stopped: Callable[[], bool]) -> Message:
    from blanklogo.pipeline.run import run
    from blanklogo.transfer import check_deliverable, deliver, fetch, local_path, scratch_name

    check_deliverable(order.target, policy, overwrite=order.overwrite)
    with tempfile.TemporaryDirectory(prefix="blanklogo-") as name:
        folder = Path(name)
        (folder / "out").mkdir()
        source = fetch(order.source, folder / "in" / scratch_name(order.source, order.name), stopped, policy)
        marks = tuple(
            fetch(mark, folder / "marks" / f"{index}.png", stopped, policy) for index, mark in enumerate(order.marks)
        )
        target = local_path(order.target) or folder / "out" / scratch_name(order.target, order.name)
        job = _job(order, source, target, marks)
        if order.learn_only:
            return _learnt(job, tell, stopped)
        more = _chunk_restored(job, order.chunk, tell, stopped) if order.chunk else {"report": run(job, tell, stopped)}
        output = None if order.dry_run else deliver(target, order.target, stopped, policy)
    return {"type": "result", "output": output, **more, "report": more["report"].as_dict()}


def _learnt(job: Job, tell: Callable[[Event], None], stopped: Callable[[], bool]) -> Message:
    """The plan as the output."""
    from blanklogo.pipeline.chunked import learn_plan

    plan, report = learn_plan(job, tell, stopped)
    return {"type": "result", "output": plan.to_bytes(), "report": report.as_dict()}


def _chunk_restored(job: Job, chunk: Chunk, tell: Callable[[Event], None], stopped: Callable[[], bool]) -> Message:
    """The chunk's file written; the report, and the counts of pixels that a join adds up."""
    from blanklogo.pipeline.chunked import restore_chunk
    from blanklogo.pipeline.removal_plan import RemovalPlan

    plan, span = RemovalPlan.from_bytes(chunk.plan), (chunk.start_index, chunk.stop_index)
    counts, report = restore_chunk(job, plan, span, chunk.suffix, tell, stopped)
    return {"counts": [[count.num_pixels, count.num_unblended] for count in counts], "report": report}


def _job(order: Order, source: Path, target: Path, marks: tuple[Path, ...]) -> Job:
    return Job(
        source,
        target,
        mode=order.mode,
        platform=order.platform,
        marks=marks,
        boxes=order.boxes,
        within=order.within,
        codec=order.codec,
        quality=order.quality,
        networks=order.networks,
        overwrite=order.overwrite,
        dry_run=order.dry_run,
        limits=order.limits,
    )


def as_message(event: Event) -> Message:
    """An event in the form that crosses borders."""
    if isinstance(event, Progress):
        return {"type": "progress", "stage": event.stage, "done": event.done, "total": event.total}
    return {"type": "notice", "message": event.message}


def _streamed(
    work: Callable[[Callable[[Event], None], Callable[[], bool]], Message], cancelled: Callable[[], bool]
) -> Iterator[Message]:
    """The events of work that tells them by a callback, and its result, as they come; the work has its own thread."""
    told: queue.Queue[Message | BaseException] = queue.Queue(_QUEUE_LENGTH)
    left = threading.Event()

    def stopped() -> bool:
        return left.is_set() or cancelled()

    def tell(event: Event) -> None:
        _put(told, as_message(event), left)

    def body() -> None:
        try:
            _put(told, work(tell, stopped), left)
        except BaseException as error:  # whatever it is, it belongs to whoever reads
            _put(told, error, left)

    thread = threading.Thread(target=body, name="removal", daemon=True)
    thread.start()
    try:
        yield from _until_result(told)
    finally:
        left.set()
        thread.join()


def _until_result(told: queue.Queue[Message | BaseException]) -> Iterator[Message]:
    while True:
        message = told.get()
        if isinstance(message, BlankLogoError):
            raise message
        if isinstance(message, BaseException):
            raise RuntimeError("a removal failed in a way that it should not") from message
        yield message
        if message["type"] == "result":
            return


def _put(told: queue.Queue[Any], message: Any, left: threading.Event) -> None:
    """Waits for a place in the queue, but not for a reader that has gone."""
    while not left.is_set():
        try:
            told.put(message, timeout=0.1)
            return
        except queue.Full:
            continue
    if not isinstance(message, BaseException):
        raise CancelledError("nobody listens any more")


def _never() -> bool:
    return False
