"""Parts of a mark whose edges turn polarity round with the background: a mid-grey ring is lighter than dark scenes and
darker than light ones, so its gradients cancel over time, but their orientation stays.

Around a found mark the evidence (see `pairs`) is taken again from double-angle gradients `|m| (cos 2θ, sin 2θ)`, which
do not know polarity. What reaches clearly over the surroundings and hangs together with the mark belongs to it. Scenes
have usual orientations too (walls, horizons), so this is done only over cuts, where the surroundings are quiet, and
only for parts that matter.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.candidates import Candidate, box_of
from blanklogo.detection.pairs import SHARPNESS, pair_evidence
from blanklogo.detection.record import Record
from blanklogo.ops.morphology import without_specks
from blanklogo.types import Box

REACH_PX = 45
LEAST_EVIDENCE = 0.2
SURROUNDINGS_PERCENTILE, OVER_SURROUNDINGS = 80, 2.2
JOIN_PX = 5
QUIET = 0.14  # evidence of the surroundings up to which they are quiet
LEAST_GROWTH, MOST_GROWTH = 1.6, 12  # of the box's area: less is blur, more is scene


def with_rim(record: Record, scene_change: NDArray[np.float32], candidate: Candidate) -> Candidate:
    """The candidate with its box grown over such parts; unchanged where the scene is too much alike to tell."""
    height, width = record.small_size_px
    reach = candidate.box.dilated(REACH_PX, width, height)
    used = np.flatnonzero(candidate.weights)
    shares = np.abs(candidate.weights[used])
    pairs = scene_change[np.ix_(used, used)] ** SHARPNESS * shares[:, None] * shares[None]
    evidence = pair_evidence(double_angles(record.fields(used, *reach.slices)), pairs)
    usual = float(np.percentile(evidence, SURROUNDINGS_PERCENTILE))
    if usual > QUIET or len(record.shots) < 2:
        return candidate
    strong = evidence > max(LEAST_EVIDENCE, OVER_SURROUNDINGS * usual)
    pixels = _joined(strong, candidate, reach)
    box = box_of(pixels)
    grown = Box(box.x0 + reach.x0, box.y0 + reach.y0, box.x1 + reach.x0, box.y1 + reach.y0).union(candidate.box)
    growth = grown.area / candidate.box.area
    touches_frame = grown.x0 == 0 or grown.y0 == 0 or grown.x1 == width or grown.y1 == height
    return candidate if touches_frame or not LEAST_GROWTH <= growth <= MOST_GROWTH else _widened(candidate, grown)


def double_angles(fields: NDArray[np.float32]) -> NDArray[np.float32]:
    """`|m| (cos 2θ, sin 2θ)` of gradient fields `|m| (cos θ, sin θ)`, float32 [n, 2, h, w]."""
    dx, dy = fields[:, 0], fields[:, 1]
    length = np.sqrt(dx * dx + dy * dy) + 1e-6
    return np.stack([(dx * dx - dy * dy) / length, 2 * dx * dy / length], 1).astype(np.float32, copy=False)


def _joined(strong: NDArray[np.bool_], candidate: Candidate, reach: Box) -> NDArray[np.bool_]:
    """The candidate's pixels and the strong ones that hang together with them."""
    own = np.zeros(strong.shape, bool)
    top, left = candidate.box.y0 - reach.y0, candidate.box.x0 - reach.x0
    own[top : top + candidate.box.height, left : left + candidate.box.width] = candidate.pixels
    near = cv2.dilate((strong | own).astype(np.uint8), np.ones((JOIN_PX, JOIN_PX), np.uint8))
    solid = without_specks(strong | own)
    labels = cv2.connectedComponents(near)[1]
    return own | (solid & np.isin(labels, np.unique(labels[own])))


def _widened(candidate: Candidate, box: Box) -> Candidate:
    template = np.zeros((2, box.height, box.width), np.float32)
    top, left = candidate.box.y0 - box.y0, candidate.box.x0 - box.x0
    template[:, top : top + candidate.box.height, left : left + candidate.box.width] = candidate.template
    return replace(candidate, box=box, template=template)
