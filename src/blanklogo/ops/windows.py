"""Means over small windows of space and time."""

from __future__ import annotations

import cv2
import numpy as np

from blanklogo.types.arrays import Values


def box_mean(stack: Values, size_px: int, num_frames: int) -> Values:
    """Mean over size_px x size_px x num_frames around every element of a float32 stack [T, h, w].

    Windows are cut at the first and last frame and mirrored at the borders of the picture. Both sizes are odd.
    """
    size = (size_px, size_px)
    spatial = np.stack([np.asarray(cv2.blur(one, size, borderType=cv2.BORDER_REFLECT), np.float32) for one in stack])
    reach = num_frames // 2
    if reach == 0 or len(stack) == 1:
        return spatial
    running = np.concatenate([np.zeros_like(spatial[:1]), np.cumsum(spatial, axis=0)])
    index = np.arange(len(stack))
    first, last = np.maximum(index - reach, 0), np.minimum(index + reach + 1, len(stack))
    return (running[last] - running[first]) / (last - first).astype(np.float32)[:, None, None]


def blurred(stack: Values, sigma_px: float) -> Values:
    """Gaussian blur of a float32 picture [h, w] or of each picture of a stack [T, h, w]."""
    if stack.ndim == 2:
        return np.asarray(cv2.GaussianBlur(stack, (0, 0), sigma_px), np.float32)
    return np.stack([np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32) for picture in stack])


def gradient(picture: Values, sigma_px: float = 0.0) -> Values:
    """Sobel gradient [2, h, w] (along x, along y) of a float32 picture [h, w], in values a px, after a blur."""
    smooth = cv2.GaussianBlur(picture, (0, 0), sigma_px) if sigma_px else picture
    slopes = [cv2.Sobel(smooth, cv2.CV_32F, dx, 1 - dx, scale=1 / 8) for dx in (1, 0)]
    return np.stack([np.asarray(slope, np.float32) for slope in slopes])


def subsampled(values: Values, step_x: int, step_y: int) -> Values:
    """The mean of each step_y x step_x cell of a float32 picture [h, w]; odd sizes are padded with their edge."""
    if (step_x, step_y) == (1, 1):
        return values
    height, width = values.shape
    padded = np.pad(values, ((0, -height % step_y), (0, -width % step_x)), mode="edge")
    size = (padded.shape[1] // step_x, padded.shape[0] // step_y)
    return np.asarray(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), np.float32)
