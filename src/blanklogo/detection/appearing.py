"""When a pattern that comes and goes is there, before whatever scene: the network says about when, the pictures when.

Where something comes and goes at a place, its gradients are those of the pictures that show it less those of the
pictures that do not, `T = mean_on F - mean_off F`, free of a scene that stands still. Each picture answers

    r_k = <F_k - mean_off F, T> / |T|²

with 1 where it shows the thing and 0 where it does not, on average. Pictures are sorted by r over one half, T is taken
anew, and so on: two means along one axis (Lloyd 1982), which begin with the network's windows. What they find counts if
the two kinds lie clearly apart; a mark that is there throughout, and was missed in a few windows, leaves noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.presence import steady
from blanklogo.detection.record import Picture, Record
from blanklogo.detection.samples import gradient_field
from blanklogo.types import Box

MOST_PICTURES = 240  # that patterns are taken from, spread evenly
NUM_ROUNDS = 3
LEAST_PICTURES = 3  # of each kind
MOST_SPREAD = 0.35  # mean of both kinds' standard deviations of r, where their means lie 1 apart
PIXEL_SHARE = 0.3  # of the pattern's strongest pixels (95th percentile): what belongs to it

Field = NDArray[np.float32]  # gradients [2, h, w]


@dataclass(frozen=True, eq=False)
class Appearance:
    """Attributes:
    template: what comes and goes, zero off its pixels, float32 [2, h, w] of its box.
    on: whether it is there, bool [num_pictures].
    """

    template: Field
    on: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Pattern:
    box: Box
    ground: Field
    template: Field

    def response(self, field: Field) -> float:
        energy = float(np.vdot(self.template, self.template))
        return float(np.vdot(field - self.ground, self.template)) / max(energy, 1e-6)


def appearances(record: Record, places: Sequence[tuple[Box, NDArray[np.bool_]]]) -> list[Appearance | None]:
    """What comes and goes at each place; None where nothing does so clearly.

    Args:
        places: a box, and for each picture of the record whether a network saw something there about then.
    """
    patterns = _patterns(record, places)
    clear = {index: pattern for index, pattern in enumerate(patterns) if pattern is not None}
    answers = dict(zip(clear, _answers(record, list(clear.values())).T > 0.5, strict=True))
    return [
        None if pattern is None else Appearance(_bare(pattern.template), steady(answers[index]))
        for index, pattern in enumerate(patterns)
    ]


def _answers(record: Record, patterns: Sequence[_Pattern]) -> NDArray[np.float32]:
    """r of every picture, float32 [num_pictures, num_patterns]."""
    found = np.zeros((len(record.pictures), len(patterns)), np.float32)
    if not patterns:
        return found
    for row, picture in enumerate(record.pictures):
        fields = _fields(picture, [pattern.box for pattern in patterns])
        found[row] = [pattern.response(field) for pattern, field in zip(patterns, fields, strict=True)]
    return found


def _patterns(record: Record, places: Sequence[tuple[Box, NDArray[np.bool_]]]) -> list[_Pattern | None]:
    step = -(-len(record.pictures) // MOST_PICTURES)
    rows = np.arange(0, len(record.pictures), step)
    shown = [_fields(record.pictures[row], [box for box, _ in places]) for row in rows]
    return [
        _pattern(box, np.stack([fields[column] for fields in shown]), near[rows])
        for column, (box, near) in enumerate(places)
    ]


def _pattern(box: Box, fields: NDArray[np.float32], on: NDArray[np.bool_]) -> _Pattern | None:
    """Two means of the fields, float32 [n, 2, h, w]; None where they are not two."""
    pattern, spread = None, 0.0
    for _ in range(NUM_ROUNDS):
        if min(np.count_nonzero(on), np.count_nonzero(~on)) < LEAST_PICTURES:
            return None
        ground = fields[~on].mean(0)
        pattern = _Pattern(box, ground, fields[on].mean(0) - ground)
        answers = np.array([pattern.response(field) for field in fields])
        spread = (answers[on].std() + answers[~on].std()) / 2
        on = steady(answers > 0.5)
    return pattern if spread <= MOST_SPREAD and min(np.count_nonzero(on), np.count_nonzero(~on)) else None


def _fields(picture: Picture, boxes: Sequence[Box]) -> list[Field]:
    decoded = picture.decoded()
    height, width = decoded.shape
    found = []
    for box in boxes:
        outer = box.dilated(2, width, height)  # gradients at a crop's rim are made up
        field = gradient_field(decoded[outer.slices])
        top, left = box.y0 - outer.y0, box.x0 - outer.x0
        found.append(field[:, top : top + box.height, left : left + box.width])
    return found


def _bare(template: Field) -> Field:
    """The pattern without what is hardly more than noise."""
    strength = np.abs(template).sum(0)
    return np.where(strength >= PIXEL_SHARE * np.percentile(strength, 95), template, 0).astype(np.float32)
