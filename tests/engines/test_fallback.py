"""Several engines behind one: who gets the call, what is told, and that nothing is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
from engine_contract import DRILL, UNLOADABLE, EngineContract, MakeEngine, quick_spec
from scripted_engine import ScriptedEngine

from blanklogo.engines.base import Engine
from blanklogo.engines.fallback import FallbackEngine
from blanklogo.engines.inline import InlineEngine
from blanklogo.engines.pool.engine import PoolEngine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import (
    CancelledError,
    EngineError,
    LoadError,
    MemoryLimitError,
    OptionError,
    PendingError,
    ProcessingError,
    UnavailableError,
)
from blanklogo.types import Order

PATIENCE_SECONDS = 30.0
GPU_OOM = MemoryLimitError("the worker ran out of memory: RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB")
GONE = UnavailableError("the cloud cannot be reached")


@pytest.fixture
def behind() -> Iterator[Callable[..., FallbackEngine]]:
    """Makes the engine, and afterwards sees that no thread of it is left."""
    made: list[FallbackEngine] = []

    def make(*engines: Engine) -> FallbackEngine:
        made.append(FallbackEngine(engines))
        return made[-1]

    yield make
    for engine in made:
        engine.close(is_patient=False)
    until(lambda: not [thread for thread in threading.enumerate() if thread.name == "fallback"])


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    """For the contract: a pool behind, which does all the work."""
    made: list[FallbackEngine] = []

    def make(spec_overrides: dict, workload: str = DRILL) -> FallbackEngine:
        made.append(FallbackEngine([PoolEngine(quick_spec(spec_overrides), workload)]))
        return made[-1]

    yield make
    for engine in made:
        engine.close(is_patient=False)


class TestFallback(EngineContract):
    """What every engine promises holds for one that stands before others."""

    parent_script = """
from blanklogo.engines.fallback import FallbackEngine
from blanklogo.engines.pool.engine import PoolEngine
from blanklogo.engines.spec import EngineSpec

engine = FallbackEngine([PoolEngine(EngineSpec(max_workers=1), "blanklogo.engines.drill:Drill")])
"""


def test_what_a_real_pool_says_of_a_gpus_memory_is_understood(behind) -> None:
    pool = PoolEngine(quick_spec({}), DRILL)
    call = behind(pool, InlineEngine(EngineSpec(), DRILL)).submit({"do": "gpu_oom", "batch_size": 2})
    with pytest.raises(MemoryLimitError, match="CUDA out of memory"):
        call.result(PATIENCE_SECONDS)
    assert [told.rpartition("; now ")[2] for told in notices(call) if "; now " in told] == [
        "pool, batch_size 1",
        "inline, batch_size 2",
        "inline, batch_size 1",
    ]
    assert call.stats.num_attempts == 4


def test_a_real_pool_that_cannot_load_hands_the_call_on(behind) -> None:
    call = behind(PoolEngine(quick_spec({}), UNLOADABLE), InlineEngine(EngineSpec(), UNLOADABLE)).submit({})
    with pytest.raises(LoadError):
        call.result(PATIENCE_SECONDS)
    assert notices(call) == ["pool: the drill's weights are missing; now inline"]
    assert call.stats.num_attempts == 2


def notices(call) -> list[str]:
    return [event["message"] for event in call.events() if event["type"] == "notice"]


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_first_engine_does_it_and_nothing_is_said(behind) -> None:
    call = behind(ScriptedEngine("cloud"), ScriptedEngine("pool")).submit({"do": "work"})
    assert call.result(PATIENCE_SECONDS) == {
        "type": "result",
        "output": None,
        "by": "cloud",
        "engine": "cloud",
        "gpu": None,
        "num_attempts": 1,
    }
    assert [event["type"] for event in call.events()] == ["progress", "result"]
    assert (call.stats.worker, call.stats.queued_seconds, call.stats.run_seconds) == ("cloud-1", 0.5, 3.0)


def test_an_engine_that_is_gone_is_passed_over_loudly(behind) -> None:
    cloud = ScriptedEngine("cloud", gpu="A10")
    cloud.close()
    call = behind(cloud, ScriptedEngine("pool")).submit({"do": "work"})
    result = call.result(PATIENCE_SECONDS)
    assert (result["by"], result["engine"], result["num_attempts"], call.stats.num_attempts) == ("pool", "pool", 2, 2)
    assert notices(call) == ["cloud with A10: cloud is closed; now pool"]


def test_a_call_that_waits_too_long_goes_on_and_all_its_waiting_counts(behind) -> None:
    cloud = ScriptedEngine("cloud", "wait", max_queue_seconds=0.2)
    call = behind(cloud, ScriptedEngine("pool")).submit({"do": "work"})
    assert call.result(PATIENCE_SECONDS)["engine"] == "pool"
    (told,) = notices(call)
    assert told.startswith("cloud: no worker was free for ")
    assert told.endswith(" s; now pool")
    assert call.stats.queued_seconds >= 0.7  # 0.2 s in vain, then the 0.5 s that the pool tells
    assert cloud.stats.num_queued == 0  # it was taken back


def test_the_age_of_what_waits_is_told(behind) -> None:
    engine = behind(ScriptedEngine("cloud", "wait"))
    call = engine.submit({"do": "work"})
    until(lambda: engine.stats.oldest_queued_seconds > 0.1)
    assert engine.stats.num_queued == 1
    call.cancel()
    until(lambda: engine.stats.num_queued == 0)
    assert engine.stats.oldest_queued_seconds == 0


def test_a_call_that_a_worker_has_is_not_taken_back(behind) -> None:
    engine = behind(ScriptedEngine("cloud", "hold", max_queue_seconds=0.1), ScriptedEngine("pool"))
    call = engine.submit({"do": "work"})
    with pytest.raises(PendingError):
        call.result(0.5)
    assert engine.stats.num_queued == 0
    call.cancel()
    with pytest.raises(CancelledError):
        call.result(PATIENCE_SECONDS)


def test_a_gpu_too_small_is_tried_with_less_then_left(behind) -> None:
    small, large = ScriptedEngine("cloud", GPU_OOM, gpu="T4"), ScriptedEngine("cloud", gpu="H100")
    call = behind(small, large).submit({"do": "work", "batch_size": 4})
    result = call.result(PATIENCE_SECONDS)
    assert (result["engine"], result["gpu"], result["num_attempts"]) == ("cloud", "H100", 4)
    assert [order["batch_size"] for order in small.orders + large.orders] == [4, 2, 1, 4]
    assert [told.rpartition("; now ")[2] for told in notices(call) if "; now " in told] == [
        "cloud with T4, batch_size 2",
        "cloud with T4, batch_size 1",
        "cloud with H100, batch_size 4",
    ]


def test_when_all_fail_the_last_error_stands(behind) -> None:
    call = behind(ScriptedEngine("cloud", GONE), ScriptedEngine("pool", UnavailableError("no room"))).submit({})
    with pytest.raises(UnavailableError, match="no room"):
        call.result(PATIENCE_SECONDS)
    assert call.stats.num_attempts == 2


def test_a_failure_of_the_work_itself_is_not_tried_again(behind) -> None:
    pool = ScriptedEngine("pool")
    call = behind(ScriptedEngine("cloud", ProcessingError("it broke")), pool).submit({"do": "work"})
    with pytest.raises(ProcessingError, match="it broke"):
        call.result(PATIENCE_SECONDS)
    assert pool.orders == []


def test_an_order_travels_as_a_message(behind) -> None:
    cloud = ScriptedEngine("cloud")
    order = Order("/videos/clip.mp4", "/videos/clean.mp4")
    behind(cloud).submit(order).result(PATIENCE_SECONDS)
    assert cloud.orders == [order.as_dict()]


def test_a_cancelled_call_goes_nowhere_else(behind) -> None:
    pool = ScriptedEngine("pool")
    engine = behind(ScriptedEngine("cloud", "wait", max_queue_seconds=60.0), pool)
    call = engine.submit({"do": "work"})
    call.cancel()
    with pytest.raises(CancelledError):
        call.result(PATIENCE_SECONDS)
    assert pool.orders == []


def test_a_closed_engine_takes_nothing_and_ends_what_waits(behind) -> None:
    cloud, pool = ScriptedEngine("cloud", "wait"), ScriptedEngine("pool")
    engine = behind(cloud, pool)
    call = engine.submit({"do": "work"})
    until(lambda: cloud.stats.num_queued == 1)
    engine.close()
    with pytest.raises(CancelledError):
        call.result(PATIENCE_SECONDS)
    assert pool.orders == []
    assert engine.stats.num_workers == 0
    with pytest.raises(UnavailableError):
        engine.submit({"do": "work"})


def test_an_engine_that_breaks_its_promise_leaves_nobody_waiting(behind) -> None:
    class Broken(ScriptedEngine):
        def submit(self, order):
            raise ZeroDivisionError("of its own")

    with pytest.raises(EngineError, match="of its own"):
        behind(Broken("cloud")).submit({}).result(PATIENCE_SECONDS)


def test_engines_for_several_workloads_or_none_are_refused() -> None:
    other = ScriptedEngine("pool")
    other.workload = "blanklogo.remover:Remover"
    for engines in ([], [ScriptedEngine("cloud"), other]):
        with pytest.raises(OptionError):
            FallbackEngine(engines)
