"""Pictures into a detector's input and boxes back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blanklogo.models.letterbox import GREY, Letterbox, input_tensor, smallest_input_px

sizes = st.integers(1, 2000)
inputs = st.integers(1, 40).map(lambda steps: 32 * steps)
letterboxes = st.builds(Letterbox, sizes, sizes, inputs, inputs)

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no error


@relaxed
@given(letterboxes, st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_a_box_comes_back_from_the_input(place: Letterbox, corners: list[float]) -> None:
    box = np.array([corners]) * np.array([place.width_px, place.height_px] * 2)
    np.testing.assert_allclose(place.to_picture(place.to_input(box)), box, atol=1e-6)  # px; float64 at sides of 2000


@relaxed
@given(letterboxes)
def test_the_whole_picture_fills_the_input_one_way_and_lies_in_its_middle(place: Letterbox) -> None:
    (x0, y0, x1, y1), (width, height) = (
        place.to_input(np.array([0, 0, place.width_px, place.height_px])),
        (place.input_width_px, place.input_height_px),
    )
    slack = 1e-6  # px; float64
    assert min(x0, y0) >= 0
    assert max(x1 - width, y1 - height) <= slack
    assert min(width - (x1 - x0), height - (y1 - y0)) < slack
    assert abs(x0 - (width - x1)) <= 1 + slack
    assert abs(y0 - (height - y1)) <= 1 + slack


@relaxed
@given(st.integers(16, 900), st.integers(16, 900), inputs, inputs)
def test_the_aspect_is_kept(width: int, height: int, input_width: int, input_height: int) -> None:
    place = Letterbox(width, height, input_width, input_height)
    scaled_width, scaled_height = place.scaled_px
    scale = min(input_width / width, input_height / height)
    nearest = 0.5 + 1e-6  # px
    assert abs(scaled_width - scale * width) <= nearest or scaled_width == 1
    assert abs(scaled_height - scale * height) <= nearest or scaled_height == 1


def test_the_picture_is_scaled_and_the_rest_is_grey() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 40:] = 255
    whole = Letterbox(80, 40, 160, 120).pictured(picture)
    assert whole.shape == (120, 160, 3)
    assert (whole[:20] == GREY).all()
    assert (whole[100:] == GREY).all()
    assert not whole[20:100, :78].any()
    assert (whole[20:100, 82:] == 255).all()


def test_a_picture_of_the_inputs_size_is_left_alone() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    assert np.array_equal(Letterbox(96, 64, 96, 64).pictured(picture), picture)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_tensor_has_channels_first_and_runs_from_0_to_1(dtype: str) -> None:
    picture = np.zeros((2, 4, 3), np.uint8)
    picture[0, 3] = (255, 51, 0)
    tensor = input_tensor([picture, picture], dtype)
    assert (tensor.dtype.name, tensor.shape) == (dtype, (2, 3, 2, 4))
    np.testing.assert_allclose(tensor[1, :, 0, 3], [1, 0.2, 0], atol=1e-3)


@relaxed
@given(sizes, sizes, st.integers(32, 1280), st.sampled_from([32, 64]))
def test_a_free_input_is_as_small_as_the_stride_allows(width: int, height: int, side: int, stride: int) -> None:
    input_width, input_height = smallest_input_px(width, height, side, stride)
    assert input_width % stride == input_height % stride == 0
    assert max(input_width, input_height) == -(-side // stride) * stride
    place = Letterbox(width, height, input_width, input_height)
    assert max(place.margins_px) <= stride // 2
