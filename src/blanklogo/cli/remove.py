"""`blanklogo remove`: takes the mark out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from blanklogo.cli import options
from blanklogo.cli.many import NO_MARK_STRICT, Place, Removal, pairs_of, remove_all
from blanklogo.cli.output import Output
from blanklogo.config import CODECS, ENGINES, KEYS, checked, from_text, load_settings

Sources = Annotated[list[Path], typer.Argument(metavar="IN", help="The videos.", show_default=False)]
Target = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="The result; of several IN, the folder for them [default: IN with .clean before its suffix].",
        show_default=False,
    ),
]
Mode = Annotated[
    str | None,
    typer.Option(
        "--mode",
        metavar="MODE",
        show_default=False,
        help="auto (each pixel its own way), inpaint (invent all under the mark) or crop (cut off the edge "
        "that holds it) [default: auto].",
    ),
]
Codec = Annotated[
    str | None,
    typer.Option("--codec", metavar="NAME", show_default=False, help=f"{', '.join(CODECS)} [default: as IN]."),
]
Quality = Annotated[
    str | None,
    typer.Option(
        "--quality",
        metavar="CRF",
        show_default=False,
        help="Constant rate factor, 0 (lossless) to 51 (worst) [default: visually lossless].",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="NAME",
        show_default=False,
        help=f"Where it runs: {', '.join(ENGINES)} [default: inline, in this process]; or several, as in modal,pool: "
        "what the first cannot serve goes to the next. See docs/engines.md.",
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="HOST:PORT",
        show_default=False,
        help="Of the Ray cluster [default: a Ray of its own on this machine].",
    ),
]
Chunks = Annotated[
    int | None,
    typer.Option(
        "--chunks",
        metavar="N",
        min=2,
        show_default=False,
        help="Restore one long video in N parts at once, with --engine [default: in one; in parts if it is over the "
        "engine's time limit]. See docs/fallback.md.",
    ),
]
Overwrite = Annotated[
    bool | None, typer.Option("--overwrite/--no-overwrite", help="Replace OUT if it exists.", show_default=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Find and plan; write nothing.")]
Strict = Annotated[bool, typer.Option("--strict", help=f"Exit {NO_MARK_STRICT} when no mark was found.")]

EPILOG = """\b
Examples:
  blanklogo remove clip.mp4                          writes clip.clean.mp4
  blanklogo remove clip.mp4 --platform tiktok        look harder where TikTok puts its mark
  blanklogo remove clip.mp4 --mark logo.png          the mark's own picture: best on a tripod
  blanklogo remove clip.mp4 --box 24,18,180,64       the mark is here; do not search
  blanklogo remove clip.mp4 --from 3 --to 1:05.5     only this part
  blanklogo remove clip.mp4 --dry-run                say what would be done
  blanklogo remove clip.mp4 --json | jq .            for scripts
  blanklogo remove *.mp4 -o clean --engine pool      many, as many at once as there are cores
  blanklogo remove long.mp4 --engine pool --chunks 4 one long video, in four parts

Exit codes: 0 done (a video without a mark included; with --strict that is 3), 1 failed, 2 asked for wrongly (the
message says what came, what is accepted and what to try), 130 interrupted. Of several IN each is done whatever
becomes of the others, and the code is the worst. The input is never written to, and the output is whole or not
there."""


def remove(
    context: typer.Context,
    sources: Sources,
    target: Target = None,
    mode: Mode = None,
    platform: options.Platform = None,
    marks: options.Marks = None,
    boxes: options.Boxes = None,
    start: options.Start = None,
    end: options.End = None,
    codec: Codec = None,
    quality: Quality = None,
    detector: options.Detector = None,
    inpainter: options.Inpainter = None,
    device: options.Device = None,
    engine: Engine = None,
    address: Address = None,
    chunks: Chunks = None,
    overwrite: Overwrite = None,
    dry_run: DryRun = False,
    strict: Strict = False,
    is_json: options.Json = False,
    is_quiet: options.Quiet = False,
) -> int:
    """Take the mark out of videos; everything else stays as it was.

    Finds the mark, learns what it is, computes what lies under it, and reads the result back. Without --mark or
    --box the mark is searched for. When none is found, OUT is a byte-for-byte copy of IN.
    """
    given = {"mode": mode, "platform": platform, "codec": codec, "quality": quality, "overwrite": overwrite}
    chosen = {"detector": detector, "inpainter": inpainter, "device": device}
    how = effective(given | chosen | {"engine": engine})
    how |= {"marks": tuple(marks or ()), "boxes": options.parse_boxes(boxes), "within": options.parse_range(start, end)}
    how |= {"dry_run": dry_run, "chunks": chunks, "networks": options.networks(*map(how.pop, chosen))}
    removal = Removal(pairs_of(sources, target), how, Place(how.pop("engine"), address), is_strict=strict)
    output = Output(context.obj, is_json=is_json, is_quiet=is_quiet, num_sources=len(sources))
    return remove_all(removal, output, context.obj)


def effective(given: dict[str, Any]) -> dict[str, Any]:
    """What holds for each setting: the option if given, else the user's default.

    Raises:
        OptionError: an option's or a default's value does not fit.
    """
    settings = load_settings(os.environ)
    chosen = {name: settings[name].value for name in KEYS}
    for name, value in given.items():
        if value is not None:
            read = from_text if isinstance(value, str) else checked
            chosen[name] = read(name, value, f"--{name}")
    return chosen
