"""Pixel formats: understood ones are described, others refused by name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.errors import UnsupportedError
from blanklogo.media.planes import PlaneFormat


@pytest.mark.parametrize(
    ("name", "depth", "steps"),
    [
        ("yuv420p", 8, (2, 2)),
        ("yuv422p", 8, (2, 1)),
        ("yuv444p", 8, (1, 1)),
        ("yuv420p10le", 10, (2, 2)),
        ("yuv422p12le", 12, (2, 1)),
    ],
)
def test_understood(name, depth, steps):
    layout = PlaneFormat.from_name(name)
    assert (layout.bit_depth, (layout.step_x, layout.step_y)) == (depth, steps)
    assert layout.dtype == (np.uint8 if depth == 8 else np.uint16)
    assert layout.max_value == 2**depth - 1
    assert not layout.is_full_range


def test_full_range_by_name_or_by_tag():
    assert PlaneFormat.from_name("yuvj420p").is_full_range
    assert PlaneFormat.from_name("yuv420p", is_full_range=True).is_full_range


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("rgb24", "RGB"),
        ("gbrp", "RGB"),
        ("bgra", "alpha"),
        ("yuva420p", "alpha"),
        ("gray", "no colour planes"),
        ("gray10le", "no colour planes"),
        ("pal8", "paletted"),
        ("nv12", "interleaves"),
        ("p010le", "interleaves"),
        ("yuyv422", "interleaves"),
        ("yuv420p10be", "big-endian"),
        ("yuv410p", "not understood"),
        ("yuv420p16le", "not understood"),
    ],
)
def test_refused_by_name(name, reason):
    with pytest.raises(UnsupportedError, match=f"{name}.*{reason}.*accepted: planar YUV"):
        PlaneFormat.from_name(name)


@given(st.integers(1, 300), st.integers(1, 300), st.sampled_from(["yuv420p", "yuv422p10le", "yuv444p"]))
def test_planes_cover_the_picture(width, height, name):
    layout = PlaneFormat.from_name(name)
    rows, columns = layout.plane_shape(1, width, height)
    assert (rows - 1) * layout.step_y < height <= rows * layout.step_y
    assert (columns - 1) * layout.step_x < width <= columns * layout.step_x
    assert layout.num_bytes(width, height) == (width * height + 2 * rows * columns) * layout.dtype.itemsize
