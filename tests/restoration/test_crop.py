"""Cutting the edge off that holds a mark."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.errors import OptionError
from blanklogo.restoration.crop import crop_without
from blanklogo.types import Box

SIZE = (640, 360)


@pytest.mark.parametrize(
    ("boxes", "kept"),
    [
        ((Box(500, 320, 630, 350),), Box(0, 0, 640, 320)),  # bottom right: the bottom costs less
        ((Box(600, 100, 639, 250),), Box(0, 0, 600, 360)),
        ((Box(3, 5, 61, 351),), Box(62, 0, 640, 360)),  # to the next even column
        ((Box(10, 10, 200, 41),), Box(0, 42, 640, 360)),
        ((Box(10, 10, 200, 40), Box(400, 331, 630, 350)), Box(0, 40, 640, 330)),
        ((Box(10, 10, 200, 40), Box(300, 5, 400, 30)), Box(0, 40, 640, 360)),  # the second went with the first
        ((), Box(0, 0, 640, 360)),
    ],
)
def test_the_largest_part_without_a_mark(boxes: tuple[Box, ...], kept: Box) -> None:
    assert crop_without(boxes, *SIZE) == kept


def test_odd_sizes_give_even_pictures() -> None:
    kept = crop_without((Box(0, 100, 161, 110),), 161, 121)
    assert kept == Box(0, 0, 160, 100)


@pytest.mark.parametrize("box", [Box(300, 160, 340, 200), Box(0, 0, 640, 360), Box(0, 170, 640, 190)])
def test_a_mark_in_the_middle_is_refused(box: Box) -> None:
    with pytest.raises(OptionError, match=r"too far from the frame's edges.*accepted: marks near an edge.*--mode auto"):
        crop_without((box,), *SIZE)


@st.composite
def places(draw: st.DrawFn) -> Box:
    x, y = draw(st.integers(0, 630)), draw(st.integers(0, 350))
    return Box(x, y, draw(st.integers(x + 1, 640)), draw(st.integers(y + 1, 360)))


@given(st.lists(places(), min_size=1, max_size=3))
def test_what_is_kept_holds_no_mark_and_half_of_the_picture(boxes: list[Box]) -> None:
    try:
        kept = crop_without(tuple(boxes), *SIZE)
    except OptionError:
        return
    assert all(kept.intersection(box) is None for box in boxes)
    assert kept.area >= 0.5 * 640 * 360
    assert Box(0, 0, *SIZE).contains(kept)
    assert all(side % 2 == 0 for side in kept.as_list())
