"""`blanklogo preview`: before and after, in one picture."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output

EPILOG = """\b
Examples:
  blanklogo preview clip.mp4 -o look.png
  blanklogo preview clip.mp4 -o look.png --mark logo.png"""


def preview(
    context: typer.Context,
    source: options.Source,
    target: Annotated[Path, typer.Option("--output", "-o", metavar="PNG", help="The picture.", show_default=False)],
    platform: options.Platform = None,
    marks: options.Marks = None,
    boxes: options.Boxes = None,
    start: options.Start = None,
    end: options.End = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace PNG if it exists.")] = False,
    is_json: options.Json = False,
    is_quiet: options.Quiet = False,
) -> int:
    """Draw one frame before and after, with the boxes and the matte, without writing a video."""
    options.check_new_picture(target, source, *(marks or ()), overwrite=overwrite)
    chosen = {
        "platform": options.parse_platform(platform),
        "marks": tuple(marks or ()),
        "boxes": options.parse_boxes(boxes),
        "within": options.parse_range(start, end),
        "networks": options.networks(),
    }
    with Output(context.obj, is_json=is_json, is_quiet=is_quiet) as output:
        from blanklogo import api

        drawn = api.preview(source, target, **chosen, on_event=output.event, cancelled=context.obj)
    output.result({"output": str(drawn)}, [f"wrote {drawn}"])
    return 0
