"""Local files that go along inside an order, and come back inside its result, when the workers see other disks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from blanklogo.engines.base import Message
from blanklogo.errors import OptionError
from blanklogo.media.errors import Stage, foreign_errors
from blanklogo.media.output import check_target, pending_output
from blanklogo.transfer import local_path
from blanklogo.types import Order
from blanklogo.types.order import MAX_ATTACHED_BYTES, Media


def packed(order: Order) -> Order:
    """The same order with the bytes of local files instead of their paths, and no local target. A guarded one is left
    as it is: its paths are not ours to read, and a worker refuses them.

    Raises:
        OptionError: a file is too large to go along.
        SourceError: a file cannot be read.
        TargetError: the result could not be written afterwards.
    """
    if order.is_guarded:
        return order
    target = local_path(order.target)
    if target is not None and not order.dry_run:
        check_target(_source_path(order) or Path(order.name), target, order.overwrite)
    return replace(
        order,
        source=_bytes(order.source),
        marks=tuple(_bytes(mark) for mark in order.marks),
        target=order.target if target is None else None,
        name=f"video{(target or _source_path(order) or Path(order.name)).suffix}",
    )


def unpacked(result: Message, order: Order) -> Message:
    """The result of a packed order as if it had not been: its bytes at the target that the order named.

    Raises:
        TargetError: something appeared at the target meanwhile.
        WriteError: the disk refused.
    """
    target, data = None if order.is_guarded else local_path(order.target), result.get("output")
    if target is None or not isinstance(data, bytes):
        return result
    with (
        pending_output(_source_path(order) or Path(order.name), target, order.overwrite) as temporary,
        foreign_errors(Stage.WRITE, target),
    ):
        temporary.write_bytes(data)
    return result | {"output": order.target}


def _bytes(media: Media) -> Media:
    path = local_path(media) if isinstance(media, str) else None
    if path is None:
        return media
    with foreign_errors(Stage.OPEN, path):
        num_bytes = path.stat().st_size
        if num_bytes > MAX_ATTACHED_BYTES:
            raise OptionError(
                f"{path} of {num_bytes / 1e6:.0f} MB for a worker that does not see this disk",
                accepted=f"up to {MAX_ATTACHED_BYTES / 1e6:.0f} MB",
                hint="a URI that the worker can fetch (https:, s3:, gs:, az:)",
            )
        return path.read_bytes()


def _source_path(order: Order) -> Path | None:
    return local_path(order.source) if isinstance(order.source, str) else None
