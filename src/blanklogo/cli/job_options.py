"""Options of `blanklogo jobs`, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from blanklogo.cli import options
from blanklogo.config import MODES
from blanklogo.errors import TargetError
from blanklogo.home import home_folder

CODECS = ("h264", "hevc")  # that a service encodes to
STATES = ("queued", "processing", "completed", "failed", "cancelled")

Id = Annotated[str, typer.Argument(metavar="JOB", help="As `jobs submit` says it.", show_default=False)]
Url = Annotated[
    str | None,
    typer.Option("--url", metavar="URL", help="The service; default: the variable BLANKLOGO_URL.", show_default=False),
]
Target = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="Where the result goes: a file or a folder; default: here, under the service's name for it.",
        show_default=False,
    ),
]
FetchTo = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="OUT", help="Wait, and fetch the result to here.", show_default=False),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")]
Sources = Annotated[
    list[str],
    typer.Argument(metavar="IN...", help="The video: a file or an http(s) URL; up to 20.", show_default=False),
]
Confirmed = Annotated[
    bool,
    typer.Option(
        "--rights-confirmed", help="Say that you own the video or hold the rights to change it; required, and noted."
    ),
]
Mode = Annotated[
    str | None, typer.Option("--mode", metavar="MODE", help=f"{', '.join(MODES)} [default: auto].", show_default=False)
]
Codec = Annotated[
    str | None,
    typer.Option("--codec", metavar="NAME", help=f"{', '.join(CODECS)} [default: as IN].", show_default=False),
]
Quality = Annotated[
    float | None,
    typer.Option(
        "--quality", metavar="CRF", help="0 (lossless) to 51 [default: visually lossless].", show_default=False
    ),
]
Fresh = Annotated[bool, typer.Option("--fresh", help="Have it made anew, though the same was made before.")]
Key = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="NAME",
        help="A name for this job: submitted again under it within two days, it is the same job.",
        show_default=False,
    ),
]
Waiting = Annotated[bool, typer.Option("--wait", help="Wait until it is over.")]
Timeout = Annotated[
    float | None, typer.Option("--timeout", metavar="SECONDS", min=0, help="No longer than this.", show_default=False)
]
States = Annotated[
    list[str] | None,
    typer.Option(
        "--status", metavar="STATUS", help=f"Only: {', '.join(STATES)}. May be given again.", show_default=False
    ),
]
Batch = Annotated[str | None, typer.Option("--batch", metavar="BATCH", help="Only of this batch.", show_default=False)]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=100, help="So many at most.")]
Offset = Annotated[int, typer.Option("--offset", metavar="N", min=0, help="Leave out the newest N.")]


@dataclass(frozen=True)
class Fetch:
    """Where a result goes. Raises TargetError, before anything is asked for: it cannot.

    Attributes:
        is_of_many: several go there, so that it must be a folder.
    """

    target: Path | None
    overwrite: bool
    is_of_many: bool = False

    def __post_init__(self) -> None:
        from blanklogo.client.files import check_target

        if self.is_of_many and self.target is not None and not self.target.is_dir():
            accepted = "of several videos a folder that exists"
            raise TargetError(f"{self.target} is no folder", accepted=accepted, hint=f"mkdir -p {self.target}")
        if self.target is not None and not self.target.is_dir():
            check_target(self.target, overwrite=self.overwrite)


def how(
    mode: str | None, platform: str | None, boxes: list[str] | None, start: str | None, end: str | None
) -> dict[str, Any]:
    """Options as the client takes them; what the service cannot know is looked at before anything is sent."""
    within = options.parse_range(start, end)
    return {
        "mode": mode,
        "platform": options.parse_platform(platform),
        "boxes": options.parse_boxes(boxes) or None,
        "start_seconds": within.start_seconds or None,
        "end_seconds": None if end is None else within.end_seconds,
    }


def notes_folder(environ: Mapping[str, str], platform: str) -> Path:
    """Where uploads under way are noted, so that the same command goes on with them.

    `$XDG_STATE_HOME/blanklogo/uploads`, `~/.local/state/blanklogo/uploads`; `~/Library/Application Support/…` on a Mac;
    `%LOCALAPPDATA%\\…` on Windows.
    """
    home = home_folder(environ)
    if platform == "win32":
        state = Path(environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif platform == "darwin":
        state = home / "Library" / "Application Support"
    else:
        state = Path(environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return state / "blanklogo" / "uploads"
