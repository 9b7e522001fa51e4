"""`blanklogo matte`: the mark's own picture, learnt from the video."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output
from blanklogo.cli.words import box_words

EPILOG = """\b
Examples:
  blanklogo matte clip.mp4 -o mark.png
  blanklogo matte clip.mp4 -o mark.png --box 24,18,180,64
  blanklogo remove other.mp4 --mark mark.png         use it on another video"""


def matte(
    context: typer.Context,
    source: options.Source,
    target: Annotated[
        Path, typer.Option("--output", "-o", metavar="PNG", help="The mark's picture, with alpha.", show_default=False)
    ],
    box: Annotated[
        str | None,
        typer.Option("--box", metavar="X,Y,W,H", help="The mark is here; do not search.", show_default=False),
    ] = None,
    platform: options.Platform = None,
    start: options.Start = None,
    end: options.End = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace PNG if it exists.")] = False,
    is_json: options.Json = False,
    is_quiet: options.Quiet = False,
) -> int:
    """Learn what the mark is from the video and write it as a PNG with alpha, for --mark.

    The video must move behind the mark: the more backgrounds, the truer the picture.
    """
    options.check_new_picture(target, source, overwrite=overwrite)
    chosen = {"platform": options.parse_platform(platform), "within": options.parse_range(start, end)}
    chosen |= {"networks": options.networks()}
    place = options.parse_box(box) if box else None
    with Output(context.obj, is_json=is_json, is_quiet=is_quiet) as output:
        from blanklogo import api

        learnt = api.estimate_matte(source, box=place, **chosen, on_event=output.event, cancelled=context.obj)
        api.save_matte(learnt, target)
    opacity = float(learnt.planes[0].alpha.max())
    fields = {
        "output": str(target),
        "box": learnt.box.as_list(),
        "origin": learnt.origin,
        "effective_backgrounds": round(learnt.effective_backgrounds, 1),
        "alpha_max": round(opacity, 3),
    }
    seen = f"learnt from {learnt.effective_backgrounds:.1f} independent backgrounds"
    words = [f"{source.name}: mark at {box_words(learnt.box)}, {opacity:.0%} opaque at most, {seen}", f"wrote {target}"]
    output.result(fields, words)
    return 0
