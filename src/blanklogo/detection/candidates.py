"""From evidence per pixel to places that may hold a mark, in the shrunk picture.

Pixels with strong evidence are joined over small gaps into groups. A group's peak is the 90th percentile of its
evidence; its isolation says how alone it stands: a scene that holds still in parts has many places as strong as it.
"""

from __future__ import annotations

from dataclasses import dataclass

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
RIVAL_SHARE = 0.75  # of the peak: a pixel elsewhere that reaches it is a rival


@dataclass(frozen=True, eq=False)
class Candidate:
    """A place that may hold a mark.

    Attributes:
        box: of its pixels, in px of the shrunk picture.
        template: mean gradient field inside the box, zero off its pixels, float32 [2, h, w].
        peak: 90th percentile of its evidence, in [0, 1].
        isolation: its share of all pixels of the frame as strong as it, in [0, 1].
        weights: signed share of each window, float32 [n].
    """

    box: Box
    template: NDArray[np.float32]
    peak: float
    isolation: float
    weights: NDArray[np.float32]

    @property
    def pixels(self) -> NDArray[np.bool_]:
        """bool [h, w] of the box."""
        return np.abs(self.template).sum(0) > 0


def groups(strong: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Pixels joined over gaps, as masks of the whole picture; groups under `LEAST_PIXELS` are left out."""
    joined = cv2.dilate(strong.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_RECT, GAP_PX))
    labels = np.where(strong, cv2.connectedComponents(joined)[1], 0)
    sizes = np.bincount(labels.ravel())
    return [labels == label for label in range(1, len(sizes)) if sizes[label] >= LEAST_PIXELS]


def box_of(pixels: NDArray[np.bool_]) -> Box:
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    return Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)


def candidates(
    record: Record, weights: NDArray[np.float32], scene_change: NDArray[np.float32], near: Box | None = None
) -> list[Candidate]:
    """Places with strong evidence under these weights of the windows; only those that touch `near`, if given."""
    evidence = evidence_map(record, weights, scene_change)
    found = [pixels for pixels in groups(evidence > STRONG) if near is None or pixels[near.slices].any()]
    outlined = [_candidate(record, weights, evidence, pixels) for pixels in found]
    height, width = evidence.shape
    return [c for c in outlined if c.box.width <= MOST_WIDTH * width and c.box.height <= MOST_HEIGHT * height]


def _candidate(
    record: Record, weights: NDArray[np.float32], evidence: NDArray[np.float32], strong: NDArray[np.bool_]
) -> Candidate:
    peak = float(np.percentile(evidence[strong], 90))
    pixels = _with_weak(evidence, _core(evidence, strong, peak), peak)
    box = box_of(pixels)
    rivals = evidence > RIVAL_SHARE * peak
    isolation = np.count_nonzero(rivals & pixels) / max(np.count_nonzero(rivals), 1)
    used = np.flatnonzero(weights)
    mean = np.tensordot(weights[used], record.fields(used, *box.slices), 1) / np.abs(weights).sum()
    template = np.where(pixels[box.slices], mean, 0).astype(np.float32)
    return Candidate(box, template, peak, isolation, weights)


def _core(evidence: NDArray[np.float32], strong: NDArray[np.bool_], peak: float) -> NDArray[np.bool_]:
    """The strongest part of a group: what of it reaches `CORE_SHARE` of the peak and hangs together."""
    parts = groups(strong & (evidence > CORE_SHARE * peak))
    return max(parts, key=lambda part: evidence[part].sum(), default=strong)


def _with_weak(evidence: NDArray[np.float32], core: NDArray[np.bool_], peak: float) -> NDArray[np.bool_]:
    """The core and the weaker pixels that touch it in a chain, not farther than `REACH_PX` from its box."""
    height, width = evidence.shape
    reach = box_of(core).dilated(REACH_PX, width, height).slices
    threshold = max(LEAST_WEAK, WEAK_SHARE * peak, float(np.percentile(evidence, SCENE_PERCENTILE)))
    weak = core.copy()
    weak[reach] |= evidence[reach] > min(threshold, CORE_SHARE * peak)
    labels = cv2.connectedComponents(weak.astype(np.uint8))[1]
    return np.isin(labels, np.unique(labels[core])) & weak


def reweighted(
    record: Record, scene_change: NDArray[np.float32], candidate: Candidate, least_likeness: float = 0.3
) -> Candidate | None:
    """The candidate again, with each window's share set by its likeness to the template; None when nothing is left."""
    fields = record.fields(np.arange(len(record.windows)), *candidate.box.slices) * candidate.pixels
    norms = np.linalg.norm(fields.reshape(len(fields), -1), axis=1) * np.linalg.norm(candidate.template)
    likeness = np.abs(np.tensordot(fields, candidate.template, 3)) / np.maximum(norms, 1e-6)
    presence = np.where(likeness > least_likeness, likeness, 0).astype(np.float32)
    if np.count_nonzero(presence) < 2:
        return None
    weights = signed_weights(fields, presence)
    again = candidates(record, weights, scene_change, candidate.box)
    return max(again, key=lambda found: found.peak * np.count_nonzero(found.pixels), default=None)
