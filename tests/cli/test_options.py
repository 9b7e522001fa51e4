"""How the texts of options are read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.cli.options import parse_box, parse_range, parse_seconds
from blanklogo.cli.words import clock
from blanklogo.errors import OptionError
from blanklogo.types import Box, TimeRange


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("65.5", 65.5), (".5", 0.5), ("1:05.5", 65.5), ("0:01:05.5", 65.5), ("100", 100), ("90:00", 5400)],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_seconds(text, "--from") == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-1", "1:60", "1:2:3:4", "five", "nan", "inf", "1:60:00", "1,5", "1e3"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--to") as caught:
        parse_seconds(text, "--to")
    assert "1:05.5" in str(caught.value)


@given(st.integers(0, 359_999))
def test_a_clock_time_is_read_as_it_is_shown(tenths: int) -> None:
    assert parse_seconds(clock(tenths / 10), "--from") == pytest.approx(tenths / 10)


def test_a_box_is_left_top_width_height() -> None:
    assert parse_box("24, 18,180,64") == Box(24, 18, 204, 82)


@pytest.mark.parametrize("text", ["", "1,2,3", "1,2,3,4,5", "a,b,c,d", "1.5,2,3,4", "-1,0,4,4", "0,0,0,4", "0,0,4,-4"])
def test_what_is_no_box_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match="--box") as caught:
        parse_box(text)
    assert "X,Y,W,H" in str(caught.value)


def test_a_range_may_be_open_on_either_side() -> None:
    assert parse_range(None, None) == TimeRange(0, math.inf)
    assert parse_range("3", None) == TimeRange(3, math.inf)
    assert parse_range(None, "1:00") == TimeRange(0, 60)


def test_an_empty_range_names_both_options() -> None:
    with pytest.raises(OptionError, match="--from 5 --to 5"):
        parse_range("5", "5")
