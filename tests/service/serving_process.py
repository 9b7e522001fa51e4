"""`blanklogo serve` and `blanklogo worker` as processes of their own, that can be killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 90.0  # it takes two on a machine with nothing else to do


SERVE = ("serve", "--port", "0")
WORKER = ("worker",)


class Service:
    """One start of the command.

    Attributes:
        lines: what it said.
    """

    def __init__(self, data: Path, arguments: Sequence[str] = SERVE, **variables: str) -> None:
        environment = os.environ | {"BLANKLOGO_SERVICE_RETRY_SECONDS": "0.1", "PYTHONUNBUFFERED": "1"} | variables
        self.process = subprocess.Popen(
            [sys.executable, "-m", "blanklogo", *arguments, "--data", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line)

    def said(self, pattern: str) -> re.Match[str]:
        """The first line that has this, as soon as it is there."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self.process.poll() is None:
            if match := next((found for line in self.lines if (found := re.search(pattern, line))), None):
                return match
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in:\n{''.join(self.lines)}")

    @property
    def url(self) -> str:
        self.said("Application startup complete")
        return self.said(r"listening on (http://\S+)")[1]

    @property
    def name(self) -> str:
        """As which it does jobs, as soon as it does."""
        return self.said(r"orchestrator (orch_[0-9a-f]{12}) takes up jobs")[1]

    @property
    def token(self) -> str:
        return self.said(r"^  (tok_[0-9a-f]{12}:\S{43})$")[1]

    def family(self) -> set[int]:
        """It and its workers that are alive, on Linux."""
        own = self.process.pid
        return {own, *_children(own)} if Path("/proc").is_dir() else {own}

    def kill(self) -> None:
        """As the system does when memory is short; its workers are told by the kernel alone."""
        self.process.kill()
        self.process.wait()
        self._reader.join()

    def stop(self) -> int:
        """As an operator does; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(START_SECONDS)
        self._reader.join()
        return code


@contextmanager
def served(data: Path, arguments: Sequence[str] = SERVE, **variables: str) -> Iterator[Service]:
    """A start of the command for the length of the block."""
    service = Service(data, arguments, **variables)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.kill()
        assert service.process.stderr is not None
        service.process.stderr.close()


def gone(pids: set[int], within_seconds: float) -> bool:
    """Whether all these processes end in time."""
    end = time.monotonic() + within_seconds
    while any(_is_alive(pid) for pid in pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def _children(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        if parent == pid:
            found.append(int(path.parent.name))
    return found


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
