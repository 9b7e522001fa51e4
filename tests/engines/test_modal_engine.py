"""The Modal engine keeps what every engine promises: the real SDK and the real container entrypoint, on loopback."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_contract import DRILL, UNLOADABLE, EngineContract, MakeEngine, quick_spec

from blanklogo.engines.modal import ModalEngine
from blanklogo.errors import CancelledError, UnavailableError
from blanklogo.rehearsal.control_plane import Rehearsal

NUMBERS = itertools.count()
CLASSES = {DRILL: "Drill", UNLOADABLE: "Unloadable"}


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    """A control plane with the drill's app deployed on it, to which the SDK of this process speaks."""
    with Rehearsal() as rehearsal, rehearsal.as_the_environment():
        app = Path(__file__).with_name("modal_drill_app.py")
        subprocess.run([sys.executable, "-m", "modal", "deploy", str(app)], check=True, capture_output=True)
        yield rehearsal


@pytest.fixture
def make_engine(rehearsal: Rehearsal) -> Iterator[MakeEngine]:
    made = []

    def make(overrides: dict[str, Any], workload: str = DRILL) -> ModalEngine:
        own_means = {"cpu_cores": 0.25 + next(NUMBERS) / 1000}  # and so workers of its own
        names = {"app_name": "blanklogo-drill", "class_name": CLASSES[workload]}
        made.append(ModalEngine(quick_spec(own_means | overrides), workload, **names))
        return made[-1]

    yield make
    for engine in made:
        engine.close(is_patient=False)
    rehearsal.lose_containers()


class TestModal(EngineContract):
    short_seconds = 2.0  # Modal keeps no idle container for less

    def test_closing_waits_for_what_runs_and_ends_what_does_not(
        self, make_engine: MakeEngine, closed_log: Path
    ) -> None:
        """As the others do; but the workers are the deployment's, and leave when their scaledown window is over."""
        engine = make_engine({"scaledown_window_seconds": self.short_seconds})
        running = engine.submit({"do": "work", "seconds": 1})
        next(running.events())
        queued = engine.submit({"do": "work"})
        engine.close()
        answer = running.result(timeout_seconds=0)
        with pytest.raises(CancelledError):
            queued.result(timeout_seconds=0)
        with pytest.raises(UnavailableError):
            engine.submit({"do": "work"})
        engine.close()  # again is harmless
        self.until(lambda: engine.stats.num_workers == 0, "the worker gone")
        self.until(closed_log.exists, "the close hook run")
        assert closed_log.read_text().split() == [str(answer["pid"])]
