"""How fast a removal is on this machine: `python -m benchmarks.calibrate` writes the table that `estimate` reads.

Marked clips of several sizes and lengths are cleaned, each in a process of its own that may use 1 core, then all. A
line is fitted through the seconds they took: what every removal takes, and what each pixel adds.

On one core a clip's seconds are its CPU seconds, which is what a free core would need, whatever else the machine does.
On several they are wall seconds, so other work would spoil them: each try waits for the machine to be quiet, and if it
never is, the table has no row for several cores rather than a wrong one. Linux only.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import ROOT, Measured, run, run_worker
from blanklogo.engines.throughput import Rate, machine_words
from blanklogo.testbed.cases import make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

TABLE = ROOT / "src" / "blanklogo" / "engines" / "throughput.json"
SIZES = ((640, 360, 125), (960, 540, 100), (1280, 720, 75), (1280, 720, 250))  # width, height, frames
NUM_LOADS = 8
QUIET_SHARE = 0.08  # of the cores for other work: less is what any machine does beside
PATIENCE_SECONDS = 120.0  # for each clip on several cores
_LOAD = "from blanklogo.remover import Remover; Remover().load()"


@dataclass(frozen=True)
class Run:
    """One clip on so many cores.

    Attributes:
        seconds: of the removal, by the rule above.
        others_share: of the machine's cores, what other work took meanwhile.
    """

    cores: int
    width_px: int
    height_px: int
    num_frames: int
    seconds: float
    others_share: float

    @property
    def num_pixels(self) -> int:
        return self.width_px * self.height_px * self.num_frames


def main(arguments: list[str] | None = None) -> int:
    """Measure, fit, write; 1 if a removal failed."""
    options = _parser().parse_args(arguments)
    try:
        runs = [one for scene in _scenes(options.quick) for one in _runs(scene, options.patience)]
        text = json.dumps(table(runs, _load_seconds()), indent=1) + "\n"
    except RuntimeError as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 1
    options.out.write_text(text)
    print(options.out)
    return 0


def table(runs: Sequence[Run], load_seconds: float) -> dict[str, Any]:
    """The file's content: rates by number of cores, and the runs that they were fitted to."""
    disturbed = {one.cores for one in runs if one.cores > 1 and one.others_share > QUIET_SHARE}
    cores = sorted({one.cores for one in runs} - disturbed)
    return {
        "machine": machine_words(),
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "load_seconds": round(load_seconds, 3),
        "rates": [asdict(fitted([one for one in runs if one.cores == count])) for count in cores],
        "runs": [asdict(one) for one in runs],
    }


def fitted(runs: Sequence[Run]) -> Rate:
    """Least squares of the relative errors; what would be a fixed part below 0 is 0.

    Raises:
        RuntimeError: more pixels did not take longer.
    """
    seconds = np.array([one.seconds for one in runs])
    columns = np.stack([np.ones(len(runs)), [one.num_pixels for one in runs]], axis=1) / seconds[:, None]
    fixed, each = np.linalg.lstsq(columns, np.ones(len(runs)), rcond=None)[0]
    if fixed < 0:
        fixed, each = 0.0, np.linalg.lstsq(columns[:, 1:], np.ones(len(runs)), rcond=None)[0][0]
    if each <= 0:
        raise RuntimeError(f"longer clips were done sooner on {runs[0].cores} cores; try again on a quieter machine")
    worst = np.abs(columns @ np.array([fixed, each]) - 1).max()
    return Rate(runs[0].cores, round(float(fixed), 3), round(1 / float(each)), round(float(worst), 3))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibrate", description=__doc__)
    parser.add_argument("--out", type=Path, default=TABLE, help="the table; default: the one in the package")
    parser.add_argument("--patience", type=float, default=PATIENCE_SECONDS, help="seconds for a clip to find quiet")
    parser.add_argument("--quick", action="store_true", help="two small clips, to see that it works")
    return parser


def _scenes(is_quick: bool) -> list[Scene]:
    sizes = ((320, 180, 50), (320, 180, 100)) if is_quick else SIZES
    return [Scene("walk", *size, seed=4) for size in sizes]


def _runs(scene: Scene, patience_seconds: float) -> list[Run]:
    """On 1 core and on all."""
    with tempfile.TemporaryDirectory(prefix="calibrate-") as name:
        case = make_case(scene, draw_mark("wordmark"), Path(name))
        alone = _run(scene, case.marked, 1)
        num_cores = os.cpu_count() or 1
        return [alone] if num_cores == 1 else [alone, _quiet_run(scene, case.marked, num_cores, patience_seconds)]


def _quiet_run(scene: Scene, marked: Path, cores: int, patience_seconds: float) -> Run:
    """The first try that nobody disturbed; when patience ends, the one that was least disturbed."""
    end = time.monotonic() + patience_seconds
    tries: list[Run] = []
    while not tries or (time.monotonic() < end and tries[-1].others_share > QUIET_SHARE):
        while time.monotonic() < end and _others_share(0.5) > QUIET_SHARE:
            pass
        tries.append(_run(scene, marked, cores))
    return min(tries, key=lambda one: one.others_share)


def _others_share(seconds: float) -> float:
    """Of the machine's cores, what everybody uses while this process waits."""
    before = _busy_seconds()
    time.sleep(seconds)
    return (_busy_seconds() - before) / seconds / (os.cpu_count() or 1)


def _run(scene: Scene, marked: Path, cores: int) -> Run:
    request = {"work": "remove", "source": str(marked), "target": str(marked.with_name("clean.mp4")), "cores": cores}
    busy_before = _busy_seconds()
    done = run_worker(request)
    if done.error or done.answer["report"]["verify"]["status"] != "clean":
        raise RuntimeError(f"{scene.width_px}x{scene.height_px}: {done.error or 'the mark was not removed'}")
    others_seconds = max(_busy_seconds() - busy_before - done.cpu_seconds, 0.0)
    others_share = others_seconds / done.wall_seconds / (os.cpu_count() or 1)
    seconds = _spent_seconds(done, cores)
    print(
        f"{scene.width_px}x{scene.height_px}x{scene.num_frames} on {cores}: {seconds:.2f} s, others {others_share:.0%}",
        file=sys.stderr,
    )
    size = (scene.width_px, scene.height_px, scene.num_frames)
    return Run(cores, *size, round(seconds, 2), round(others_share, 2))


def _spent_seconds(done: Measured, cores: int) -> float:
    """Without the interpreter's start and the imports, which are a worker's start."""
    return float(done.answer["cpu_seconds"] if cores == 1 else done.answer["report"]["processing_time_s"])


def _busy_seconds() -> float:
    """CPU seconds that the whole machine has worked since its start (Linux; user, nice, system and interrupts)."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    ticks = [int(word) for word in words[1:9]]
    user, nice, system, _idle, _wait, irq, softirq, _steal = ticks
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _load_seconds() -> float:
    return min(run([sys.executable, "-c", _LOAD]).wall_seconds for _ in range(NUM_LOADS))


if __name__ == "__main__":
    sys.exit(main())
