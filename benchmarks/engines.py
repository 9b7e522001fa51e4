"""What the pool costs and gives: cold start, warm overhead, two workers against one. Writes benchmarks/ENGINES.md.

python -m benchmarks.engines
"""

from __future__ import annotations

import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median

from benchmarks.table import machine
from blanklogo.engines.base import REMOVER
from blanklogo.engines.pool.engine import PoolEngine
from blanklogo.engines.spec import EngineSpec
from blanklogo.testbed.cases import Burning, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Order

PAGE = Path(__file__).with_name("ENGINES.md")
DRILL = "blanklogo.engines.drill:Drill"
NUM_STARTS = 10
NUM_WARM_CALLS = 200
NUM_CLIPS = 20
CLIP_FRAMES = 50
COLD_LIMIT_SECONDS = 1.0
WARM_LIMIT_SECONDS = 0.020

_PROTOCOL = f"""\
- **Cold start**: from making a pool to a worker that has loaded the remover (Python, NumPy, OpenCV, SciPy, PyAV) and
  waits; {NUM_STARTS} times, each a new process. Files are in the system's cache.
- **Warm overhead**: from `submit` to `result` of a call that has nothing to do, on a loaded worker;
  {NUM_WARM_CALLS} times.
- **Two workers against one**: {NUM_CLIPS} generated clips of 320 x 180 px and {CLIP_FRAMES} frames, each with its own
  mark to be found, all submitted at once to workers that are loaded. The results of both runs must be byte-equal, or no
  figure is given. Decoding and encoding have threads of their own, so that one worker already keeps more than one core
  busy: *cores kept busy* is its CPU time, its start apart, over the time that passed, and the gain of two workers
  cannot be more than the machine's cores over that.
"""


def main() -> int:
    """Measures, checks against the limits, writes the page; 1 when a limit is broken."""
    colds = sorted(_cold_seconds() for _ in range(NUM_STARTS))
    warms = sorted(_warm_seconds())
    with tempfile.TemporaryDirectory() as folder:
        clips = [_clip(Path(folder) / f"{index}", index) for index in range(NUM_CLIPS)]
        runs = {num: _removed(clips, num, Path(folder) / f"with-{num}") for num in (1, 2)}
        _check_same(Path(folder) / "with-1", Path(folder) / "with-2")
    PAGE.write_text(_page(colds, warms, runs), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    return int(median(colds) > COLD_LIMIT_SECONDS or median(warms) > WARM_LIMIT_SECONDS)


@dataclass(frozen=True)
class Run:
    """All clips done by a number of workers: the time that passed, and their CPU time meanwhile."""

    wall_seconds: float
    cpu_seconds: float

    @property
    def cores_busy(self) -> float:
        return self.cpu_seconds / self.wall_seconds


@contextmanager
def _ready_pool(num_workers: int, workload: str) -> Iterator[PoolEngine]:
    spec = EngineSpec(min_workers=num_workers, max_workers=num_workers)
    with PoolEngine(spec, workload) as engine:
        while engine.stats.num_idle < num_workers:
            time.sleep(0.002)
        yield engine


def _cold_seconds() -> float:
    started = time.monotonic()
    with _ready_pool(1, REMOVER):
        return time.monotonic() - started


def _warm_seconds() -> Iterator[float]:
    with _ready_pool(1, DRILL) as engine:
        for _ in range(NUM_WARM_CALLS):
            started = time.monotonic()
            engine.submit({"do": "work", "seconds": 0, "num_events": 1}).result()
            yield time.monotonic() - started


def _clip(folder: Path, seed: int) -> Path:
    scene = Scene("walk", 320, 180, CLIP_FRAMES, seed=seed)
    return make_case(scene, draw_mark("wordmark"), folder, Burning(scale=0.6, crf=20)).marked


def _removed(clips: list[Path], num_workers: int, folder: Path) -> Run:
    folder.mkdir()
    loading_seconds = num_workers * _loading_cpu_seconds()
    before = _children_cpu_seconds()
    with _ready_pool(num_workers, REMOVER) as engine:
        started = time.monotonic()
        orders = [Order(str(clip), str(folder / f"{index}.mp4")) for index, clip in enumerate(clips)]
        for call in [engine.submit(order) for order in orders]:
            call.result()
        wall_seconds = time.monotonic() - started
    return Run(wall_seconds, _children_cpu_seconds() - before - loading_seconds)


def _loading_cpu_seconds() -> float:
    """Of one worker that only loads."""
    before = _children_cpu_seconds()
    with _ready_pool(1, REMOVER):
        pass
    return _children_cpu_seconds() - before


def _children_cpu_seconds() -> float:
    """Of all processes of this one that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _check_same(one: Path, other: Path) -> None:
    for path in sorted(one.iterdir()):
        if path.read_bytes() != (other / path.name).read_bytes():
            raise SystemExit(f"{path.name} is not the same from one worker and from two")


def _page(colds: list[float], warms: list[float], runs: dict[int, Run]) -> str:
    clips, one, two = NUM_CLIPS * 60, runs[1], runs[2]
    num_cores = os.cpu_count() or 1
    rows = [
        ("cold start, remover", _told(colds, 1, "s"), f"{COLD_LIMIT_SECONDS:g} s"),
        ("warm overhead of a call", _told(warms, 1e3, "ms"), f"{WARM_LIMIT_SECONDS * 1e3:g} ms"),
        (f"{NUM_CLIPS} clips, 1 worker", f"{one.wall_seconds:.1f} s ({clips / one.wall_seconds:.0f} a minute)", ""),
        (f"{NUM_CLIPS} clips, 2 workers", f"{two.wall_seconds:.1f} s ({clips / two.wall_seconds:.0f} a minute)", ""),
        ("cores kept busy by 1 worker, by 2", f"{one.cores_busy:.2f}, {two.cores_busy:.2f} of {num_cores}", ""),
        (
            "two workers against one",
            f"{one.wall_seconds / two.wall_seconds:.2f} times as many",
            f"{num_cores / one.cores_busy:.2f} is all that the cores allow",
        ),
    ]
    made = f"Made by `python -m benchmarks.engines` on {date.today().isoformat()}."
    lines = ["# The pool's figures", "", made, machine(), ""]
    lines += ["## Protocol", "", _PROTOCOL, "## Figures", "", "| what | measured | limit |", "| --- | --- | --- |"]
    return "\n".join([*lines, *(f"| {what} | {told} | {limit} |" for what, told, limit in rows)]) + "\n"


def _told(values: list[float], factor: float, unit: str) -> str:
    """Median and worst of sorted values."""
    return f"{median(values) * factor:.2f} {unit} (worst {values[-1] * factor:.2f} {unit})"


if __name__ == "__main__":
    sys.exit(main())
