"""A service kept at capacity for half an hour by users who do all that can be done with it, right and wrong.

python -m benchmarks.service_soak [--minutes 30] [--users 6]

Ends with a verdict: no crash, flat memory, nothing left over. From a run of 20 minutes or more it writes its part of
benchmarks/SERVICE.md; the samples are in benchmarks/out/soak.csv.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from itertools import count
from pathlib import Path
from statistics import mean, median

from benchmarks.hostile_files import hostile_files
from benchmarks.service_kills import make_clips
from benchmarks.service_page import write_part
from benchmarks.service_site import SERVE, Ground, Process, end_cleanly, left_alive, new_ground, site, slow_server
from benchmarks.soak_deeds import DEEDS
from benchmarks.soak_samples import EVERY_SECONDS, Sample, Sampler, files_below, num_server_errors, trend
from benchmarks.soak_users import User, World
from benchmarks.table import machine
from blanklogo.engines.spec import EngineSpec
from blanklogo.testbed.cases import Burning, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

ROOT = Path(__file__).parents[1]
SAMPLES = Path(__file__).parent / "out" / "soak.csv"
WARM_SECONDS = 300.0  # until workers, too, have met all that users do
RETENTION_SECONDS = 120.0
SCALEDOWN_SECONDS = 15.0
REST_SECONDS = 45.0  # until workers are gone, lines are closed and threads with nothing to do have ended
PATIENCE_SECONDS = 600.0
LIMIT_MB = 16.0  # of growth, between two fifths and in an hour; a leak of 10 kB in each job would be 40 MB in an hour
MOST_MB = 320.0  # of two workers that have done some work; fresh ones hold 160
IDLE_THREADS = 4  # how many requests came at once last leaves a few more or less; a leak would leave hundreds
POOLED_FILES = 40  # three pools of five connections, of each the file and its log, and what they share
FIT_FOR_PAGE_MINUTES = 20.0
_SETTINGS = {
    "BLANKLOGO_MIN_WORKERS": "2",  # kept when nothing is to be done: those that were warmed up are those looked at
    "BLANKLOGO_MAX_WORKERS": "2",
    "BLANKLOGO_MEMORY_BYTES": str(3 << 30),
    "BLANKLOGO_SCALEDOWN_WINDOW_SECONDS": str(SCALEDOWN_SECONDS),
    "BLANKLOGO_SERVICE_RETENTION_DAYS": str(RETENTION_SECONDS / 86400),
    "BLANKLOGO_SERVICE_RETRY_SECONDS": "1",
    "BLANKLOGO_SERVICE_WEBHOOK_RETRY_SECONDS": "1",
}
_PROTOCOL = f"""\
`blanklogo serve` on SQLite, the pool's real removal in two workers, each followed by a fresh one after
{EngineSpec.max_calls} calls, results kept for {RETENTION_SECONDS:g} s so that
they come and go. Users, each with a token of its own, do by turns what the last table names, with clips of 160 x 120
px and 40 frames, and check what comes back: each result by its digest, a range of it, that no job's progress goes
backwards, that what must be refused is. After {WARM_SECONDS:g} s they pause; what the service holds at rest then is
compared with what it holds at rest in the end. Looked at every {EVERY_SECONDS:g} s. *Memory* is resident and of no
file. *Growth*: median of the second fifth and of the last; slope over the last two thirds by least squares through the
medians of 20 spans, and twice its standard error."""


@dataclass(frozen=True)
class Soaked:
    """What came of it.

    Attributes:
        rest_before, rest_after: the service with nothing to do, warmed up, and in the end.
        rows: what is judged: words, what was measured, the limit, whether it holds.
    """

    world: World
    samples: list[Sample]
    num_users: int
    rows: list[tuple[str, str, str, bool]]

    @property
    def is_good(self) -> bool:
        return all(holds for *_, holds in self.rows)


def main(arguments: list[str] | None = None) -> int:
    """Soaks, tells, writes the page; 1 when something is not as it must be."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.service_soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--users", type=int, default=6)
    options = parser.parse_args(arguments)
    end_cleanly()
    with tempfile.TemporaryDirectory() as folder:
        soaked = _soaked(Path(folder), options.minutes, options.users)
    text = "\n".join(page(soaked, options.minutes))
    print(text)
    if options.minutes >= FIT_FOR_PAGE_MINUTES:
        write_part("soak", text)
    return int(not soaked.is_good)


def _soaked(folder: Path, minutes: float, num_users: int) -> Soaked:
    ground = new_ground(folder / "site", None, **_SETTINGS)
    with _world(ground, folder / "clips") as world, site(ground, (SERVE,)) as (process,):
        sampler = Sampler(ground, process)
        _used(world, num_users, WARM_SECONDS)
        before = _at_rest(sampler, ground)
        _tell(f"at rest: {before}")
        with sampler.watching(SAMPLES):
            _used(world, num_users, 60 * minutes)
        _all_gone(ground)
        after = _at_rest(sampler, ground)
        _tell(f"at rest: {after}")
        with ground.client() as http:
            errors = num_server_errors(http)
        code = process.stop()
    rows = [
        ("faults that users met", str(len(world.faults)), "none", not world.faults),
        ("answers of 5xx", str(errors or "none"), "none", not errors),
        ("looks without a good answer", str(sampler.num_silent), "none", not sampler.num_silent),
        *_log_rows(process, code),
        _workers_row(after),
        _most_row(sampler.samples),
        *_trend_rows(sampler.samples),
        *_rest_rows(before, after),
        *_left_rows(ground),
    ]
    return Soaked(world, sampler.samples, num_users, rows)


@contextmanager
def _world(ground: Ground, folder: Path) -> Iterator[World]:
    sys.path.insert(0, str(ROOT / "tests" / "service"))
    from receiver import receiving

    folder.mkdir()
    clips = make_clips(folder)
    case = make_case(
        Scene("walk", 320, 240, 300, seed=9), draw_mark("bug"), folder / "cases" / "long", Burning(scale=1.0)
    )
    shutil.copyfile(case.marked, folder / "long.mp4")
    hostile = (one for _ in count() for one in hostile_files())
    with slow_server(folder) as elsewhere, receiving() as receiver:
        hook = receiver.url.replace("127.0.0.1", "localhost")
        yield World(ground, clips, "long.mp4", elsewhere, hook, receiver, hostile)


def _used(world: World, num_users: int, seconds: float) -> None:
    """By so many users, for so long; then each ends what it is at."""
    world.leaving.clear()
    users = [User(world, number, DEEDS) for number in range(num_users)]
    for user in users:
        user.start()
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(user.is_alive() for user in users):
        world.leaving.wait(min(30, max(0.0, end - time.monotonic())))
        _tell(f"{world.done.total()} deeds, {world.ends.total()} jobs, {len(world.faults)} faults")
    world.leaving.set()
    for user in users:
        user.join()


def _at_rest(sampler: Sampler, ground: Ground) -> Sample:
    """When nothing is at work any more."""
    time.sleep(REST_SECONDS)
    with ground.client() as http:
        return sampler.look(http)


def _all_gone(ground: Ground) -> None:
    """Waits until the last result has expired."""
    end = time.monotonic() + RETENTION_SECONDS + PATIENCE_SECONDS
    while files_below(ground.data / "storage") and time.monotonic() < end:
        time.sleep(1)


def _log_rows(process: Process, code: int) -> Iterator[tuple[str, str, str, bool]]:
    log = process.log.read_text()
    errors = [line for line in log.splitlines() if " ERROR " in line or line.startswith("Traceback")]
    yield "tracebacks and errors in the log", str(len(errors)), "none", not errors
    yield "the service's exit code, told to stop", str(code), "0", code == 0
    for line in errors[:20]:
        _tell(line)
    shutil.copyfile(process.log, SAMPLES.with_suffix(".log"))


def _workers_row(last: Sample) -> tuple[str, str, str, bool]:
    """None may go but those that had done their calls; both are kept when there is nothing to do."""
    lost = last.workers_started - last.workers_renewed - last.workers_busy - last.workers_idle
    told = f"{lost} of {last.workers_started}, {last.workers_renewed} renewed"
    return "workers lost", told, "none", lost == 0


def _most_row(samples: list[Sample]) -> tuple[str, str, str, bool]:
    """What grows while a worker lives is gone with it, but must not grow large; large videos take more for a moment."""
    held = sorted(one.workers_own_mb for one in samples)
    most = held[int(0.95 * len(held))]
    return "what both workers hold, p95", f"{most:.0f} MB", f"{MOST_MB:g} MB", most <= MOST_MB


def _trend_rows(samples: list[Sample]) -> Iterator[tuple[str, str, str, bool]]:
    times = [one.at_seconds for one in samples]
    for words, name in (("the service's memory", "service_own_mb"), ("the workers' memory", "workers_own_mb")):
        found = trend(times, [getattr(one, name) for one in samples])
        told = f"{found.second:.0f} → {found.last:.0f} MB; {found.per_hour:+.1f} ± {found.error_per_hour:.1f} MB/h"
        yield f"growth of {words}", told, f"{LIMIT_MB:g} MB, {LIMIT_MB:g} MB/h", found.is_flat(LIMIT_MB)


def _rest_rows(before: Sample, after: Sample) -> Iterator[tuple[str, str, str, bool]]:
    grown = after.service_threads - before.service_threads
    told = f"{before.service_threads}, {after.service_threads}"
    yield "threads at rest, before and after", told, f"{IDLE_THREADS} more, idle in pools", grown <= IDLE_THREADS
    for words, name in (
        ("open files, without its databases'", "service_files"),
        ("processes below it", "num_workers"),
        ("files in its temporary folder", "num_temporary"),
    ):
        first, last = getattr(before, name), getattr(after, name)
        yield f"{words} at rest, before and after", f"{first}, {last}", "no more", last <= first
    pooled = max(before.service_databases, after.service_databases)
    told = f"{before.service_databases}, {after.service_databases}"
    yield "open files of its databases at rest", told, f"{POOLED_FILES}, in pools", pooled <= POOLED_FILES
    grown = after.service_own_mb - before.service_own_mb
    told = f"{before.service_own_mb:.0f}, {after.service_own_mb:.0f} MB"
    yield "memory of the service at rest, before and after", told, f"{LIMIT_MB:g} MB more", grown <= LIMIT_MB


def _left_rows(ground: Ground) -> Iterator[tuple[str, str, str, bool]]:
    left = {
        "files in the storage, all expired": len(files_below(ground.data / "storage")),
        "half-fetched files": len(files_below(ground.data / "fetching")),
        "files in the temporary folder, when it has ended": len(files_below(ground.temporary)),
        "processes, when it has ended": len(left_alive(ground)),
    }
    yield from ((words, str(number), "none", number == 0) for words, number in left.items())


def page(soaked: Soaked, minutes: float) -> Iterator[str]:
    """The part of the page."""
    samples, world = soaked.samples, soaked.world
    yield "## Soak"
    yield ""
    asked = f"--minutes {minutes:g} --users {soaked.num_users}"
    yield f"Made by `python -m benchmarks.service_soak {asked}` on {date.today()}."
    yield machine()
    yield ""
    yield _PROTOCOL
    yield ""
    yield f"Verdict: {'**it stands**' if soaked.is_good else '**it does not stand**'}. {_load(samples)}"
    yield ""
    yield "| what | measured | limit | holds |"
    yield "|---|---|---|---|"
    for words, measured, limit, holds in soaked.rows:
        yield f"| {words} | {measured} | {limit} | {'yes' if holds else '**no**'} |"
    yield ""
    yield "Jobs by their end: " + ", ".join(f"{number} {end}" for end, number in world.ends.most_common()) + "."
    yield f"Databases at the end: {samples[-1].sqlite_bytes / 1e6:.1f} MB (rows of jobs stay)."
    yield ""
    yield "| what users did | times |"
    yield "|---|---|"
    yield from (f"| {words} | {world.done[words]} |" for words in DEEDS)


def _load(samples: list[Sample]) -> str:
    busy = mean(one.workers_busy for one in samples)
    waiting = mean(one.jobs_queued + one.jobs_processing - one.workers_busy for one in samples)
    health, listed = (sorted(getattr(one, name) for one in samples) for name in ("health_ms", "list_ms"))
    return (
        f"On average {busy:.1f} of 2 workers were busy and {waiting:.1f} jobs waited. `/healthz` took "
        f"{median(health):.0f} ms (p99 {health[int(0.99 * len(health))]:.0f}), a list of jobs {median(listed):.0f} ms "
        f"(p99 {listed[int(0.99 * len(listed))]:.0f})."
    )


def _tell(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {words}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
