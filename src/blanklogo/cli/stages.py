"""Stages as they happen: a table on a terminal, lines elsewhere, NDJSON for scripts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from blanklogo.cli.output import print_lines, printable, write_line
from blanklogo.cli.stop import Stop

if TYPE_CHECKING:
    from blanklogo.rehearsal.stages import Stage

NAME_CHARACTERS = 18


@contextmanager
def stage_view(stop: Stop, *, is_json: bool) -> Iterator[Callable[[Stage], None]]:
    """What a stage is told to when it starts and when it is done."""
    if is_json:
        yield lambda stage: None if stage.seconds is None else write_line({"type": "stage", **stage.as_dict()}, stop)
    elif sys.stderr.isatty():
        with _live_table() as tell:
            yield tell
    else:
        yield _print_done


def _print_done(stage: Stage) -> None:
    if stage.seconds is not None:
        print_lines([f"{stage.name:<{NAME_CHARACTERS}} {stage.seconds:6.2f} s  {stage.detail}".rstrip()], is_data=False)


@contextmanager
def _live_table() -> Iterator[Callable[[Stage], None]]:
    from rich.console import Console
    from rich.live import Live

    stages: dict[str, Stage] = {}
    with Live(_table(stages), console=Console(stderr=True), refresh_per_second=8) as live:

        def tell(stage: Stage) -> None:
            stages[stage.name] = stage
            live.update(_table(stages), refresh=True)

        yield tell


def _table(stages: dict[str, Stage]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table("stage", "seconds", "what came", box=None, padding=(0, 2, 0, 0))
    table.columns[1].justify = "right"
    for stage in stages.values():
        seconds = "…" if stage.seconds is None else f"{stage.seconds:.2f}"
        table.add_row(stage.name, seconds, Text(printable(stage.detail)))
    return table
