"""Whether a place shows the same picture whenever it shows one, or other words each time on the same lines.

Captions keep their baseline, their height and, set flush left, their first column; so from one caption to the next some
pixels keep their edges, as a mark's do. What they do not keep is the picture. The windows in which a pattern is there
are cut into `NUM_PARTS` parts in order of time, with mean gradient fields m_k. From every field the mean of each row
and of each column is taken out first: a line that runs through says nothing about what is written on it. Then

    recurrence = min over k of corr(t_k, m_k)                  where the evidence from the other parts is strong
    agreement  = median over j < k - 1 of corr(m_j, m_k)       where the pattern is, and right beside it
    constancy  = (recurrence + agreement) / 2                  in [-1, 1]

with t_k the mean field of all parts but k. In agreement the double angles (see `rims`) stand in for the fields where
they are more alike: the outer edge of an outline turns round between dark scenes and light ones.

A mark's recurrence is high, because what was learnt without a part comes again in it; pixels at which some captions
happen to coincide do not coincide with the next one. Its agreement is high, because little but the mark has edges there
for long, while captions have letters there; neighbouring parts do not count, as one caption may reach over both. Each
has its weakness (a scene that stands still behind a mark spoils agreement, a caption that reaches over parts lends
recurrence), and captions are weak in the other. One that stays for most of the video is a mark in all that can be
measured here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.pairs import SHARPNESS, pair_evidence, signed_weights
from blanklogo.detection.places import Place
from blanklogo.detection.record import WINDOW_SAMPLES, Record
from blanklogo.detection.rims import double_angles
from blanklogo.types import Box

NUM_PARTS = 4  # as many as leave a few windows to each in a clip of some seconds
LEAST_WINDOWS = 4  # with less there are no two disjoint parts with a pair of windows each
LEAST_CONSTANCY = 0.53  # nearly all generated marks reach 0.6, hard ones 0.55; nearly all captions stay under 0.42
STRONG_SHARE = 0.6  # of the 95th percentile of the evidence
BESIDE_PX = 2  # the width of a stroke
NUM_ROUNDS = 3  # rows, then columns: on a mask one takes a little of the other back, less each time


def is_constant(record: Record, scene_change: NDArray[np.float32], group: list[Place]) -> bool:
    """Whether the places of a group show one picture throughout; so taken where there are too few windows to tell.

    Args:
        scene_change: D, float32 [n, n]; see `votes`.
        group: its first place sets the outline, and those with another outline are left out.
    """
    visits = list(_visits(record, group))
    if len(visits) < LEAST_WINDOWS:
        return True
    used = np.array([index for index, _ in visits])
    fields = np.concatenate([record.fields(used[k : k + 1], *box.slices) for k, (_, box) in enumerate(visits)])
    pixels = group[0].candidate.pixels
    weights = signed_weights(fields * pixels, np.ones(len(used), np.float32))
    return constancy(fields, weights, scene_change[np.ix_(used, used)] ** SHARPNESS, pixels) >= LEAST_CONSTANCY


def _visits(record: Record, group: list[Place]) -> Iterator[tuple[int, Box]]:
    """Windows throughout which a place holds the pattern, in order, and where."""
    places = [place for place in group if place.candidate.pixels.shape == group[0].candidate.pixels.shape]
    firsts = np.searchsorted(record.seconds, [window.start_seconds for window in record.windows])
    for index, first in enumerate(firsts):
        holding = [place.box for place in places if place.on[first : first + WINDOW_SAMPLES].all()]
        if holding:
            yield index, holding[0]


def constancy(
    fields: NDArray[np.float32], weights: NDArray[np.float32], pairs: NDArray[np.float32], pixels: NDArray[np.bool_]
) -> float:
    """Constancy of a pattern, see above.

    Args:
        fields: mean gradient fields of the windows that hold it, in order of time, float32 [n, 2, h, w], n at least 4.
        weights: their signed shares, float32 [n], none 0.
        pairs: how far a pair of windows counts, float32 [n, n].
        pixels: where the pattern is, bool [h, w].
    """
    parts = np.array_split(np.arange(len(fields)), min(NUM_PARTS, len(fields) // 2))
    means = np.stack([_mean(fields, weights, part) for part in parts])
    turned = np.stack([double_angles(fields[part]).mean(0) for part in parts])
    signed = pairs * weights[:, None] * weights[None]
    return (_recurrence(fields, weights, signed, parts, means) + _agreement(means, turned, pixels)) / 2


def _recurrence(
    fields: NDArray[np.float32],
    weights: NDArray[np.float32],
    pairs: NDArray[np.float32],
    parts: list[NDArray[np.int64]],
    means: NDArray[np.float32],
) -> float:
    """The least likeness of a part to what the others taught; 0 where others of one scene only can teach nothing."""
    found = []
    for part, mean in zip(parts, means, strict=True):
        others = np.setdiff1d(np.arange(len(fields)), part)
        evidence = pair_evidence(fields[others], pairs[np.ix_(others, others)])
        strong = evidence > STRONG_SHARE * np.percentile(evidence, 95)
        if strong.any():
            found.append(_likeness(_mean(fields, weights, others), mean, strong))
    return min(found, default=0.0)


def _agreement(means: NDArray[np.float32], turned: NDArray[np.float32], pixels: NDArray[np.bool_]) -> float:
    """The median likeness of parts that are no neighbours, on the pattern and right beside it."""
    near = cv2.dilate(pixels.astype(np.uint8), np.ones((2 * BESIDE_PX + 1, 2 * BESIDE_PX + 1), np.uint8)) > 0
    pairs = list(combinations(range(len(means)), 2))
    apart = [(j, k) for j, k in pairs if j < k - 1] or pairs
    found = [max(_likeness(kind[j], kind[k], near) for kind in (means, turned)) for j, k in apart]
    return float(np.median(found))


def _mean(fields: NDArray[np.float32], weights: NDArray[np.float32], part: NDArray[np.int64]) -> NDArray[np.float32]:
    """Weighted mean field of some windows, float32 [2, h, w]."""
    return (np.tensordot(weights[part], fields[part], 1) / np.abs(weights[part]).sum()).astype(np.float32)


def _likeness(first: NDArray[np.float32], second: NDArray[np.float32], pixels: NDArray[np.bool_]) -> float:
    """Correlation of two fields on some pixels without their lines, in [-1, 1]."""
    one, other = without_lines(first, pixels), without_lines(second, pixels)
    return float(np.vdot(one, other)) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-6)


def without_lines(field: NDArray[np.float32], pixels: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A field [2, h, w] on some pixels, 0 elsewhere, less the mean of each row's and each column's pixels."""
    left = np.where(pixels, field, 0)
    for _ in range(NUM_ROUNDS):
        for axis in (1, 0):
            number = np.maximum(pixels.sum(axis, keepdims=True), 1)
            left = np.where(pixels, left - left.sum(axis + 1, keepdims=True) / number, 0)
    return left.astype(np.float32, copy=False)
