"""What a service holds while it is used, looked at every few seconds, and whether that grows."""

from __future__ import annotations

import math
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from functools import reduce
from operator import add
from pathlib import Path
from statistics import linear_regression, mean, median

import httpx2

from benchmarks.processes import Held, descendants, held
from benchmarks.service_site import Ground, Process, beside

EVERY_SECONDS = 3.0
NUM_SPANS = 20  # of which each gives one point, so that what comes in bursts of seconds is no scatter
_JOBS = re.compile(r'^blanklogo_jobs\{status="(queued|processing)"\} (\S+)', re.MULTILINE)
_WORKERS = re.compile(r'^blanklogo_workers(?:\{state="|_)(busy|idle|started|renewed)(?:"\})? (\S+)', re.MULTILINE)
_ANSWERED = re.compile(r'^blanklogo_requests_total\{.*status="5(\d\d)"\} (\S+)', re.MULTILINE)


@dataclass(frozen=True)
class Sample:
    """At one moment; the service is its process alone, the workers are all processes below it.

    Attributes:
        at_seconds: since the first.
        service_files: open, without its databases'.
        service_databases: open files of these; of each connection in a pool one or two.
        stored_bytes: of files in the storage.
        sqlite_bytes: of its databases, their logs included.
        health_ms, list_ms: until these were answered.
    """

    at_seconds: float
    service_rss_mb: float
    service_pss_mb: float
    service_own_mb: float
    service_threads: int
    service_files: int
    service_databases: int
    num_workers: int
    workers_rss_mb: float
    workers_pss_mb: float
    workers_own_mb: float
    workers_threads: int
    workers_files: int
    num_temporary: int
    num_fetching: int
    num_stored: int
    stored_bytes: int
    sqlite_bytes: int
    jobs_queued: int
    jobs_processing: int
    workers_busy: int
    workers_idle: int
    workers_started: int
    workers_renewed: int
    health_ms: float
    list_ms: float


class Sampler:
    """
    Attributes:
        samples: so far.
        num_silent: looks that were not answered well.
    """

    def __init__(self, ground: Ground, process: Process) -> None:
        self.samples: list[Sample] = []
        self.num_silent = 0
        self._ground = ground
        self._process = process
        self._began = time.monotonic()

    def look(self, http: httpx2.Client) -> Sample:
        """Now."""
        below = descendants(self._process.pid)
        service, workers = held(self._process.pid), reduce(add, map(held, below), Held())
        (health_ms, _), (list_ms, _) = _timed(http, "/healthz"), _timed(http, "/api/v1/jobs")
        text = http.get("/metrics").raise_for_status().text
        jobs = {name: int(float(number)) for name, number in _JOBS.findall(text)}
        data, stored = self._ground.data, files_below(self._ground.data / "storage")
        return Sample(
            at_seconds=round(time.monotonic() - self._began, 1),
            service_rss_mb=service.rss_bytes / 1e6,
            service_pss_mb=service.pss_bytes / 1e6,
            service_own_mb=service.own_bytes / 1e6,
            service_threads=service.num_threads,
            service_files=service.num_files - service.num_databases,
            service_databases=service.num_databases,
            num_workers=len(below),
            workers_rss_mb=workers.rss_bytes / 1e6,
            workers_pss_mb=workers.pss_bytes / 1e6,
            workers_own_mb=workers.own_bytes / 1e6,
            workers_threads=workers.num_threads,
            workers_files=workers.num_files,
            num_temporary=len(files_below(self._ground.temporary)),
            num_fetching=len(files_below(data / "fetching")),
            num_stored=len(stored),
            stored_bytes=sum(stored.values()),
            sqlite_bytes=sum(path.stat().st_size for path in data.glob("*.db*")),
            jobs_queued=jobs["queued"],
            jobs_processing=jobs["processing"],
            **{f"workers_{name}": int(float(number)) for name, number in _WORKERS.findall(text)},
            health_ms=health_ms,
            list_ms=list_ms,
        )

    @contextmanager
    def watching(self, table: Path) -> Iterator[None]:
        """Looks every few seconds for the length of the block.

        Args:
            table: where each sample is a line at once, as CSV, so that who stops this has those before.
        """
        table.parent.mkdir(parents=True, exist_ok=True)
        table.write_text(",".join(one.name for one in fields(Sample)) + "\n")

        def looks(over: threading.Event) -> None:
            with self._ground.client(timeout_seconds=30) as http:
                while not over.is_set():
                    try:
                        self.samples.append(self.look(http))
                        with table.open("a") as file:
                            file.write(",".join(map(str, astuple(self.samples[-1]))) + "\n")
                    except httpx2.HTTPError:
                        self.num_silent += 1
                    over.wait(EVERY_SECONDS)

        with beside(looks):
            yield


def num_server_errors(http: httpx2.Client) -> dict[str, int]:
    """How many requests the service answered with 5xx, by status, since it started."""
    found: dict[str, int] = {}
    for status, number in _ANSWERED.findall(http.get("/metrics").raise_for_status().text):
        found[f"5{status}"] = found.get(f"5{status}", 0) + int(float(number))
    return found


@dataclass(frozen=True)
class Trend:
    """Of a figure over time.

    Attributes:
        second, last: the medians of the second fifth and of the last.
        per_hour: the slope over the last two thirds, by least squares through the medians of 20 spans.
        error_per_hour: twice the slope's standard error.
    """

    second: float
    last: float
    per_hour: float
    error_per_hour: float

    def is_flat(self, limit: float) -> bool:
        """Neither the medians nor the slope, at the lower end of its uncertainty, say that it grows by more in an
        hour (or between the two fifths)."""
        return self.last - self.second <= limit and self.per_hour - self.error_per_hour <= limit


def trend(at_seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """Raises ValueError: fewer than thirty values."""
    if len(values) < 30:
        raise ValueError(f"{len(values)} values; at least 30 are needed")
    fifth, third = len(values) // 5, len(values) // 3
    hours = [median(span) / 3600 for span in _spans(at_seconds[third:])]
    points = [median(span) for span in _spans(values[third:])]
    slope, intercept = linear_regression(hours, points)
    left = sum((point - intercept - slope * hour) ** 2 for hour, point in zip(hours, points, strict=True))
    spread = sum((hour - mean(hours)) ** 2 for hour in hours)
    error = math.sqrt(left / (NUM_SPANS - 2) / spread)
    return Trend(median(values[fifth : 2 * fifth]), median(values[-fifth:]), slope, 2 * error)


def files_below(folder: Path) -> dict[str, int]:
    """Paths and sizes of all files that are there."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            try:
                found[path] = os.stat(path).st_size
            except OSError:  # it went meanwhile
                continue
    return found


def _spans(values: Sequence[float]) -> Iterator[Sequence[float]]:
    for number in range(NUM_SPANS):
        yield values[number * len(values) // NUM_SPANS : (number + 1) * len(values) // NUM_SPANS]


def _timed(http: httpx2.Client, path: str) -> tuple[float, httpx2.Response]:
    began = time.monotonic()
    answer = http.get(path).raise_for_status()
    return 1000 * (time.monotonic() - began), answer
