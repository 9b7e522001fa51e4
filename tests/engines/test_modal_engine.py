"""The Modal engine keeps what every engine promises: the real SDK and the real container entrypoint, on loopback."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_contract import DRILL, UNLOADABLE, EngineContract, MakeEngine, quick_spec
from modal_stage import DEPLOY_FILE, DRILL_NAMES, deploy, marked_clip, rehearsed

import blanklogo
from blanklogo.engines.inline import InlineEngine
from blanklogo.engines.modal.engine import ModalEngine
from blanklogo.engines.open import open_engine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import CancelledError, OptionError, SourceError, TargetError, UnavailableError
from blanklogo.rehearsal.control_plane import Rehearsal
from blanklogo.types import Box, Order

CLASSES = {DRILL: "Drill", UNLOADABLE: "Unloadable"}
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def rehearsal() -> Iterator[Rehearsal]:
    with rehearsed() as rehearsal:
        yield rehearsal


@pytest.fixture
def make_engine(rehearsal: Rehearsal) -> Iterator[MakeEngine]:
    made = []

    def make(overrides: dict[str, Any], workload: str = DRILL) -> ModalEngine:
        own_means = {"cpu_cores": 0.25 + next(NUMBERS) / 1000}  # and so workers of its own
        names = DRILL_NAMES | {"class_name": CLASSES[workload]}
        made.append(ModalEngine(quick_spec(own_means | overrides), workload, **names))
        return made[-1]

    yield make
    for engine in made:
        engine.close(is_patient=False)
    rehearsal.lose_containers()


class TestModal(EngineContract):
    short_seconds = 2.0  # Modal keeps no idle container for less
    can_renew = False

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


def test_the_deployed_means_are_used_as_they_are_and_others_make_a_variant(rehearsal: Rehearsal) -> None:
    before = len(rehearsal.state.variants)
    for spec in (EngineSpec(), EngineSpec(grace_seconds=1)):  # the grace is the caller's own
        with ModalEngine(spec, DRILL, **DRILL_NAMES):
            assert len(rehearsal.state.variants) == before
    with ModalEngine(EngineSpec(gpu=("L4",), timeout_seconds=77), DRILL, **DRILL_NAMES) as engine:
        engine.submit({"do": "work"}).result(60)
    variant = list(rehearsal.state.functions.values())[-1]
    assert (variant.proto.resources.gpu_config.gpu_type, variant.proto.timeout_secs) == ("L4", 77)
    with pytest.raises(OptionError, match="several GPUs"):
        ModalEngine(EngineSpec(gpu=("L4", "A10")), DRILL, **DRILL_NAMES)


def test_many_orders_give_as_many_calls_in_their_order(make_engine: MakeEngine) -> None:
    engine = make_engine({"max_workers": 2})
    assert isinstance(engine, ModalEngine)
    calls = engine.map({"do": "work", "seconds": 0.1, "num_events": number} for number in range(1, 4))
    assert [len(list(call.events())) - 1 for call in calls] == [1, 2, 3]


@pytest.mark.parametrize("class_name", ["Nobody", "Drill"])
def test_what_is_not_deployed_is_said_to_be_so(rehearsal: Rehearsal, class_name: str) -> None:
    app_name = "blanklogo-drill" if class_name == "Nobody" else "nothing"
    with pytest.raises(UnavailableError, match="blanklogo modal deploy"):
        ModalEngine(EngineSpec(), app_name=app_name, class_name=class_name)


def test_a_wrong_token_is_told_with_what_to_do(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    with rehearsal.as_the_environment():
        monkeypatch.setenv("MODAL_TOKEN_SECRET", "as-wrong")
        with pytest.raises(UnavailableError, match="modal token new"):
            ModalEngine(EngineSpec(), DRILL, **DRILL_NAMES)


# Orders that name files of this machine, run by the deployed remover


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return marked_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def remover(rehearsal: Rehearsal) -> Iterator[ModalEngine]:
    deploy(DEPLOY_FILE, BLANKLOGO_GPU="A10", BLANKLOGO_TIMEOUT_SECONDS="300", BLANKLOGO_CPU_CORES="4")
    with open_engine("modal") as engine:
        yield engine
    rehearsal.lose_containers()


def test_the_result_is_the_same_bytes_as_inline(remover: ModalEngine, clip: Path, tmp_path: Path) -> None:
    there, here = tmp_path / "there.mp4", tmp_path / "here.mp4"
    call = remover.submit(Order(str(clip), str(there)))
    kinds = [event["type"] for event in call.events()]
    assert (kinds[-1], kinds.count("result")) == ("result", 1)
    assert "progress" in kinds
    assert call.result(0)["output"] == str(there)
    with InlineEngine(EngineSpec()) as inline:
        report = inline.submit(Order(str(clip), str(here))).result(120)["report"]
    assert there.read_bytes() == here.read_bytes()
    assert call.result(0)["report"]["tracks"] == report["tracks"]


def test_chunks_travel_as_bytes_and_make_one_film(remover: ModalEngine, clip: Path, tmp_path: Path) -> None:
    """The plan in a result and in orders, chunks' files in results, and what all calls cost together."""
    place = tmp_path / "out"
    place.mkdir()
    report = blanklogo.remove(clip, place / "clean.mp4", boxes=[Box(20, 20, 60, 40)], engine=remover, chunks=2)
    assert report.verify.frames_match
    assert report.verify.audio_identical
    assert report.cost is not None
    assert report.cost.provider == "modal"
    assert [path.name for path in place.iterdir()] == ["clean.mp4"]


def test_an_order_without_a_target_brings_bytes_back(remover: ModalEngine, clip: Path) -> None:
    result = remover.submit(Order(clip.read_bytes())).result(120)
    assert result["output"][4:8] == b"ftyp"
    assert result["report"]["watermarks_detected"] == 1


def test_without_a_wish_the_deployed_means_are_used_and_priced(remover: ModalEngine, clip: Path) -> None:
    assert (remover.spec.gpu, remover.spec.timeout_seconds, remover.spec.cpu_cores) == (("A10",), 300, 4)
    call = remover.submit(Order(clip.read_bytes(), dry_run=True))
    cost = call.result(120)["report"]["cost"]
    assert (cost["provider"], cost["is_cold"]) == ("modal", call.stats.is_cold)
    assert cost["usd"] == pytest.approx(cost["seconds"] / 3600 * (1.10 + 4 * 0.0472 + 16 * 0.0080), abs=2e-6)
    with pytest.raises(OptionError, match="without a GPU"):
        ModalEngine(EngineSpec(timeout_seconds=9))


def test_what_does_not_fit_is_refused_before_anything_is_sent(remover: ModalEngine, clip: Path, tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="is the input"):
        remover.submit(Order(str(clip), str(clip)))
    with pytest.raises(SourceError, match="does not exist"):
        remover.submit(Order(str(tmp_path / "nothing.mp4")))
    large = tmp_path / "large.mp4"
    with large.open("wb") as file:
        file.truncate((256 << 20) + 1)
    with pytest.raises(OptionError, match="268 MB"):
        remover.submit(Order(str(large)))
