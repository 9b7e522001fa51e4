"""`blanklogo models`: which network weights there are, bringing them here, and whether they are whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output
from blanklogo.config import load_model_settings
from blanklogo.errors import CancelledError, ModelError, WeightsError

if TYPE_CHECKING:
    from blanklogo.cli.stop import Stop
    from blanklogo.models.files import WeightsFile
    from blanklogo.models.weights import Weights
    from blanklogo.types import Event

models = typer.Typer(
    name="models", help="The networks' weights: list them, pull them, verify them.", rich_markup_mode=None
)

Names = Annotated[list[str], typer.Argument(metavar="NAME", help="As `models list` names it.", show_default=False)]
SomeNames = Annotated[
    list[str] | None,
    typer.Argument(metavar="[NAME]", help="Only these; default: all that are here.", show_default=False),
]


@models.command(name="list", epilog="Licences, and how to add weights of your own: docs/models.md.")
def list_(context: typer.Context, is_json: options.Json = False) -> int:
    """Say which weights there are, what for, and which of them are here."""
    place = _place()
    states = {name: _state(weights, place.folder) for name, weights in place.known.items()}
    words = [line for name, weights in place.known.items() for line in _words(weights, states[name])]
    words.append(f"pulled weights lie in {place.folder}")
    listed = [_fields(weights, place.folder) | {"state": states[name]} for name, weights in place.known.items()]
    Output(context.obj, is_json=is_json).result({"folder": str(place.folder), "weights": listed}, words, is_data=True)
    return 0


@models.command(
    epilog="""\b
Examples:
  blanklogo models pull big-lama
  BLANKLOGO_MODELS=/data/models blanklogo models pull big-lama-onnx"""
)
def pull(
    context: typer.Context,
    names: Names,
    is_offline: Annotated[bool, typer.Option("--offline", help="Fetch nothing; fail if it is not here.")] = False,
    is_json: options.Json = False,
    is_quiet: options.Quiet = False,
) -> int:
    """Bring weights to this machine, whole and with the right checksum, or not at all.

    The one command that fetches anything. What has come is kept when it is stopped, and gone on from next time.
    """
    from blanklogo.models.registry import find

    place = _place()
    wanted = [find(name, place.known) for name in dict.fromkeys(names)]
    with _told_how_to_go_on(wanted), Output(context.obj, is_json=is_json, is_quiet=is_quiet) as output:
        files = _pull_all(wanted, place, context.obj, output.event, is_offline=is_offline)
    told = [_fields(weights, place.folder) for weights in wanted]
    output.result({"folder": str(place.folder), "weights": told}, [f"{file.name}: {file.path}" for file in files])
    return 0


@models.command()
def verify(context: typer.Context, names: SomeNames = None, is_json: options.Json = False) -> int:
    """Read every file of weights that is here and compare its checksum. Exit code 1 if one is wrong."""
    from blanklogo.models.registry import find

    place = _place()
    wanted = [find(name, place.known) for name in dict.fromkeys(names or [])]
    if not wanted:
        wanted = [weights for weights in place.known.values() if weights.path_in(place.folder).exists()]
    faults = {weights.name: _fault(weights, place.folder) for weights in wanted}
    told = [_fields(weights, place.folder) | {"fault": faults[weights.name]} for weights in wanted]
    words = [f"{name}: {fault or 'good'}" for name, fault in faults.items()] or [f"no weights in {place.folder}"]
    Output(context.obj, is_json=is_json).result({"folder": str(place.folder), "weights": told}, words, is_data=True)
    return 1 if any(faults.values()) else 0


@dataclass(frozen=True)
class _Place:
    """Where weights are on this machine, and which are known here."""

    folder: Path
    known: Mapping[str, Weights]
    is_offline: bool


def _place() -> _Place:
    """What the file and the environment say. Raises OptionError as `load_model_settings` and `entries`."""
    from blanklogo.models.files import usual_folder
    from blanklogo.models.registry import entries

    said = {name: setting.value for name, setting in load_model_settings(os.environ).items()}
    folder = Path(said["folder"]).expanduser() if said["folder"] else usual_folder(os.environ)
    own_list = Path(said["list"]).expanduser() if said["list"] else None
    return _Place(folder, entries(folder, own_list), said["offline"])


def _pull_all(
    wanted: Sequence[Weights], place: _Place, stop: Stop, tell: Callable[[Event], None], *, is_offline: bool
) -> list[WeightsFile]:
    """One after the other, with one progress for all: the line is the narrow place, not the number of requests."""
    from blanklogo.models.fetch import pull as pull_one
    from blanklogo.types import Progress

    total_bytes, files, before_bytes = sum(weights.num_bytes for weights in wanted), [], 0

    def hear(event: Event) -> None:
        if isinstance(event, Progress):
            event = Progress(event.stage, before_bytes + event.done, total_bytes)
        tell(event)

    for weights in wanted:
        files.append(pull_one(weights, place.folder, hear, stop, offline=is_offline or place.is_offline))
        before_bytes += weights.num_bytes
    return files


@contextmanager
def _told_how_to_go_on(wanted: Sequence[Weights]) -> Iterator[None]:
    """A stop, said with what stays: other commands keep nothing, this one does."""
    try:
        yield
    except (CancelledError, KeyboardInterrupt) as error:
        command = " ".join(["blanklogo models pull", *(weights.name for weights in wanted)])
        raise CancelledError("stopped", hint=f"what has come is kept; `{command}` goes on from there") from error


def _fault(weights: Weights, folder: Path) -> str | None:
    from blanklogo.models.files import checked

    path = weights.path_in(folder)
    try:
        checked(weights, path)
    except (ModelError, WeightsError) as error:
        if not path.exists():
            raise  # it was asked for by its name
        return str(error)
    return None


def _state(weights: Weights, folder: Path) -> str:
    """By sizes alone: `verify` reads the files."""
    from blanklogo.models.files import part_path

    path = weights.path_in(folder)
    if path.is_file():
        whole = "shipped" if weights.is_shipped else "here"
        return whole if path.stat().st_size == weights.num_bytes else "damaged"
    part = part_path(path)
    return "partly here" if part.is_file() and part.stat().st_size else "not here"


def _words(weights: Weights, state: str) -> Iterator[str]:
    size = f"{weights.num_bytes / 1e6:.1f} MB"
    whole = f"{state}, version {weights.version}" if weights.version else state
    yield f"{weights.name:<20} {weights.purpose:<10} {weights.format:<12} {size:>9}  {weights.licence:<14} {whole}"
    if weights.description:
        yield f"  {weights.description}"


def _fields(weights: Weights, folder: Path) -> dict[str, Any]:
    return {
        "name": weights.name,
        "purpose": str(weights.purpose),
        "format": str(weights.format),
        "bytes": weights.num_bytes,
        "sha256": weights.sha256,
        "licence": weights.licence,
        "version": weights.version,
        "source": weights.source,
        "url": weights.url,
        "description": weights.description,
        "path": str(weights.path_in(folder)),
    }
