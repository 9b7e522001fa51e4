"""Means over windows against a plain loop, and halving against plain cells."""

from __future__ import annotations

import numpy as np
import pytest

from blanklogo.ops.windows import blurred, box_mean, gradient, subsampled


def plain_mean(stack: np.ndarray, size_px: int, num_frames: int) -> np.ndarray:
    reach, half = num_frames // 2, size_px // 2
    padded = np.pad(stack.astype(np.float64), ((0, 0), (half, half), (half, half)), mode="symmetric")
    result = np.empty(stack.shape)
    for t, y, x in np.ndindex(stack.shape):
        result[t, y, x] = padded[max(0, t - reach) : t + reach + 1, y : y + size_px, x : x + size_px].mean()
    return result


@pytest.mark.parametrize(
    ("length", "size_px", "num_frames"), [(6, 5, 3), (6, 3, 5), (1, 9, 5), (2, 3, 5), (4, 1, 1), (4, 9, 1)]
)
def test_box_mean_is_the_mean_of_the_box(length: int, size_px: int, num_frames: int) -> None:
    stack = np.random.default_rng(1).uniform(0, 255, (length, 11, 13)).astype(np.float32)
    assert np.allclose(box_mean(stack, size_px, num_frames), plain_mean(stack, size_px, num_frames), atol=0.01)


def test_blurring_a_stack_is_blurring_its_pictures() -> None:
    stack = np.random.default_rng(2).uniform(0, 255, (3, 12, 9)).astype(np.float32)
    assert all((blurred(stack, 1.5)[k] == blurred(stack[k], 1.5)).all() for k in range(3))


def test_gradient_of_a_slope_in_values_a_pixel() -> None:
    rows, columns = np.indices((12, 14)).astype(np.float32)
    along = gradient(3 * columns - 2 * rows)[:, 2:-2, 2:-2]
    assert np.allclose(along[0], 3)
    assert np.allclose(along[1], -2)


@pytest.mark.parametrize(("shape", "steps"), [((8, 6), (2, 2)), ((8, 6), (2, 1)), ((7, 5), (2, 2)), ((7, 5), (2, 1))])
def test_subsampling_takes_the_mean_of_each_cell(shape: tuple[int, int], steps: tuple[int, int]) -> None:
    values = np.random.default_rng(3).uniform(0, 1, shape).astype(np.float32)
    small = subsampled(values, *steps)
    assert small.shape == (-(-shape[0] // steps[1]), -(-shape[1] // steps[0]))
    for row, column in np.ndindex(small.shape):
        rows = np.minimum(np.arange(row * steps[1], (row + 1) * steps[1]), shape[0] - 1)
        columns = np.minimum(np.arange(column * steps[0], (column + 1) * steps[0]), shape[1] - 1)
        assert small[row, column] == pytest.approx(values[np.ix_(rows, columns)].mean(), abs=1e-5)


def test_no_subsampling_gives_the_same_values() -> None:
    values = np.random.default_rng(4).uniform(0, 1, (5, 7)).astype(np.float32)
    assert (subsampled(values, 1, 1) == values).all()
