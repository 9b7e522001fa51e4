"""`blanklogo serve` as a process of its own, for benchmarks: started with a token, asked over HTTP, stopped."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2

_START_SECONDS = 120.0
_STOP_SECONDS = 60.0


@dataclass(frozen=True)
class Served:
    """A service that runs."""

    process: subprocess.Popen[bytes]
    url: str
    token: str
    log: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def client(self, timeout_seconds: float = 60.0) -> httpx2.Client:
        """One with the first token."""
        return httpx2.Client(base_url=self.url, headers=self.headers, timeout=timeout_seconds, trust_env=False)

    def rss_bytes(self) -> int:
        """Resident memory of the service itself, without its workers."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@contextmanager
def served(data: Path, **variables: str) -> Iterator[Served]:
    """A service for the length of the block; stopped in good order at its end."""
    log = data.with_suffix(".log")
    command = [sys.executable, "-m", "blanklogo", "serve", "--port", "0", "--data", str(data)]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"} | variables
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, env=environment)
    try:
        token = _said(process, log, r"^  (tok_[0-9a-f]{12}:\S{43})$")
        url = _said(process, log, r"listening on (http://\S+)")
        _said(process, log, r"(Application startup complete)")
        yield Served(process, url, token, log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(_STOP_SECONDS)


def descendants(pid: int) -> set[int]:
    """All processes below one, on Linux."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:  # it ended meanwhile
            continue
    found: set[int] = set()
    while more := {child for child, parent in parents.items() if parent in found | {pid}} - found:
        found |= more
    return found


def _said(process: subprocess.Popen[bytes], log: Path, pattern: str) -> str:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if match := re.search(pattern, log.read_text(), re.MULTILINE):
            return match[1]
        time.sleep(0.05)
    raise RuntimeError(f"the service did not start:\n{log.read_text()[-2000:]}")
