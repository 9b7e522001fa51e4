"""The price table, and the arithmetic on it checked by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.engines.base import CallStats
from blanklogo.engines.prices import (
    PRICES,
    PROVIDERS,
    break_even_calls_per_hour,
    call_cost,
    find_price,
    idle_usd,
    price_of,
    run_usd,
    warm_month_usd,
)
from blanklogo.engines.spec import GIB, GPUS, EngineSpec
from blanklogo.errors import OptionError
from blanklogo.types import Cost

CPU = EngineSpec(cpu_cores=2, memory_bytes=4 * GIB)  # on Modal 2 · 0.0472 + 4 · 0.0080 = 0.1264 an hour
A10 = EngineSpec(gpu=("A10",), cpu_cores=4, memory_bytes=16 * GIB)  # 1.10 + 4 · 0.0472 + 16 · 0.0080 = 1.4168
SECONDS = st.floats(0, 1e7)


def specs(gpus: st.SearchStrategy[tuple[str, ...]]) -> st.SearchStrategy[EngineSpec]:
    return st.builds(
        EngineSpec,
        gpu=gpus,
        cpu_cores=st.floats(0.125, 64),
        memory_bytes=st.integers(GIB, 512 * GIB),
        scaledown_window_seconds=st.floats(0, 3600),
    )


MODAL_SPECS = specs(st.one_of(st.just(()), st.sampled_from(GPUS).map(lambda name: (name,))))


def test_every_row_says_what_it_is_of_and_whence() -> None:
    assert len({(price.provider, price.gpu) for price in PRICES}) == len(PRICES)
    for price in PRICES:
        assert price.gpu is None or price.gpu in GPUS
        assert price.provider == price.provider.lower()
        assert "202" in price.date
        assert price.source
        assert min(price.gpu_usd_per_hour, price.core_usd_per_hour, price.gib_usd_per_hour) >= 0
        assert price.usd_per_hour(CPU) > 0


def test_every_gpu_that_a_worker_may_have_has_a_price_at_modal() -> None:
    assert {price.gpu for price in PRICES if price.provider == "modal"} == {None, *GPUS}


@pytest.mark.parametrize(
    ("spec", "provider", "usd"),
    [
        (CPU, "modal", 0.1264),
        (A10, "modal", 1.4168),
        (A10, "runpod", 0.44),  # the machine around the GPU is in its price
        (A10, "aws", 3.00),
        (EngineSpec(gpu=("H100", "A10"), cpu_cores=1, memory_bytes=GIB), "modal", 4.0052),
    ],
)
def test_an_hour_by_hand(spec: EngineSpec, provider: str, usd: float) -> None:
    assert run_usd(3600, spec, provider) == pytest.approx(usd, rel=1e-12)


def test_windows_and_months_by_hand() -> None:
    assert idle_usd(A10, "modal") == pytest.approx(1.4168 / 60, rel=1e-12)  # the window is a minute
    assert warm_month_usd(A10, "modal") == 0
    two = EngineSpec(gpu=("A10",), cpu_cores=4, memory_bytes=16 * GIB, min_workers=2)
    assert warm_month_usd(two, "modal") == pytest.approx(2 * 730 * 1.4168, rel=1e-12)


def test_a_floor_is_said_to_be_one() -> None:
    assert [price.provider for price in PRICES if price.is_floor] == ["aws"]


@pytest.mark.parametrize("given_name", ["A10G", "a10", " A10 "])
def test_one_gpu_has_one_price_whatever_it_is_called(given_name: str) -> None:
    assert find_price("Modal", given_name) is find_price("modal", "A10")


@pytest.mark.parametrize("name", ["lambda", "", "inline", "modal.com"])
def test_an_unknown_provider_is_refused_with_those_there_are(name: str) -> None:
    with pytest.raises(OptionError) as caught:
        find_price(name)
    assert caught.value.accepted == ", ".join(PROVIDERS) == "modal, runpod, replicate, aws"


def test_what_a_provider_has_no_price_for_is_refused_with_what_it_has() -> None:
    with pytest.raises(OptionError) as caught:
        price_of(CPU, "replicate")
    assert str(caught.value) == "no price of replicate for CPU only; accepted: A10"
    with pytest.raises(OptionError) as caught:
        find_price("modal", "RTX 4090")
    assert caught.value.accepted == ", ".join(GPUS)


@pytest.mark.parametrize("seconds", [-1, math.nan])
def test_seconds_that_are_none_are_refused(seconds: float) -> None:
    with pytest.raises(OptionError):
        run_usd(seconds, CPU, "modal")
    with pytest.raises(OptionError):
        break_even_calls_per_hour(CPU, seconds, 0)
    with pytest.raises(OptionError):
        break_even_calls_per_hour(CPU, 0, seconds)


@given(MODAL_SPECS, SECONDS, SECONDS)
def test_more_seconds_never_cost_less_and_sums_add_up(spec: EngineSpec, one: float, other: float) -> None:
    least, most = sorted((one, other))
    assert run_usd(least, spec, "modal") <= run_usd(most, spec, "modal")
    both = run_usd(one, spec, "modal") + run_usd(other, spec, "modal")
    assert both == pytest.approx(run_usd(one + other, spec, "modal"), rel=1e-9)


@given(MODAL_SPECS, SECONDS)
def test_a_gpu_never_makes_a_worker_cheaper(spec: EngineSpec, seconds: float) -> None:
    bare = EngineSpec(cpu_cores=spec.cpu_cores, memory_bytes=spec.memory_bytes)
    assert run_usd(seconds, bare, "modal") <= run_usd(seconds, spec, "modal")


@given(MODAL_SPECS, st.floats(0.01, 1e5), st.floats(0, 1e4))
def test_at_the_break_even_both_ways_cost_the_same(spec: EngineSpec, run_seconds: float, start_seconds: float) -> None:
    calls = break_even_calls_per_hour(spec, run_seconds, start_seconds)
    alone = run_usd(start_seconds + run_seconds, spec, "modal") + idle_usd(spec, "modal")
    assert calls * alone == pytest.approx(run_usd(3600, spec, "modal"), rel=1e-9)


def test_the_break_even_by_hand() -> None:
    assert break_even_calls_per_hour(A10, run_seconds=20, cold_start_seconds=10) == 40  # 3600 / (10 + 20 + 60)
    instant = EngineSpec(scaledown_window_seconds=0)
    assert break_even_calls_per_hour(instant, 0, 0) == math.inf


@pytest.mark.parametrize(
    ("stats", "seconds"),
    [
        (CallStats(is_cold=True, cold_start_seconds=6, run_seconds=30), 36),
        (CallStats(is_cold=False, cold_start_seconds=0, run_seconds=30), 30),
        (CallStats(is_cold=None, run_seconds=30), 30),
        (CallStats(is_cold=True, run_seconds=30), 30),
    ],
)
def test_a_call_costs_its_run_and_the_start_it_waited_for(stats: CallStats, seconds: float) -> None:
    cost = call_cost(stats, CPU, "modal")
    assert cost == Cost("modal", pytest.approx(seconds / 3600 * 0.1264), seconds, stats.is_cold, "mid 2026")


def test_a_call_without_a_known_run_has_no_cost_but_a_wrong_provider_is_told() -> None:
    assert call_cost(CallStats(), CPU, "modal") is None
    with pytest.raises(OptionError):
        call_cost(CallStats(), CPU, "pool")


@given(MODAL_SPECS, st.floats(0, 1e5), st.floats(0, 1e4))
def test_a_cold_call_never_costs_less_than_a_warm_one(spec: EngineSpec, run_seconds: float, start: float) -> None:
    cold = call_cost(CallStats(is_cold=True, cold_start_seconds=start, run_seconds=run_seconds), spec, "modal")
    warm = call_cost(CallStats(is_cold=False, cold_start_seconds=0, run_seconds=run_seconds), spec, "modal")
    assert cold is not None
    assert warm is not None
    assert warm.usd <= cold.usd
