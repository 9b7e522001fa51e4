"""Options that several commands share, and how their texts are read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blanklogo.config import DEVICES, PLATFORMS, checked, load_model_settings, load_settings
from blanklogo.errors import OptionError, TargetError

if TYPE_CHECKING:
    from blanklogo.types import Box, Networks, TimeRange

Source = Annotated[Path, typer.Argument(metavar="IN", help="The video.", show_default=False)]
Platform = Annotated[
    str | None,
    typer.Option(
        "--platform",
        metavar="NAME",
        help=f"Where the video came from; weighs where to look, never invents a mark: {', '.join(PLATFORMS)}.",
        show_default=False,
    ),
]
Marks = Annotated[
    list[Path] | None,
    typer.Option(
        "--mark", metavar="PNG", help="The mark's own picture, with alpha. May be given again.", show_default=False
    ),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        "--box",
        metavar="X,Y,W,H",
        help="A mark is here: left, top, width, height in px. May be given again.",
        show_default=False,
    ),
]
Detector = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="NAME",
        help="The network that looks beside evidence over time: auto (the one in the package), none, a name "
        "that `blanklogo models list` gives, or an ONNX or TorchScript file of a YOLO detector.",
        show_default=False,
    ),
]
Inpainter = Annotated[
    str | None,
    typer.Option(
        "--inpainter",
        metavar="NAME",
        help="The network that makes up what is wholly hidden before a camera that stands still: auto (the one that "
        "comes with the package, where it proves itself), none, a name that `blanklogo models list` gives, or an ONNX "
        "or TorchScript file of LaMa.",
        show_default=False,
    ),
]
Device = Annotated[
    str | None,
    typer.Option("--device", metavar="NAME", help=f"What networks run on: {', '.join(DEVICES)}.", show_default=False),
]
Start = Annotated[
    str | None,
    typer.Option("--from", metavar="T", help="Not before: seconds or hh:mm:ss.s.", show_default=False),
]
End = Annotated[
    str | None,
    typer.Option("--to", metavar="T", help="Only up to: seconds or hh:mm:ss.s.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="NDJSON on stdout, as in docs/report.md.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no summary; errors are still told.")]

_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)")


def parse_box(text: str) -> Box:
    """ "24,18,180,64" → a box 180 px wide and 64 px high, its corner at column 24, row 18.

    Raises:
        OptionError: the text is not four whole numbers, or the box is empty or starts outside the frame.
    """
    from blanklogo.types import Box

    parts = re.fullmatch(r"\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*,\s*(-?\d+)\s*", text)
    accepted = "X,Y,W,H in px: the left column and the top row from 0, a width and a height from 1"
    if not parts:
        raise OptionError(f"--box {text!r}", accepted=accepted, hint="--box 24,18,180,64")
    x, y, width, height = map(int, parts.groups())
    if min(x, y) < 0 or min(width, height) < 1:
        raise OptionError(f"--box {text!r}", accepted=accepted)
    return Box(x, y, x + width, y + height)


def parse_boxes(texts: list[str] | None) -> tuple[Box, ...]:
    """Each text's box."""
    return tuple(parse_box(text) for text in texts or ())


def parse_seconds(text: str, option: str) -> float:
    """ "65.5", "1:05.5" and "0:01:05.5" → 65.5.

    Raises:
        OptionError: the text is no time.
    """
    match = _CLOCK.fullmatch(text.strip())
    if not match or (match[2] and float(match[3]) >= 60) or (match[1] and int(match[2]) >= 60):
        raise OptionError(f"{option} {text!r}", accepted="seconds (65.5) or a clock time (1:05.5, 0:01:05.5)")
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])


def parse_range(start: str | None, end: str | None) -> TimeRange:
    """The part between `--from` and `--to`; without them, everything.

    Raises:
        OptionError: one is no time, or the part is empty.
    """
    from blanklogo.types import TimeRange

    limits = {}
    if start is not None:
        limits["start_seconds"] = parse_seconds(start, "--from")
    if end is not None:
        limits["end_seconds"] = parse_seconds(end, "--to")
    if start is not None and end is not None and limits["end_seconds"] <= limits["start_seconds"]:
        raise OptionError(f"--from {start} --to {end} leaves nothing", accepted="an end after the start")
    return TimeRange(**limits)


def parse_platform(text: str | None) -> str | None:
    """The platform, if it is one.

    Raises:
        OptionError: it is not.
    """
    return None if text is None else checked("platform", text, "the command line")


def networks(detector: str | None = None, inpainter: str | None = None, device: str | None = None) -> Networks:
    """The networks that were asked for, the user's defaults where nothing was.

    Raises:
        OptionError: no such device, or a default does not fit.
    """
    from blanklogo.types import Networks

    settings, lie = load_settings(os.environ), load_model_settings(os.environ)
    folder, own_list = (Path(lie[name].value) if lie[name].value else None for name in ("folder", "list"))
    return Networks(
        detector=detector or settings["detector"].value,
        inpainter=inpainter or settings["inpainter"].value,
        device=device or settings["device"].value,
        folder=folder,
        own_list=own_list,
    )


def check_new_picture(path: Path, *inputs: Path, overwrite: bool, option: str = "-o") -> None:
    """Refuses a picture's place before the work, not after it.

    Raises:
        OptionError: the name is not a PNG's.
        TargetError: something is there and `overwrite` is not given, it is an input or a folder, or its folder is
            missing or may not be written to.
    """
    from blanklogo.media.output import check_folder, check_not_input

    if path.suffix.lower() != ".png":
        hint = str(path.with_suffix(".png")) if path.name else None
        raise OptionError(f"{option} {path}", accepted="a name that ends in .png", hint=hint)
    check_folder(path)
    check_not_input(path, *inputs)
    if path.is_dir():
        raise TargetError(f"the output {path} is a folder", accepted="a file name")
    if os.path.lexists(path) and not overwrite:
        raise TargetError(f"{path} exists", accepted="a place where nothing is", hint="--overwrite, or another name")
