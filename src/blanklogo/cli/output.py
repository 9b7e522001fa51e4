"""What the command says: NDJSON for scripts on stdout, words and a progress bar for people on stderr."""

from __future__ import annotations

import json
import math
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
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
    "pull": "pulling",
    "upload": "uploading",
    "job": "at the service",
    "download": "downloading",
}
PROGRESS_INTERVAL_SECONDS = 0.2  # often enough to look alive, and a long video's lines stay few


def print_error(error: BlankLogoError) -> None:
    """The error, for people."""
    print_lines(error_lines(error), is_data=False)


def error_lines(error: BlankLogoError, source: Path | None = None) -> list[str]:
    """One line each for what came, what is accepted and what to try; which video, if there are several."""
    lines = [f"blanklogo: {error.came}" if source is None else f"{source}: {error.came}"]
    if error.accepted:
        lines.append(f"  accepted: {error.accepted}")
    if error.hint:
        lines.append(f"  try: {error.hint}")
    return lines


def unexpected(error: Exception) -> BlankLogoError:
    """A fault of ours, shown with where it is; the error that stands for it."""
    traceback.print_exception(error)
    hint = "report the lines above; the fault is BlankLogo's, not yours"
    return BlankLogoError(f"unexpected {type(error).__name__}: {error}", hint=hint)


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
        num_sources: videos that are worked on; of several, the bar shows how many are done, and messages name theirs.
        asks_stop: the work inside the context asks `stop` itself, so that a first signal need not interrupt it.
    """

    def __init__(
        self,
        stop: Stop,
        *,
        is_json: bool = False,
        is_quiet: bool = False,
        num_sources: int = 1,
        asks_stop: bool = True,
    ) -> None:
        self._stop = stop
        self._num_sources = num_sources
        self._asks_stop = asks_stop
        self._is_json = is_json
        self._is_quiet = is_quiet
        self._ending = ExitStack()
        self._bar: Any = None
        self._tasks: dict[str, Any] = {}
        self._last_told: dict[tuple[Path | None, str], float] = {}

    def __enter__(self) -> Self:
        with self._ending:
            if self._asks_stop:
                self._ending.enter_context(self._stop.asked())
            if self._wants_bar():
                self._bar = self._ending.enter_context(progress_bar())
                if self._num_sources > 1:
                    self._tasks["videos"] = self._bar.add_task("videos", total=self._num_sources)
            self._ending = self._ending.pop_all()
        return self

    def __exit__(self, *error: Any) -> bool | None:
        self._bar = None
        return self._ending.__exit__(*error)

    def event(self, event: Event, source: Path | None = None) -> None:
        """Tells an event of the library; may be called from any thread.

        Args:
            source: of several videos, which one.
        """
        from blanklogo.types import Notice

        origin = {} if source is None else {"source": str(source)}
        if isinstance(event, Notice):
            self._tell_notice(event, origin)
        elif self._is_due(event, source):
            if self._bar is not None and source is None:
                self._advance(event)
            if self._is_json:
                message = {"type": "progress", "stage": event.stage, "done": event.done, "total": event.total}
                write_line(message | origin, self._stop)

    def result(self, fields: dict[str, Any], words: list[str], *, is_data: bool = False) -> None:
        """The end: the last NDJSON line, or the same in words.

        Words are a summary, on stderr, unless `is_data`: then they are what was asked for, and go to stdout.
        """
        if self._is_json:
            write_line({"type": "result", **fields}, self._stop)
        elif is_data:
            print_lines(words, is_data=True)
        else:
            self.words(words)
        self._count_done()

    def failure(self, error: BlankLogoError, source: Path) -> None:
        """One of several videos came to nothing; told in words too, as every error is."""
        if self._is_json:
            write_line({"type": "error", "source": str(source), **error.as_dict()}, self._stop)
        self._print(error_lines(error, source))
        self._count_done()

    def words(self, lines: list[str]) -> None:
        """For people only."""
        if not self._is_json and not self._is_quiet:
            self._print(lines)

    def _print(self, lines: list[str]) -> None:
        if self._bar is None:
            print_lines(lines, is_data=False)
            return
        for line in lines:  # above the bar, which would be torn by a plain print
            self._bar.console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def _count_done(self) -> None:
        if self._bar is not None and "videos" in self._tasks:
            self._bar.advance(self._tasks["videos"])

    def _wants_bar(self) -> bool:
        mixes = self._is_json and sys.stdout.isatty()
        return sys.stderr.isatty() and not self._is_quiet and not mixes

    def _is_due(self, event: Progress, source: Path | None) -> bool:
        now, key = time.monotonic(), (source, event.stage)
        is_last = event.total > 0 and event.done >= event.total
        if not is_last and now - self._last_told.get(key, -math.inf) < PROGRESS_INTERVAL_SECONDS:
            return False
        self._last_told[key] = now
        return True

    def _tell_notice(self, event: Notice, origin: dict[str, str]) -> None:
        if self._is_json:
            write_line({"type": "notice", "message": event.message} | origin, self._stop)
        else:
            self.words([": ".join(["note", *origin.values(), event.message])])

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
