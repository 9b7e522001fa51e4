"""`blanklogo demo`: makes a clip with a mark, removes the mark, scores the result."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blanklogo.cli.output import Output
from blanklogo.cli.words import decibels

if TYPE_CHECKING:
    from blanklogo.demo import DemoResult

EPILOG = """\b
Example:
  blanklogo demo /tmp/demo"""


def demo(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the clips and the picture go.")] = Path(
        "demo"
    ),
) -> int:
    """Make a clip with a mark, remove the mark, score the result against the truth, and draw before and after."""
    with Output(context.obj, asks_stop=False) as output:
        from blanklogo.demo import run_demo

        made = run_demo(folder, on_event=output.event)
    output.result({}, demo_words(made))
    return 0


def demo_words(made: DemoResult) -> list[str]:
    """How well it went, and where to look."""
    before, after = made.before.psnr_inside_db, made.after.psnr_inside_db
    return [
        f"the mark's place against the truth: {decibels(before)} before, {decibels(after)} after (PSNR)",
        f"the result's own check: {made.report.verify.status}, after {made.removal_seconds:.1f} s",
        f"clips: {made.marked} and {made.clean}",
        f"before and after: {made.picture.absolute()}",
    ]
