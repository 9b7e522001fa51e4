"""Run a command and know what it cost: CPU seconds of it and its children, wall seconds, its own word."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Measured:
    """What a command cost and said.

    Attributes:
        cpu_seconds: user and system time of the process and its children, start-up included.
        wall_seconds: from start to end.
        answer: the JSON object of its last line of standard output; empty if it gave none.
        error: why it failed, or None.
    """

    cpu_seconds: float
    wall_seconds: float
    answer: dict[str, Any]
    error: str | None

    @property
    def peak_rss_bytes(self) -> int | None:
        return self.answer.get("peak_rss_bytes")


def run_worker(request: dict[str, Any]) -> Measured:
    """`benchmarks.worker` with this request, in a process of its own."""
    return run([sys.executable, "-m", "benchmarks.worker", json.dumps(request)])


def run(command: list[str]) -> Measured:
    """Any command, from the repository's root."""
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    # One thread for small matrices, as the command has it; every contender gets the same.
    one_thread = {"OPENBLAS_NUM_THREADS": "1"}
    environment = os.environ | one_thread | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as complaints:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=complaints)
        _, status, usage = os.wait4(process.pid, 0)
        wall_seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        answer = _last_object(_content(out))
        error = None
        if process.returncode:
            error = answer.get("error") or _content(complaints).rpartition("\n")[2] or f"exit code {process.returncode}"
    return Measured(usage.ru_utime + usage.ru_stime, wall_seconds, answer, error)


def _content(file: Any) -> str:
    file.seek(0)
    return file.read().strip()


def _last_object(text: str) -> dict[str, Any]:
    line = text.rpartition("\n")[2]
    return json.loads(line) if line.startswith("{") else {}
