"""What the networks that find marks add to the CPU time of a whole removal at 1280x720.

They take part in the search alone, so it is the search that is done with and without them: of two whole removals the
difference would drown in what else differs between them.
"""

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
NUM_TURNS = 4  # each with and without; the shortest counts


def cost_rows() -> Iterator[str]:
    """Of the table. Raises RuntimeError: something failed, or found no mark."""
    yield "| clip | a removal, CPU s | its search on evidence alone | with the networks | they add to the removal |"
    yield "|---|---|---|---|---|"
    for kind in KINDS:
        scene = Scene(kind, 1280, 720, NUM_FRAMES, seed=4)
        with tempfile.TemporaryDirectory(prefix="detection-cost-") as folder:
            source = make_case(scene, draw_mark("wordmark"), Path(folder)).marked
            turns = [(_seconds("detect", source, "none"), _seconds("detect", source, "auto")) for _ in range(NUM_TURNS)]
            whole = min(_seconds("remove", source, "none") for _ in range(NUM_TURNS // 2))
        alone, with_networks = (min(each) for each in zip(*turns, strict=True))
        yield f"| {kind} | {whole:.2f} | {alone:.2f} | {with_networks:.2f} | {(with_networks - alone) / whole:+.1%} |"


def _seconds(work: str, source: Path, detector: str) -> float:
    target = str(source.with_name("out.mp4"))
    done = run_worker({"work": work, "source": str(source), "target": target, "detector": detector})
    if done.error or not done.answer["report"]["tracks"]:
        raise RuntimeError(f"{work} of {source.name} with detector {detector}: {done.error or 'no mark was found'}")
    return float(done.answer["cpu_seconds"])
