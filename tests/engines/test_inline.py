"""The inline engine, held to what a thread can hold of the contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from engine_contract import DRILL, EngineContract, MakeEngine, quick_spec

from blanklogo.engines.inline import InlineEngine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import BudgetError, OptionError, UnavailableError


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    made: list[InlineEngine] = []

    def make(spec_overrides: dict, workload: str = DRILL) -> InlineEngine:
        spec = replace(quick_spec(spec_overrides), memory_bytes=EngineSpec.memory_bytes)
        made.append(InlineEngine(spec, workload))
        return made[-1]

    yield make
    for engine in made:
        engine.close(is_patient=False)


class TestInline(EngineContract):
    can_kill = False
    has_workers = False
    sees_memory = False
    can_retry = False


@pytest.mark.parametrize(
    "asked",
    [{"gpu": "T4"}, {"memory_bytes": 1 << 30}, {"min_workers": 2}, {"retries": 1}],
    ids=lambda asked: next(iter(asked)),
)
def test_what_a_thread_cannot_hold_is_refused(asked: dict) -> None:
    with pytest.raises(OptionError, match="pool"):
        InlineEngine(EngineSpec(**asked), DRILL)


def test_work_that_does_not_stop_ends_the_engine_and_not_the_caller() -> None:
    with InlineEngine(EngineSpec(timeout_seconds=0.3, grace_seconds=0.3), "stubborn:Stubborn") as engine:
        with pytest.raises(BudgetError):
            engine.submit({}).result(30)
        with pytest.raises(UnavailableError, match="still runs"):
            engine.submit({})
