"""Files of this machine in an order for another one: read and sent as bytes, and the result written where it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from blanklogo.errors import OptionError, SourceError, WriteError
from blanklogo.transfer import local_path
from blanklogo.types import Order
from blanklogo.types.order import MAX_ATTACHED_BYTES, Media


def attached(order: Order) -> Order:
    """The order with its local files in it as bytes, and without a local target, which only this machine can write.

    Raises:
        SourceError: a file cannot be read.
        OptionError: a file is too large to travel inside an order.
        TargetError: the local target does not fit.
    """
    target = _local_target(order)
    if target is not None:
        from blanklogo.media.output import check_target

        check_target(_local(order.source) or Path(order.name), target, order.overwrite)
    name = Path((_local(order.source) or Path(order.name)).name)
    return replace(
        order,
        source=_read(order.source),
        name=name.stem + (target or name).suffix,  # which container comes back is the target's to say
        marks=tuple(_read(mark) for mark in order.marks),
        target=None if target else order.target,
    )


def delivered(order: Order, output: str | bytes | None) -> str | bytes | None:
    """A result's output, written to the order's local target if it has one.

    Args:
        order: as the caller gave it.

    Returns:
        The target that was written, or the output as it came.

    Raises:
        TargetError: the target does not fit (any more).
        WriteError: the disk refused.
    """
    target = _local_target(order)
    if target is None or not isinstance(output, bytes):
        return output
    from blanklogo.media.output import pending_output

    with pending_output(_local(order.source) or Path(order.name), target, order.overwrite) as temporary:
        try:
            temporary.write_bytes(output)
        except OSError as error:
            raise WriteError(f"cannot write {target}: {error.strerror}") from error
    return order.target


def _local_target(order: Order) -> Path | None:
    return None if order.dry_run else local_path(order.target)


def _local(media: Media) -> Path | None:
    return None if isinstance(media, bytes) else local_path(media)


def _read(media: Media) -> Media:
    path = _local(media)
    if path is None:
        return media
    try:
        num_bytes = path.stat().st_size
        if num_bytes > MAX_ATTACHED_BYTES:
            raise OptionError(
                f"{path}, {num_bytes / 1e6:.0f} MB, would travel inside the order",
                accepted=f"up to {MAX_ATTACHED_BYTES / 1e6:.0f} MB",
                hint="a URI that both sides see (https:, s3:, gs:, az:)",
            )
        return path.read_bytes()
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
