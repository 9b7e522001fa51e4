"""What the measured figures say of other sizes and other cores."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.engines.throughput import Rate, Throughput, machine_words, shipped
from blanklogo.errors import OptionError

ONE, TWO = Rate(1, 1.0, 10_000_000, 0.1), Rate(2, 1.0, 16_000_000, 0.2)
TABLE = Throughput("a machine of long ago, 2 cores", "2026-11-24", 0.5, (ONE, TWO))
PIXELS = st.integers(0, 10**12)
CORES = st.floats(0.125, 256)


def test_the_shipped_table_is_whole() -> None:
    table = shipped()
    assert re.fullmatch(r"202\d-\d\d-\d\d", table.date)
    assert "cores" in table.machine
    assert 0 < table.load_seconds < 60
    for rate in table.rates:
        assert rate.fixed_seconds >= 0
        assert rate.pixels_per_second > 0
        assert 0 <= rate.worst_error < 0.5


@pytest.mark.parametrize(
    ("cores", "seconds"),
    [
        (1, 17.0),  # 1 + 160 M / 10 M
        (2, 11.0),  # 1 + 160 M / 16 M
        (0.5, 34.0),  # half a core takes twice as long
        (4, 8.0),  # 17 = serial + parallel, 11 = serial + parallel / 2: 5 and 12
    ],
)
def test_seconds_by_hand(cores: float, seconds: float) -> None:
    assert TABLE.run_seconds(160_000_000, cores) == pytest.approx(seconds)


def test_without_a_row_for_more_cores_more_cores_are_no_faster() -> None:
    assert replace(TABLE, rates=(ONE,)).run_seconds(160_000_000, 8) == pytest.approx(17.0)


@given(PIXELS, PIXELS, CORES)
def test_more_pixels_never_take_less(one: int, other: int, cores: float) -> None:
    least, most = sorted((one, other))
    assert TABLE.run_seconds(least, cores) <= TABLE.run_seconds(most, cores) * (1 + 1e-12)


@given(PIXELS, CORES, CORES)
def test_more_cores_never_take_longer(num_pixels: int, one: float, other: float) -> None:
    least, most = sorted((one, other))
    assert TABLE.run_seconds(num_pixels, most) <= TABLE.run_seconds(num_pixels, least) * (1 + 1e-12)


def test_how_seconds_are_known_is_said() -> None:
    here = replace(TABLE, machine=machine_words())
    assert [here.basis(cores) for cores in (1, 2, 2.0, 4, 0.5)] == ["measured"] * 3 + ["scaled"] * 2
    assert TABLE.basis(2) == "assumed"


@pytest.mark.parametrize("rates", [(), (TWO,), (TWO, ONE), (ONE, ONE)])
def test_a_table_must_begin_with_one_core(rates: tuple[Rate, ...]) -> None:
    with pytest.raises(OptionError):
        replace(TABLE, rates=rates)
