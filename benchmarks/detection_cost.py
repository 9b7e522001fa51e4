"""What the networks that find marks add to the CPU time of a whole removal at 1280x720.

They take part in the search alone, so it is the search that is done with and without them: of two whole removals the
difference would drown in what else differs between them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import run_worker
from blanklogo.detection.crops import CROP_PX, NUM_PLANES
from blanklogo.detection.finders import MOST_PROPOSED
from blanklogo.detection.statistics import NUM_CHANNELS
from blanklogo.models.files import locate
from blanklogo.models.session import open_session
from blanklogo.pipeline.networks import SHIPPED_CLASSIFIER, SHIPPED_DETECTOR
from blanklogo.testbed.cases import make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

KINDS = ("walk", "cuts", "tripod")
NUM_FRAMES = 250
NUM_TURNS = 4  # each with and without; the shortest counts
WINDOW_PX = (384, 640)  # what the detector was trained on
NUM_LOOKS = 40


def cost_rows() -> Iterator[str]:
    """Of the table. Raises RuntimeError: something failed, or found no mark."""
    yield "| clip | a removal, CPU s | its search on evidence alone | with the networks | they add to the removal |"
    yield "|---|---|---|---|---|"
    for kind in KINDS:
        scene = Scene(kind, 1280, 720, NUM_FRAMES, seed=4)
        with tempfile.TemporaryDirectory(prefix="detection-cost-") as folder:
            source = make_case(scene, draw_mark("wordmark"), Path(folder)).marked
            turns = [(_seconds("detect", source, "none"), _seconds("detect", source, "auto")) for _ in range(NUM_TURNS)]
            whole = min(_seconds("remove", source, "auto") for _ in range(NUM_TURNS // 2))
        alone, with_networks = (min(each) for each in zip(*turns, strict=True))
        added = with_networks - alone
        yield f"| {kind} | {whole:.2f} | {alone:.2f} | {with_networks:.2f} | {added / (whole - added):+.1%} |"


def _seconds(work: str, source: Path, detector: str) -> float:
    target = str(source.with_name("out.mp4"))
    done = run_worker({"work": work, "source": str(source), "target": target, "detector": detector})
    if done.error or (detector == "auto" and not done.answer["report"]["tracks"]):
        raise RuntimeError(f"{work} of {source.name} with detector {detector}: {done.error or 'no mark was found'}")
    return float(done.answer["cpu_seconds"])


def look_line() -> str:
    """How long each network looks, on one core: the median of `NUM_LOOKS`."""
    rng = np.random.default_rng(1)
    detector, classifier = (open_session(locate(name).path, "cpu") for name in (SHIPPED_DETECTOR, SHIPPED_CLASSIFIER))
    window = rng.integers(0, 256, (1, NUM_CHANNELS, *WINDOW_PX), np.uint8)
    crops = rng.integers(0, 256, (1, NUM_PLANES, *CROP_PX), np.uint8)
    at_windows = _milliseconds(lambda: detector.run(window))
    at_places = _milliseconds(lambda: classifier.run(crops, np.array([0.5], np.float32)))
    height, width = WINDOW_PX
    return (
        f"On one core the detector looks at a window of {width}x{height} px for {at_windows:.1f} ms, the classifier at "
        f"one of its places for {at_places:.1f} ms; a window has at most {MOST_PROPOSED}."
    )


def _milliseconds(look: Callable[[], object]) -> float:
    took = []
    for _ in range(NUM_LOOKS):
        began = time.perf_counter()
        look()
        took.append(1000 * (time.perf_counter() - began))
    return float(np.median(took))
