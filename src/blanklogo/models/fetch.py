"""Brings weights onto this machine, when told to: whole and with the right checksum, or not at all.

Beside `NAME.pt`, where the file will be, lie while it comes: `NAME.pt.part`, what has come; `NAME.pt.part.json`, of
which version of which file that is; `NAME.pt.lock`, held by whoever brings it. A process that is killed leaves them,
and the next goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from blanklogo.errors import ModelError, TransferError, WeightsError
from blanklogo.models.files import WeightsFile, checked, disk_errors, part_path
from blanklogo.models.formats import format_of
from blanklogo.models.lock import held
from blanklogo.models.part import Part, label_path
from blanklogo.models.weights import Weights
from blanklogo.net.http import client, get, plain
from blanklogo.net.pieces import Cancelled, named, stop_if
from blanklogo.types import Event, Notice


def pull(
    weights: Weights,
    folder: Path,
    on_event: Callable[[Event], None] = lambda event: None,
    cancelled: Cancelled = lambda: False,
    *,
    offline: bool = False,
) -> WeightsFile:
    """The file of these weights in the folder, fetched if it is not there; what is in the package is only looked at.

    Args:
        on_event: told the progress in bytes (stage "pull"), and what else is to be known.
        cancelled: asked between pieces. What has come by then is kept, and gone on from next time.
        offline: nothing is fetched.

    Raises:
        WeightsError: offline and not there; or what came is of a format that is not accepted.
        TransferError: it could not be fetched; what has come is kept.
        ModelError: what came is not what the entry says; nothing of it is kept.
        WriteError: the disk refused; what has come is kept.
        CancelledError: stopped.
    """
    place = weights.path_in(folder)
    if weights.is_shipped:
        return checked(weights, place)
    try:
        return checked(weights, place)
    except (ModelError, WeightsError) as error:  # not there, or damaged: then it is replaced
        if offline:
            came = f"{error.came}, and nothing is fetched while offline"
            raise WeightsError(came, hint=_by_hand(weights, place)) from error
        if place.exists():
            on_event(Notice(f"{error.came}; pulling it anew"))
    with disk_errors(place):
        folder.mkdir(parents=True, exist_ok=True)
        with held(place.with_name(f"{place.name}.lock"), _waiting(weights, on_event, cancelled)):
            return _there(weights, place) or _fetched(weights, place, on_event, cancelled)


def _there(weights: Weights, place: Path) -> WeightsFile | None:
    """What another process may have brought while this one waited."""
    try:
        return checked(weights, place)
    except (ModelError, WeightsError):
        return None


def _fetched(weights: Weights, place: Path, on_event: Callable[[Event], None], cancelled: Cancelled) -> WeightsFile:
    path = part_path(place)
    try:
        _fill(path, weights, place, on_event, cancelled)
        if (found := format_of(path)) is not weights.format:
            raise ModelError(f"{weights.url} holds {found}, and its entry says {weights.format}", hint="mend its entry")
    except (ModelError, WeightsError) as error:
        path.unlink(missing_ok=True)
        label_path(path).unlink(missing_ok=True)
        raise error.renamed(str(path), named(weights.url or "")) from error
    os.replace(path, place)
    label_path(path).unlink(missing_ok=True)
    return WeightsFile(place, weights.sha256, found, weights)


def _fill(path: Path, weights: Weights, place: Path, on_event: Callable[[Event], None], cancelled: Cancelled) -> None:
    """All bytes into the part, those that are there already included, and their sum."""
    path.touch()
    with path.open("r+b") as file:
        part = Part(file, path, weights, on_event)
        part.take_up(cancelled)
        if part.num_bytes < weights.num_bytes:
            _get(part, weights, place, cancelled)
        part.check()
        file.flush()
        os.fsync(file.fileno())


def _get(part: Part, weights: Weights, place: Path, cancelled: Cancelled) -> None:
    try:
        with client() as connection:
            get(plain(connection, part.uri), part.uri, part, cancelled)
    except TransferError as error:
        raise TransferError(error.came, accepted=error.accepted, hint=_by_hand(weights, place)) from error


def _by_hand(weights: Weights, place: Path) -> str:
    return f"blanklogo models pull {weights.name} with a network; or bring {weights.url} to {place} yourself"


def _waiting(weights: Weights, on_event: Callable[[Event], None], cancelled: Cancelled) -> Callable[[], None]:
    """What is done while another process brings the same: say so once, and heed a stop."""
    notices = iter([Notice(f"{weights.name} is being pulled by another process; waiting for it")])

    def wait() -> None:
        for notice in notices:
            on_event(notice)
        stop_if(cancelled)

    return wait
