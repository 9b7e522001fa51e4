"""Three hundred hostile files sent to a service that really runs; writes its section of benchmarks/SERVICE.md.

python -m benchmarks.hostile
"""

from __future__ import annotations

import math
import os
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx2

from benchmarks.hostile_files import BOX, HostileFile, hostile_files
from benchmarks.processes import descendants, held
from benchmarks.service_page import write_part
from benchmarks.service_site import SERVE, Ground, Process, beside, end_cleanly, new_ground, site
from benchmarks.table import machine

AT_ONCE = 8  # sent and not over, so that workers never wait
CLEAR = {"SourceError", "UnsupportedError", "TooLargeError", "OptionError", "DecodeError", "VerificationError"}
KINDS = ("truncated", "headers", "fuzzed", "noise", "disguised", "bombs", "odd")
_OVER = ("completed", "failed", "cancelled")
_SETTINGS = {
    "BLANKLOGO_MEMORY_BYTES": str(3 << 30),
    "BLANKLOGO_MAX_WORKERS": "2",
    "BLANKLOGO_SERVICE_JOBS_OF_OWNER": str(AT_ONCE),
}


@dataclass
class Heard:
    """What came of the run.

    Attributes:
        ends: of each file, its job as it ended, and how long that took.
        pulse_seconds: of each /healthz.
        num_silent: of them, those without a good answer.
    """

    ends: list[tuple[HostileFile, dict[str, Any], float]] = field(default_factory=list)
    pulse_seconds: list[float] = field(default_factory=list)
    num_silent: int = 0
    rss_bytes: list[int] = field(default_factory=list)
    left: dict[str, int] = field(default_factory=dict)


def main() -> None:
    end_cleanly()
    with tempfile.TemporaryDirectory() as name:
        heard = _run(Path(name))
    write_part("hostile", "\n".join(_page(heard)))
    for one, job, _ in heard.ends:
        if not is_clear(job):
            print(one, job["status"], job.get("error"))


def _run(folder: Path) -> Heard:
    heard, ground = Heard(), new_ground(folder / "site", None, **_SETTINGS)
    with site(ground, (SERVE,)) as (process,):
        with ground.client() as http, _pulse(ground, heard):
            _send(http, heard, process)
        family = descendants(process.pid)
        process.stop()
    heard.left = {
        "processes": sum(Path(f"/proc/{pid}").exists() for pid in family),
        "files in the workers' scratch": sum(1 for _ in ground.temporary.iterdir()),
        "files half fetched": sum(1 for _ in ground.data.glob("fetching/*")),
        "objects that are no job's input or output": len(strays(ground.data / "storage")),
    }
    return heard


def _send(http: httpx2.Client, heard: Heard, process: Process) -> None:
    """All files, so many under way at a time."""
    waiting: dict[str, tuple[HostileFile, float]] = {}
    for one in hostile_files():
        while len(waiting) >= AT_ONCE:
            _collect(http, heard, waiting)
        form = {"rights_confirmed": "true", "boxes": str([list(BOX)])}
        answer = http.post("/api/v1/jobs/upload", data=form, files={"video": (one.name, one.data)})
        answer.raise_for_status()
        waiting[answer.json()["job_id"]] = (one, time.monotonic())
        heard.rss_bytes.append(held(process.pid).rss_bytes)
    while waiting:
        _collect(http, heard, waiting)


def _collect(http: httpx2.Client, heard: Heard, waiting: dict[str, tuple[HostileFile, float]]) -> None:
    for job_id, (one, began) in list(waiting.items()):
        job = http.get(f"/api/v1/jobs/{job_id}").json()
        if job["status"] in _OVER:
            del waiting[job_id]
            heard.ends.append((one, job, time.monotonic() - began))
    time.sleep(0.05)


@contextmanager
def _pulse(ground: Ground, heard: Heard) -> Iterator[None]:
    """Asks ten times a second whether the service is there."""

    def ask(over: threading.Event) -> None:
        with ground.client(timeout_seconds=5.0) as http:
            while not over.wait(0.1):
                began = time.monotonic()
                try:
                    heard.num_silent += http.get("/healthz").status_code != 200
                except httpx2.HTTPError:
                    heard.num_silent += 1
                heard.pulse_seconds.append(time.monotonic() - began)

    with beside(ask):
        yield


def strays(storage: Path) -> list[Path]:
    """Files that are neither a job's input nor its output."""
    files = [Path(folder) / name for folder, _, names in os.walk(storage) for name in names]
    return [path for path in files if not path.name.startswith(("input.", "output."))]


def is_clear(job: dict[str, Any]) -> bool:
    """Whether it ended in a good result, or in words that say what is wrong with the file."""
    return job["status"] == "completed" or (job["status"] == "failed" and job["error"]["error"] in CLEAR)


def _end(job: dict[str, Any]) -> str:
    return job["outcome"] if job["status"] == "completed" else job["error"]["error"]


def _page(heard: Heard) -> Iterator[str]:
    jobs = [job for _, job, _ in heard.ends]
    unclear = [job for job in jobs if not is_clear(job)]
    slowest = sorted(heard.ends, key=lambda end: -end[2])[:3]
    pulse = sorted(heard.pulse_seconds)
    yield "## Hostile files"
    yield ""
    yield f"Measured on {date.today().isoformat()}. {machine()}"
    yield ""
    yield f"`python -m benchmarks.hostile`: {len(jobs)} files of `benchmarks/hostile_files.py` (seed 1), uploaded to"
    yield f"`blanklogo serve` with the pool's real removal, a box to clean, {AT_ONCE} under way at a time."
    yield ""
    yield "| what | measured | limit |"
    yield "| --- | --- | --- |"
    yield f"| ended in a clear error or a good result | {len(jobs) - len(unclear)} of {len(jobs)} | all |"
    yield f"| `/healthz`, asked {len(pulse)} times, without a good answer | {heard.num_silent} | 0 |"
    p99 = pulse[math.ceil(0.99 * len(pulse)) - 1]
    yield f"| `/healthz`, p99 and worst | {1000 * p99:.0f} ms, {1000 * pulse[-1]:.0f} ms | |"
    grown = (heard.rss_bytes[-1] - heard.rss_bytes[len(heard.rss_bytes) // 5]) / 1e6
    yield f"| growth of the service's memory, last against a fifth of the way | {grown:.0f} MB | |"
    for what, number in heard.left.items():
        yield f"| {what} left | {number} | 0 |"
    yield ""
    ends = sorted({_end(job) for job in jobs})
    yield f"| kind | files | {' | '.join(ends)} |"
    yield f"| --- | --- | {' | '.join('---' for _ in ends)} |"
    for kind in KINDS:
        count = Counter(_end(job) for one, job, _ in heard.ends if one.kind == kind)
        yield f"| {kind} | {count.total()} | {' | '.join(str(count[end] or '') for end in ends)} |"
    yield ""
    yield "Slowest, with the wait for a worker: " + "; ".join(
        f"{one.what} ({seconds:.0f} s, {_end(job)})" for one, job, seconds in slowest
    )


if __name__ == "__main__":
    main()
