"""A hole filled in several ways at once, each trusted as far as it proves itself.

How good a way is for this very picture is measured where the truth is known: on second holes of the same shape beside
the first. With e_k the error of each way there, the harmonic fill being one of them, the mixture is

    out = sum_k w_k f_k,      w = argmin |sum_k w_k e_k|^2,   w_k >= 0, sum_k w_k = 1,

of which each subset of ways has the solution w = G^-1 1 / (1' G^-1 1), G = <e_j, e_k>: the best one without a negative
weight is taken. The first way counts for as much as it helps; each further one only if it lowers the error by a tenth,
because what hardly helps beside the hole may as well harm in it.

Source: stacking, Breiman, "Stacked regressions", Machine Learning 1996.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.ops.harmonic import HarmonicFill
from blanklogo.types.arrays import Mask, Values

_LEAST_PROOF_PX = 40  # fewer pixels in the second hole prove nothing
_LEAST_GAIN = 0.1  # of the squared error on the second hole, for every way but the first

Way = Callable[[Values, Mask, Values], Values]
"""Fills a picture [h, w, C] where the hole [h, w] is, given the harmonic fill; none of the three is changed."""


def proven_fill(picture: Values, hole: Mask, ways: Sequence[Way]) -> Values:
    """The picture with its hole filled.

    Args:
        picture: float32 [h, w, C], code values brought to 8 bits.
        hole: bool [h, w]; some of it must be False.
        ways: beside the harmonic fill, one or more.
    """
    smooth = harmonic(picture, hole)
    second = second_hole(hole)
    if second is None:
        return smooth
    weights = _proven(picture, hole, second, ways)
    filled = smooth
    for weight, way in zip(weights[1:], ways, strict=True):
        if weight > 0:
            filled = filled + np.float32(weight) * (way(picture, hole, smooth) - smooth)
    return filled


def harmonic(picture: Values, hole: Mask) -> Values:
    """[h, w, C], channel by channel."""
    return np.moveaxis(HarmonicFill(hole)(np.moveaxis(picture, 2, 0)), 0, 2)


def second_hole(hole: Mask) -> Mask | None:
    """The hole after the shortest move that puts most of it on known ground, without what is hole already; None where
    too little of it is left."""
    rows, columns = np.flatnonzero(hole.any(1)), np.flatnonzero(hole.any(0))
    if not len(rows):
        return None
    tall, wide = int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1
    moves = [(sign * part * tall // 4, 0) for sign in (-1, 1) for part in (2, 3, 4)]
    moves += [(0, sign * part * wide // 4) for sign in (-1, 1) for part in (2, 3, 4)]
    counted = [(int((_shifted(hole, move) & ~hole).sum()), -sum(map(abs, move)), move) for move in moves]
    count, _, best = max(counted)
    return _shifted(hole, best) & ~hole if count >= _LEAST_PROOF_PX else None


def _shifted(mask: Mask, shift: tuple[int, int]) -> Mask:
    """The mask moved (down, right); what leaves the picture is gone."""
    matrix = np.array([[1, 0, shift[1]], [0, 1, shift[0]]], np.float32)
    size = mask.shape[::-1]
    return cv2.warpAffine(mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST).astype(bool)


def _proven(picture: Values, hole: Mask, second: Mask, ways: Sequence[Way]) -> NDArray[np.float64]:
    """Weights of the harmonic fill and of each way."""
    both = hole | second
    smooth = harmonic(picture, both)
    fills = (smooth, *(way(picture, both, smooth) for way in ways))
    errors = np.stack([(fill - picture)[second].ravel() for fill in fills]).astype(np.float64)
    return _proven_mixture(errors @ errors.T)


def _proven_mixture(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """The best mixture of the harmonic fill, the first way, and those of the others that are needed."""
    weights = _embedded(gram, [0, 1])
    chosen = [0, 1]
    for way in range(2, len(gram)):
        more = _embedded(gram, [*chosen, way])
        if more @ gram @ more < (1 - _LEAST_GAIN) * (weights @ gram @ weights):
            weights, chosen = more, [*chosen, way]
    return weights


def _embedded(gram: NDArray[np.float64], chosen: list[int]) -> NDArray[np.float64]:
    """The best mixture of the chosen ways, 0 for the others."""
    weights = np.zeros(len(gram))
    weights[chosen] = best_mixture(gram[np.ix_(chosen, chosen)])
    return weights


def best_mixture(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    """w [n] >= 0 that add up to 1 and make `w' gram w` least, for the products of n ways' errors [n, n]."""
    num_ways = len(gram)
    gram = gram + 1e-6 * max(float(np.trace(gram)), 1e-6) * np.eye(num_ways)  # ways may agree
    best, least = np.eye(num_ways)[0], float(gram[0, 0])
    for size in range(1, num_ways + 1):
        for chosen in map(list, combinations(range(num_ways), size)):
            part = np.linalg.solve(gram[np.ix_(chosen, chosen)], np.ones(size))
            part /= part.sum()
            value = float(part @ gram[np.ix_(chosen, chosen)] @ part)
            if (part >= 0).all() and value < least:
                least, best = value, np.zeros(num_ways)
                best[chosen] = part
    return best
