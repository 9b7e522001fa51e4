"""The types everyone speaks in are frozen, check themselves and print shapes, not pixels."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo import types
from blanklogo.errors import OptionError
from blanklogo.types import Box, Chunk, Detection, Job, Mark, Matte, MediaLimits, Order, PlaneMatte, TimeRange, Track

DATACLASSES = [getattr(types, name) for name in types.__all__ if dataclasses.is_dataclass(getattr(types, name))]
REPR_LIMIT_CHARACTERS = 400  # a matte's three planes described in words; a single row of pixels would be longer


def plane_matte(height_px: int = 40, width_px: int = 90) -> PlaneMatte:
    shape = (height_px, width_px)
    return PlaneMatte(*(np.full(shape, 0.5, np.float32) for _ in range(5)), support=np.ones(shape, bool))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x0, y0 = draw(st.integers(0, 200)), draw(st.integers(0, 200))
    return Box(x0, y0, x0 + draw(st.integers(1, 100)), y0 + draw(st.integers(1, 100)))


@pytest.mark.parametrize("kind", DATACLASSES, ids=lambda kind: kind.__name__)
def test_every_type_is_frozen_and_explained(kind: type) -> None:
    assert kind.__dataclass_params__.frozen
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}(")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Box(4, 4, 4, 9),
        lambda: Box(4, 9, 8, 4),
        lambda: TimeRange(3, 3),
        lambda: TimeRange(-1, 3),
        lambda: TimeRange(0, math.nan),
        lambda: Track(Box(0, 0, 1, 1), ranges=()),
        lambda: Track(Box(0, 0, 1, 1), confidence=1.5),
        lambda: Job("in.mp4", "out.mp4", quality=60),
        lambda: Chunk(b"plan", 4, 4, ".mp4"),
        lambda: Order.from_dict({"source": "/a.mp4", "chunk": {"plan": "text"}}),
        lambda: Mark(np.zeros((4, 4, 4)), np.zeros((4, 4, 3))),
        lambda: Mark(np.zeros((4, 4)), np.zeros((4, 5, 3))),
        lambda: Matte(Box(0, 0, 90, 40), (plane_matte(),), "blind", 1.0),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_accepted(wrong) -> None:
    with pytest.raises(OptionError) as caught:
        wrong()
    assert caught.value.accepted


def test_arrays_inside_are_shown_by_shape_and_cannot_be_written() -> None:
    mark = Mark(np.full((40, 90), 0.5), np.zeros((40, 90, 3)), "own.png")
    matte = Matte(Box(0, 0, 90, 40), (plane_matte(), plane_matte(20, 45), plane_matte(20, 45)), "blind", 7.0)
    for value in (mark, matte, plane_matte()):
        assert "array" not in repr(value)
        assert "90x40" in repr(value)
        assert len(repr(value)) < REPR_LIMIT_CHARACTERS
    with pytest.raises(ValueError, match="read-only"):
        mark.alpha[0, 0] = 1
    assert mark.alpha.dtype == np.float32


def test_a_mark_keeps_its_own_copy() -> None:
    alpha = np.zeros((4, 4), np.float32)
    mark = Mark(alpha, np.zeros((4, 4, 3)))
    alpha[:] = 1
    assert mark.alpha.max() == 0


@given(boxes(), boxes())
def test_intersection_and_union_fit_into_each_other(a: Box, b: Box) -> None:
    common, both = a.intersection(b), a.union(b)
    assert both.contains(a)
    assert both.contains(b)
    assert common == b.intersection(a)
    assert 0 <= a.iou(b) <= 1
    assert (common is None) == (a.iou(b) == 0)
    if common:
        assert a.contains(common)
        assert b.contains(common)


@given(boxes(), st.sampled_from([(1, 1), (2, 1), (2, 2), (4, 4)]))
def test_an_aligned_box_covers_and_lies_on_the_grid(box: Box, steps: tuple[int, int]) -> None:
    aligned = box.aligned(*steps, width_px=400, height_px=400)
    assert aligned.contains(box)
    assert [edge % step for edge, step in zip(aligned.as_list(), steps * 2, strict=True)] == [0, 0, 0, 0]


@given(boxes(), st.integers(0, 50))
def test_a_dilated_box_stays_inside_the_frame(box: Box, margin_px: int) -> None:
    grown = box.dilated(margin_px, 300, 300)
    assert grown.contains(box)
    assert Box(0, 0, 300, 300).contains(grown)


def test_slices_take_out_the_box() -> None:
    frame = np.arange(12).reshape(3, 4)
    assert frame[Box(1, 0, 3, 2).slices].tolist() == [[1, 2], [5, 6]]


def test_time_ranges_are_half_open() -> None:
    part = TimeRange(1, 2)
    assert (0.999 in part, 1 in part, 2 in part, "1" in part) == (False, True, False, False)
    assert part.intersection(TimeRange(2, 3)) is None
    assert part.intersection(TimeRange()) == part
    track = Track(Box(0, 0, 1, 1), ranges=(TimeRange(0, 1), TimeRange(2, 3)))
    assert [track.is_present(second) for second in (0.5, 1.5, 2.5)] == [True, False, True]
    assert (track.start_seconds, track.end_seconds) == (0, 3)


def test_an_empty_detection_says_whether_it_could_judge() -> None:
    assert Detection((), (TimeRange(),)).abstained is None


def test_an_order_of_a_chunk_comes_back_as_it_was() -> None:
    order = Order("/a.mp4", "/b.mp4", learn_only=True, chunk=Chunk(b"\0plan", 12, 36, ".mkv"))
    assert Order.from_dict(order.as_dict()) == order
    assert "plan" not in repr(order)
    assert "plan" not in repr(order.chunk)


def test_an_order_with_limits_comes_back_as_it_was() -> None:
    order = Order("/a.mp4", limits=MediaLimits(max_frames=7, max_seconds=0.5))
    assert Order.from_dict(order.as_dict()) == order
    for wrong in ({"max_frames": 7}, "none", {**MediaLimits().as_dict(), "max_frames": True}):
        with pytest.raises(OptionError, match="limits"):
            Order.from_dict({"source": "/a.mp4", "limits": wrong})
    with pytest.raises(OptionError, match="max_pixels 0"):
        MediaLimits(max_pixels=0)
