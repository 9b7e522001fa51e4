"""What the pool costs and gives: cold start, warm overhead, two workers against one. Writes benchmarks/ENGINES.md.

python -m benchmarks.engines
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
  figure is given. Decoding and encoding have threads of their own in both runs, so that the gain stays below 2 on
  2 cores.
"""


def main() -> int:
    """Measures, checks against the limits, writes the page; 1 when a limit is broken."""
    colds = sorted(_cold_seconds() for _ in range(NUM_STARTS))
    warms = sorted(_warm_seconds())
    with tempfile.TemporaryDirectory() as folder:
        clips = [_clip(Path(folder) / f"{index}", index) for index in range(NUM_CLIPS)]
        seconds = {num: _removed(clips, num, Path(folder) / f"with-{num}") for num in (1, 2)}
        _check_same(Path(folder) / "with-1", Path(folder) / "with-2")
    PAGE.write_text(_page(colds, warms, seconds), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))
    return int(median(colds) > COLD_LIMIT_SECONDS or median(warms) > WARM_LIMIT_SECONDS)


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


def _removed(clips: list[Path], num_workers: int, folder: Path) -> float:
    folder.mkdir()
    with _ready_pool(num_workers, REMOVER) as engine:
        started = time.monotonic()
        orders = [Order(str(clip), str(folder / f"{index}.mp4")) for index, clip in enumerate(clips)]
        for call in [engine.submit(order) for order in orders]:
            call.result()
        return time.monotonic() - started


def _check_same(one: Path, other: Path) -> None:
    for path in sorted(one.iterdir()):
        if path.read_bytes() != (other / path.name).read_bytes():
            raise SystemExit(f"{path.name} is not the same from one worker and from two")


def _page(colds: list[float], warms: list[float], seconds: dict[int, float]) -> str:
    clips = NUM_CLIPS * 60
    rows = [
        ("cold start, remover", _told(colds, 1, "s"), f"{COLD_LIMIT_SECONDS:g} s"),
        ("warm overhead of a call", _told(warms, 1e3, "ms"), f"{WARM_LIMIT_SECONDS * 1e3:g} ms"),
        (f"{NUM_CLIPS} clips, 1 worker", f"{seconds[1]:.1f} s ({clips / seconds[1]:.0f} clips a minute)", ""),
        (f"{NUM_CLIPS} clips, 2 workers", f"{seconds[2]:.1f} s ({clips / seconds[2]:.0f} clips a minute)", ""),
        ("two workers against one", f"{seconds[1] / seconds[2]:.2f} times as many", ""),
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
