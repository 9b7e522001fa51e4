"""Known points of the matrices: BT.601-7 and BT.709-6, limited and full range."""

from __future__ import annotations

import numpy as np
import pytest

from blanklogo.ops.colour import MATRICES, rgb_to_yuv


def yuv(red: float, green: float, blue: float, matrix: str, is_full_range: bool) -> np.ndarray:
    return rgb_to_yuv(np.array([red, green, blue], np.float32), matrix, is_full_range)


@pytest.mark.parametrize("matrix", MATRICES)
def test_greys_have_no_colour(matrix: str) -> None:
    assert np.allclose(yuv(0, 0, 0, matrix, False), [16, 128, 128], atol=1e-3)
    assert np.allclose(yuv(1, 1, 1, matrix, False), [235, 128, 128], atol=1e-3)
    assert np.allclose(yuv(0, 0, 0, matrix, True), [0, 128, 128], atol=1e-3)
    assert np.allclose(yuv(1, 1, 1, matrix, True), [255, 128, 128], atol=1e-3)


@pytest.mark.parametrize(
    ("rgb", "matrix", "expected"),
    [
        ((1, 0, 0), "bt601", (81, 90, 240)),  # the 100% colour bars that every test card shows
        ((0, 1, 0), "bt601", (145, 54, 34)),
        ((0, 0, 1), "bt601", (41, 240, 110)),
        ((1, 0, 0), "bt709", (63, 102, 240)),
        ((0, 1, 0), "bt709", (173, 42, 26)),
        ((0, 0, 1), "bt709", (32, 240, 118)),
    ],
)
def test_primaries(rgb: tuple[int, int, int], matrix: str, expected: tuple[int, int, int]) -> None:
    assert np.rint(yuv(*rgb, matrix, False)).tolist() == list(expected)


def test_full_range_red_reaches_the_end() -> None:
    assert np.allclose(yuv(1, 0, 0, "bt601", True), [76.245, 128 - 0.168736 * 255, 255.5], atol=0.01)


def test_shape_and_type_are_kept() -> None:
    picture = np.zeros((3, 4, 3), np.float64)
    assert rgb_to_yuv(picture, "bt709", False).shape == (3, 4, 3)
    assert rgb_to_yuv(picture, "bt709", False).dtype == np.float32
