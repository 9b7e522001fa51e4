"""From evidence per pixel to places that may hold a mark, in the shrunk picture.

Pixels with strong evidence are joined over small gaps into groups. A group's peak is the 90th percentile of its
evidence; its isolation says how alone it stands: a scene that holds still in parts has many places as strong as it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.pairs import evidence_map, signed_weights
from blanklogo.detection.record import Record
from blanklogo.types import Box

STRONG = 0.35  # evidence of a pixel that starts a group
LEAST_WEAK = 0.12  # evidence of a pixel that may belong to one
WEAK_SHARE = 0.25  # the same, as a share of the group's peak
CORE_SHARE = 0.5  # of the peak: pixels that make the outline; weaker ones must touch them
SCENE_PERCENTILE = 99.3  # and more than nearly all of the frame has
GAP_PX = (13, 9)  # (width, height): strokes closer than this belong together
REACH_PX = 40  # how far weak pixels may go on beyond the strong ones
LEAST_PIXELS = 24
MOST_WIDTH, MOST_HEIGHT = 0.6, 0.4  # of the frame: what is larger is no mark but a part of the scene
LEAST_PEAK = 0.5
CLEAR_PEAK = 0.8  # from here on, a few stronger candidates may be marks too
MOST_EQUALS = 3  # so many; parts of a still scene are more
RIVAL_SHARE = 0.75  # of the peak: a pixel elsewhere that reaches it is a rival


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place that may hold a mark.

    Attributes:
        box: of its pixels, in px of the shrunk picture.
        template: mean gradient field inside the box, zero off its pixels, float32 [2, h, w].
        peak: 90th percentile of its evidence, in [0, 1].
        isolation: how many of the frame's pixels as strong as it lie in it or in a few stronger candidates, in [0, 1].
        weights: signed share of each window, float32 [n].
    """

    box: Box
    template: NDArray[np.float32]
    peak: float
    isolation: float
    weights: NDArray[np.float32]

    def moved(self, left: int, top: int, peak: float) -> Candidate:
        """The same pattern at another place, with that place's peak."""
        box = Box(left, top, left + self.box.width, top + self.box.height)
        return replace(self, box=box, peak=peak)

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """bool [h, w] of the box."""
        return np.abs(self.template).sum(0) > 0


@dataclass(frozen=True, eq=False)
class Patch:
    """Pixels, bool [h, w] of a box in the shrunk picture, that every side of the box touches."""

    box: Box
    pixels: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Outline:
    """A patch and the 90th percentile of the evidence in the group that it grew from."""

    patch: Patch
    peak: float


def groups(strong: NDArray[np.bool_], left: int = 0, top: int = 0) -> list[Patch]:
    """Pixels joined over gaps; groups under `LEAST_PIXELS` are left out. (left, top) is where the picture lies."""
    joined = cv2.dilate(strong.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_RECT, GAP_PX))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    found = []
    for label in range(1, count):
        x, y, width, height = (int(value) for value in stats[label, :4])
        cut = slice(y, y + height), slice(x, x + width)
        pixels = strong[cut] & (labels[cut] == label)
        if np.count_nonzero(pixels) >= LEAST_PIXELS:
            found.append(_trimmed(pixels, left + x, top + y))
    return found


def box_of(pixels: NDArray[np.bool_]) -> Box:
    """The smallest box that holds them all."""
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def _trimmed(pixels: NDArray[np.bool_], left: int, top: int) -> Patch:
    box = box_of(pixels)
    return Patch(Box(left + box.x0, top + box.y0, left + box.x1, top + box.y1), pixels[box.slices])


def peak_of(evidence: NDArray[np.float32], patch: Patch) -> float:
    return float(np.percentile(evidence[patch.box.slices][patch.pixels], 90))


def candidates(
    record: Record, weights: NDArray[np.float32], scene_change: NDArray[np.float32], near: Box | None = None
) -> list[Candidate]:
    """Places of strong evidence under these weights of the windows, strongest first; those at `near`, if given."""
    evidence = evidence_map(record, weights, scene_change)
    outlines = sorted(_outlines(evidence), key=lambda outline: -outline.peak)
    found = []
    for index, outline in enumerate(outlines):
        box = outline.patch.box
        if near is None or box.intersection(near):
            equals = outlines[max(0, index - MOST_EQUALS) : index] if outline.peak >= CLEAR_PEAK else []
            isolation = _isolation(evidence, outline, equals)
            template = template_of(record, weights, outline.patch)
            found.append(Candidate(box, template, outline.peak, isolation, weights))
    return found


def _outlines(evidence: NDArray[np.float32]) -> list[Outline]:
    height, width = evidence.shape
    scene = float(np.percentile(evidence[::2, ::2], SCENE_PERCENTILE))
    patches = [(patch, peak_of(evidence, patch)) for patch in groups(evidence > STRONG)]
    outlines = [_outline(evidence, patch, peak, scene) for patch, peak in patches if peak >= LEAST_PEAK]
    boxes = [(outline, outline.patch.box) for outline in outlines]
    return [o for o, box in boxes if box.width <= MOST_WIDTH * width and box.height <= MOST_HEIGHT * height]


def _outline(evidence: NDArray[np.float32], strong: Patch, peak: float, scene: float) -> Outline:
    """The strongest part of a group that hangs together, and the weaker pixels that touch it in a chain."""
    height, width = evidence.shape
    reach = strong.box.dilated(REACH_PX, width, height)
    local = evidence[reach.slices]
    inside = np.zeros(local.shape, bool)
    top, left = strong.box.y0 - reach.y0, strong.box.x0 - reach.x0
    inside[top : top + strong.box.height, left : left + strong.box.width] = strong.pixels
    parts = groups(inside & (local > CORE_SHARE * peak)) or groups(inside)
    core = max(parts, key=lambda part: float(local[part.box.slices][part.pixels].sum()))
    threshold = min(max(LEAST_WEAK, WEAK_SHARE * peak, scene), CORE_SHARE * peak)
    weak = local > threshold
    weak[core.box.slices] |= core.pixels
    labels = cv2.connectedComponents(weak.astype(np.uint8))[1]
    chained = np.isin(labels, np.unique(labels[core.box.slices][core.pixels])) & weak
    return Outline(_trimmed(chained, reach.x0, reach.y0), peak)


def _isolation(evidence: NDArray[np.float32], outline: Outline, equals: list[Outline]) -> float:
    """Share of the frame's pixels as strong as an outline that lie in it or in its equals."""
    least = RIVAL_SHARE * outline.peak
    patches = [other.patch for other in (outline, *equals)]
    inside = sum(np.count_nonzero(evidence[patch.box.slices][patch.pixels] > least) for patch in patches)
    return min(1.0, inside / max(np.count_nonzero(evidence > least), 1))


def template_of(record: Record, weights: NDArray[np.float32], patch: Patch) -> NDArray[np.float32]:
    """Weighted mean gradient field on the pixels of a patch, float32 [2, h, w]."""
    used = np.flatnonzero(weights)
    mean = np.tensordot(weights[used], record.fields(used, *patch.box.slices), 1) / np.abs(weights).sum()
    return np.where(patch.pixels, mean, 0).astype(np.float32)


def reweighted(
    record: Record,
    scene_change: NDArray[np.float32],
    box: Box,
    template: NDArray[np.float32],
    least_likeness: float = 0.3,
) -> Candidate | None:
    """The candidate at a place, with each window's share set by its likeness to a template; None when none is there."""
    fields = record.fields(np.arange(len(record.windows)), *box.slices) * (np.abs(template).sum(0) > 0)
    norms = np.linalg.norm(fields.reshape(len(fields), -1), axis=1) * np.linalg.norm(template)
    likeness = np.abs(np.tensordot(fields, template, 3)) / np.maximum(norms, 1e-6)
    presence = np.where(likeness > least_likeness, likeness, 0).astype(np.float32)
    if np.count_nonzero(presence) < 2:
        return None
    found = candidates(record, signed_weights(fields, presence), scene_change, box)
    return max(found, key=lambda c: c.peak * np.count_nonzero(c.pixels), default=None)
