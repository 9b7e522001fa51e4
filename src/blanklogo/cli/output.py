"""What the command says: NDJSON for scripts on stdout, words and a progress bar for people on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from blanklogo.cli.stop import Stop
from blanklogo.errors import BlankLogoError, WriteError

if TYPE_CHECKING:
    from blanklogo.types import Event, Notice, Progress

STAGE_WORDS = {
    "look": "looking for marks",
    "learn": "learning the mark",
    "restore": "restoring",
    "verify": "checking the result",
}
PROGRESS_INTERVAL_SECONDS = 0.2  # often enough to look alive, and a long video's lines stay few


def print_error(error: BlankLogoError) -> None:
    """The error, for people: one line each for what came, what is accepted and what to try."""
    lines = [f"blanklogo: {error.came}"]
    if error.accepted:
        lines.append(f"  accepted: {error.accepted}")
    if error.hint:
        lines.append(f"  try: {error.hint}")
    print_lines(lines, is_data=False)


def print_lines(lines: list[str], *, is_data: bool) -> None:
    """Lines for people, on stdout if they are what was asked for, else on stderr.

    Raises:
        WriteError: the disk under stdout refused.
    """
    text = "\n".join(map(printable, lines))
    if not is_data:
        print(text, file=sys.stderr)
        return
    with _disk_under_stdout():
        print(text, flush=True)


def printable(text: str) -> str:
    """The text with everything escaped that a terminal would act on; names and tags come from files of strangers."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode() for letter in text
    )


def write_line(message: dict[str, Any], stop: Stop) -> None:
    """One NDJSON object on stdout. When its reader has gone, asks for a stop instead of failing.

    Raises:
        WriteError: the disk under stdout refused.
    """
    try:
        with _disk_under_stdout():
            sys.stdout.write(json.dumps(finite(message), allow_nan=False) + "\n")  # one write, whatever thread it is
            sys.stdout.flush()
    except BrokenPipeError:
        _leave_stdout()
        stop.request(exit_code=1)


@contextmanager
def _disk_under_stdout() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        _leave_stdout()
        raise WriteError(f"stdout could not be written: {error.strerror}", hint="free some disk space") from error


def _leave_stdout() -> None:
    """What is buffered must go somewhere when the interpreter flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def finite(value: Any) -> Any:
    """A copy with null for what JSON cannot say (an endless range ends at infinity)."""
    if isinstance(value, dict):
        return {key: finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [finite(part) for part in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


class Output:
    """Everything one command says while it works. Used as a context: the progress bar lives inside it.

    Args:
        stop: told when stdout's reader has gone.
        is_json: NDJSON on stdout; the summary in words is left out.
        is_quiet: no bar, no notices, no summary.
        asks_stop: the work inside the context asks `stop` itself, so that a first signal need not interrupt it.
    """

    def __init__(self, stop: Stop, *, is_json: bool = False, is_quiet: bool = False, asks_stop: bool = True) -> None:
        self._stop = stop
        self._asks_stop = asks_stop
        self._is_json = is_json
        self._is_quiet = is_quiet
        self._ending = ExitStack()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._last_told: dict[str, float] = {}

    def __enter__(self) -> Self:
        with self._ending:
            if self._asks_stop:
                self._ending.enter_context(self._stop.asked())
            if self._wants_bar():
                self._bar = self._ending.enter_context(progress_bar())
            self._ending = self._ending.pop_all()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        return self._ending.__exit__(*error)

    def event(self, event: Event) -> None:
        """Tells an event of the library; may be called from any thread."""
        from blanklogo.types import Notice

        if isinstance(event, Notice):
            self._tell_notice(event)
        elif self._is_due(event):
            if self._bar is not None:
                self._advance(event)
            if self._is_json:
                message = {"type": "progress", "stage": event.stage, "done": event.done, "total": event.total}
                write_line(message, self._stop)

    def result(self, fields: dict[str, Any], words: list[str], *, is_data: bool = False) -> None:
        """The end: the last NDJSON line, or the same in words.

        Words are a summary, on stderr, unless `is_data`: then they are what was asked for, and go to stdout.
        """
        if self._is_json:
            write_line({"type": "result", **fields}, self._stop)
        elif is_data or not self._is_quiet:
            print_lines(words, is_data=is_data)

    def _wants_bar(self) -> bool:
        mixes = self._is_json and sys.stdout.isatty()
        return sys.stderr.isatty() and not self._is_quiet and not mixes

    def _is_due(self, event: Progress) -> bool:
        now = time.monotonic()
        is_last = event.total > 0 and event.done >= event.total
        if not is_last and now - self._last_told.get(event.stage, -math.inf) < PROGRESS_INTERVAL_SECONDS:
            return False
        self._last_told[event.stage] = now
        return True

    def _tell_notice(self, event: Notice) -> None:
        if self._is_json:
            write_line({"type": "notice", "message": event.message}, self._stop)
        elif self._bar is not None:
            self._bar.console.print(printable(f"note: {event.message}"), markup=False, highlight=False)
        elif not self._is_quiet:
            print_lines([f"note: {event.message}"], is_data=False)

    def _advance(self, event: Progress) -> None:
        words = STAGE_WORDS.get(event.stage, event.stage)
        if event.stage not in self._tasks:
            self._tasks[event.stage] = self._bar.add_task(words, total=None)
        if self._stop.requested:
            words = "stopping (Ctrl-C again: at once)"
        task = self._tasks[event.stage]
        self._bar.update(task, description=words, completed=event.done, total=event.total or None)


def progress_bar() -> Any:
    """A bar for each stage, on stderr, gone when the work is done."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(compact=True))
    return Progress(*columns, console=Console(stderr=True), transient=True)
