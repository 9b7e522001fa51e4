"""What a job of this machine needs to go through an engine: its order, a scratch folder, its own words.

An engine's worker writes into a scratch folder beside the target, so that whatever happens to it, a kill in the middle
of a frame included, all that it left is removed with the folder.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from blanklogo.engines.base import Message
from blanklogo.errors import BlankLogoError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.types import Event, Job, Notice, Order, Progress


def order_of(job: Job, target: Path | None, **more: Any) -> Order:
    """The job as an order with another target; None: what is made comes back as bytes."""
    return Order(
        str(job.source.absolute()),
        target and str(target.absolute()),
        name=f"video{job.source.suffix}",  # only the suffix matters, and any name of a file may be odd
        mode=job.mode,
        platform=job.platform,
        marks=tuple(str(mark.absolute()) for mark in job.marks),
        boxes=job.boxes,
        within=job.within,
        codec=job.codec,
        quality=job.quality,
        networks=job.networks,
        dry_run=job.dry_run,
        limits=job.limits,
        **more,
    )


def as_event(message: Message) -> Event | None:
    """The event; None for the result, and for what a newer worker may say."""
    if message["type"] == "progress":
        return Progress(message["stage"], message["done"], message["total"])
    return Notice(message["message"]) if message["type"] == "notice" else None


@contextmanager
def scratch_beside(target: Path) -> Iterator[Path]:
    """A folder that is gone afterwards, with all that is in it."""
    with foreign_errors(Stage.WRITE, target):
        folder = Path(tempfile.mkdtemp(prefix=f".{target.stem[:80]}.", suffix=".part", dir=target.absolute().parent))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def told_of(target: Path, scratch: Path) -> Iterator[None]:
    """Errors name the target, not the scratch file that stood for it."""
    try:
        yield
    except BlankLogoError as error:
        raise error.renamed(str(scratch), str(target)) from error
