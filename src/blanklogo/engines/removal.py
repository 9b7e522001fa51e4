"""A job of this machine, done by any engine: its files named in an order, its events heard, its result put in place.

The engine's worker writes into a scratch folder beside the target, so that whatever happens to it, a kill in the middle
of a frame included, all that it left is removed with the folder.
"""

from __future__ import annotations

import queue
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from blanklogo.engines.base import Call, Engine, Message
from blanklogo.errors import BlankLogoError, PendingError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.output import pending_output
from blanklogo.types import Event, Job, Notice, Order, Progress, Report

_ASK_SECONDS = 0.1  # how often `cancelled` is asked
_ENDING_SECONDS = 15.0  # for a call that is given up to end, its worker's grace included


def run_on(engine: Engine, job: Job, on_event: Callable[[Event], None], cancelled: Callable[[], bool]) -> Report:
    """Does the job as `pipeline.run` would.

    Args:
        on_event, cancelled: called in the caller's thread.

    Raises:
        As `pipeline.run`, and EngineError; whatever it is, nothing was kept.
    """
    if job.dry_run:
        return _report(_done(engine.submit(_order(job, job.target)), on_event, cancelled))
    with pending_output(job.source, job.target, job.overwrite) as temporary, _scratch(job.target) as folder:
        scratch = folder / job.target.name
        with _told_of(job.target, scratch):
            result = _done(engine.submit(_order(job, scratch)), on_event, cancelled)
        with foreign_errors(Stage.WRITE, job.target):
            if isinstance(result["output"], bytes):
                temporary.write_bytes(result["output"])
            else:
                shutil.move(scratch, temporary)
    return _report(result)


def _order(job: Job, target: Path) -> Order:
    return Order(
        str(job.source.absolute()),
        str(target.absolute()),
        name=f"video{job.source.suffix}",  # only the suffix matters, and any name of a file may be odd
        mode=job.mode,
        platform=job.platform,
        marks=tuple(str(mark.absolute()) for mark in job.marks),
        boxes=job.boxes,
        within=job.within,
        codec=job.codec,
        quality=job.quality,
        dry_run=job.dry_run,
    )


def _done(call: Call, on_event: Callable[[Event], None], cancelled: Callable[[], bool]) -> Message:
    """Hears the call out; its result. Whatever happens here, an interruption included, the call is not left alone."""
    heard: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(call, heard), name="events", daemon=True).start()
    try:
        for message in _until_over(heard, call, cancelled):
            if event := _as_event(message):
                on_event(event)
    except BaseException:
        call.cancel()
        _wait(call)
        raise
    return call.result()


def _listen(call: Call, heard: queue.SimpleQueue[Message | None]) -> None:
    for message in call.events():
        heard.put(message)
    heard.put(None)


def _until_over(
    heard: queue.SimpleQueue[Message | None], call: Call, cancelled: Callable[[], bool]
) -> Iterator[Message]:
    while True:
        if cancelled():
            call.cancel()
        try:
            message = heard.get(timeout=_ASK_SECONDS)
        except queue.Empty:
            continue
        if message is None:
            return
        yield message


def _wait(call: Call) -> None:
    try:
        call.result(_ENDING_SECONDS)
    except (BlankLogoError, PendingError):
        return


def _as_event(message: Message) -> Event | None:
    """The event; None for the result, and for what a newer worker may say."""
    if message["type"] == "progress":
        return Progress(message["stage"], message["done"], message["total"])
    return Notice(message["message"]) if message["type"] == "notice" else None


def _report(result: Message) -> Report:
    return Report.from_dict(result["report"])


@contextmanager
def _scratch(target: Path) -> Iterator[Path]:
    with foreign_errors(Stage.WRITE, target):
        folder = Path(tempfile.mkdtemp(prefix=f".{target.stem[:80]}.", suffix=".part", dir=target.absolute().parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _told_of(target: Path, scratch: Path) -> Iterator[None]:
    """Errors name the target, not the scratch file that stood for it."""
    try:
        yield
    except BlankLogoError as error:
        raise error.renamed(str(scratch), str(target)) from error
