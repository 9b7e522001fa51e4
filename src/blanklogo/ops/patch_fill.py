"""Patch fill: a hole continued with what the picture shows elsewhere.

Every 9 x 9 patch that touches the hole is compared with all that are wholly known, pixels in the hole counting the
less the deeper they lie, and becomes a mean of its best matches,

    d_k = sum[w (patch - source_k)^2] / sum[w],      patch = sum_k exp(-(d_k - d_0) / (d_0 + c)) source_k;

overlapping patches vote for each pixel, weighted by 1 / d_0. Repeated until it settles, from a quarter of the size
up. A mean of several matches is a conditional mean, as the harmonic fill is: where nothing repeats it gets smooth,
not wrong. How far it is to be trusted is not for it to say (`ops.proven_fill`).

Source: Wexler, Shechtman, Irani, "Space-time completion of video", PAMI 2007; means of patches after Buades, Coll,
Morel, "A non-local algorithm for image denoising", CVPR 2005.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from blanklogo.types.arrays import Mask, Values

PATCH_PX = 9
_SCALES = (4, 2, 1)
_NUM_ITERATIONS = 4
_STRIDE_PX = 2  # between patches that are matched; each pixel still gets some twenty votes
_NUM_MATCHES = 6
_MAX_SOURCES = 6000  # more add time, hardly better matches
_LEAST_SOURCES = 200
_DEPTH_PX = 4.0  # a pixel so deep in the hole counts another factor less
_DEEP_SHARE = 0.3
_NOISE_VARIANCE = 4.0  # matches closer than the codec's noise are equally good
_SETTLED = 0.1  # mean change, in code values


def fill_from_patches(picture: Values, hole: Mask, start: Values) -> Values:
    """The picture with its hole filled from patches, from coarse to fine.

    Args:
        picture: float32 [h, w, C], code values brought to 8 bits.
        hole: bool [h, w]; some of it must be False.
        start: the picture with its hole filled somehow; a picture too small for patches comes back as this.
    """
    filled: Values | None = None
    for scale in _SCALES:
        small, small_hole = _reduced(picture, hole, scale)
        if not small_hole.any() or small_hole.all():
            continue
        guess = start if filled is None else filled
        mode = cv2.INTER_AREA if filled is None else cv2.INTER_LINEAR
        guess = np.asarray(cv2.resize(guess, small_hole.shape[::-1], interpolation=mode), np.float32)
        filled = _settled(np.where(small_hole[..., None], guess, small), small_hole)
    return start if filled is None else np.where(hole[..., None], filled, picture)


def _reduced(picture: Values, hole: Mask, scale: int) -> tuple[Values, Mask]:
    """The picture in a coarser size, known pixels only, and where most of a coarse pixel is hole."""
    height, width = hole.shape
    size = (max(1, width // scale), max(1, height // scale))
    known = (~hole).astype(np.float32)
    share = np.asarray(cv2.resize(known, size, interpolation=cv2.INTER_AREA), np.float32)
    total = np.asarray(cv2.resize(picture * known[..., None], size, interpolation=cv2.INTER_AREA), np.float32)
    return total / np.maximum(share, 1e-3)[..., None], share < 0.5


@dataclass(frozen=True, eq=False)
class _Patches:
    """Patches that touch the hole, by their corner [N, 2], with the weight of each value [N, C P P]."""

    corners: np.ndarray
    weights: Values

    @staticmethod
    def around(hole: Mask, num_channels: int) -> _Patches:
        touched = _windows(hole).any((-2, -1))
        grid = np.zeros_like(touched)
        grid[::_STRIDE_PX, ::_STRIDE_PX] = True
        corners = np.argwhere(touched & grid)
        depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 3)
        trust = np.where(hole, _DEEP_SHARE ** (1 + depth / _DEPTH_PX), 1.0).astype(np.float32)
        weights = _windows(trust)[corners[:, 0], corners[:, 1]].reshape(len(corners), -1)
        return _Patches(corners, np.tile(weights, num_channels))


def _windows(values: np.ndarray) -> np.ndarray:
    return sliding_window_view(values, (PATCH_PX, PATCH_PX), axis=(0, 1))


def _flat_at(picture: Values, corners: np.ndarray) -> Values:
    """Patches by their corners, flat [N, C P P]."""
    return _windows(picture)[corners[:, 0], corners[:, 1]].reshape(len(corners), -1)


def _settled(picture: Values, hole: Mask) -> Values:
    """One size: matched and voted until it settles."""
    if min(hole.shape) < PATCH_PX:
        return picture
    whole = np.argwhere(_windows(~hole).all((-2, -1)))
    if len(whole) < _LEAST_SOURCES:
        return picture
    picked = whole[np.linspace(0, len(whole) - 1, min(len(whole), _MAX_SOURCES)).astype(int)]
    sources, patches = _flat_at(picture, picked), _Patches.around(hole, picture.shape[2])
    for _ in range(_NUM_ITERATIONS):
        means, distances = _matched(_flat_at(picture, patches.corners), patches.weights, sources)
        voted = _voted(picture, hole, patches.corners, means, 1 / (distances + _NOISE_VARIANCE))
        change = float(np.abs(voted - picture)[hole].mean())
        picture = voted
        if change < _SETTLED:
            break
    return picture


def _compared(num_values: int) -> tuple[NDArray[np.int64], Values]:
    """(which of a flat patch's values are compared, how much each counts): of the first channel all, of the others one
    in nine for all nine, since chroma was interpolated anyway."""
    index = np.arange(num_values)
    channel, place = np.divmod(index, PATCH_PX**2)
    y, x = np.divmod(place, PATCH_PX)
    chosen = np.flatnonzero((channel == 0) | ((y % 3 == 1) & (x % 3 == 1)))
    return chosen, np.where(channel[chosen] == 0, 1, 9).astype(np.float32)


def _matched(patches: Values, weights: Values, sources: Values, block: int = 512) -> tuple[Values, Values]:
    """(mean of its best matches, distance of the very best) of each patch; sums of squares by matrix products."""
    chosen, counts = _compared(patches.shape[1])
    compared = np.ascontiguousarray(sources[:, chosen].T)
    squares = compared**2
    means, distances = np.empty_like(patches), np.empty(len(patches), np.float32)
    for first in range(0, len(patches), block):
        part = slice(first, first + block)
        values, weight = patches[part][:, chosen], weights[part][:, chosen] * counts
        cross = weight @ squares - 2 * (weight * values) @ compared + (weight * values**2).sum(1, keepdims=True)
        far = np.maximum(cross / weight.sum(1, keepdims=True), 0)
        best = np.argpartition(far, _NUM_MATCHES, axis=1)[:, :_NUM_MATCHES]
        near = np.take_along_axis(far, best, 1)
        least = near.min(1, keepdims=True)
        share = np.exp(-(near - least) / (least + _NOISE_VARIANCE))
        means[part] = np.einsum("nk,nkd->nd", share / share.sum(1, keepdims=True), sources[best])
        distances[part] = least[:, 0]
    return means, distances


def _voted(picture: Values, hole: Mask, corners: np.ndarray, patches: Values, votes: Values) -> Values:
    """Every pixel of the hole the weighted mean of the patches over it."""
    total, count = np.zeros_like(picture), np.zeros(hole.shape, np.float32)
    shaped = patches.reshape(len(patches), picture.shape[2], PATCH_PX, PATCH_PX)
    for dy in range(PATCH_PX):
        for dx in range(PATCH_PX):  # at one offset no two patches meet, so plain indexing adds
            y, x = corners[:, 0] + dy, corners[:, 1] + dx
            total[y, x] += votes[:, None] * shaped[:, :, dy, dx]
            count[y, x] += votes
    is_voted = hole & (count > 0)
    return np.where(is_voted[..., None], total / np.maximum(count, 1e-9)[..., None], picture)
