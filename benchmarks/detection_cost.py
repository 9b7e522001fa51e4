"""What the networks that find marks add to the CPU time of a whole removal at 1280x720."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import run_worker
from blanklogo.testbed.cases import make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

KINDS = ("walk", "cuts")
NUM_FRAMES = 250
NUM_TURNS = 3  # each with and without; the shortest counts


def cost_rows() -> Iterator[str]:
    """Of the table. Raises RuntimeError: a removal failed, or found nothing to remove."""
    yield "| clip | CPU s on evidence alone | with the networks | they add |"
    yield "|---|---|---|---|"
    for kind in KINDS:
        scene = Scene(kind, 1280, 720, NUM_FRAMES, seed=4)
        with tempfile.TemporaryDirectory(prefix="detection-cost-") as folder:
            source = make_case(scene, draw_mark("wordmark"), Path(folder)).marked
            turns = [(_seconds(source, "none"), _seconds(source, "auto")) for _ in range(NUM_TURNS)]
        alone, with_networks = (min(each) for each in zip(*turns, strict=True))
        yield f"| {kind} | {alone:.2f} | {with_networks:.2f} | {with_networks / alone - 1:+.1%} |"


def _seconds(source: Path, detector: str) -> float:
    request = {
        "work": "remove",
        "source": str(source),
        "target": str(source.with_name("out.mp4")),
        "detector": detector,
    }
    done = run_worker(request)
    if done.error or not done.answer["report"]["tracks"]:
        raise RuntimeError(f"{source.name} with detector {detector}: {done.error or 'no mark was found'}")
    return float(done.answer["removal_cpu_seconds"])
