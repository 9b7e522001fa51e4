"""When a mark is there: its template against every sampled picture.

    r(dx, dy) = |sum <T, m_t shifted by (dx, dy)>| / (|T| |m_t|)      over the template's pixels

A mark answers at its own place and not beside it: `r(0) - max r(shift)` over eight shifts of a few px is its
salience. It is there while r(0) is over half of its usual height, or over a fifth with a clear salience (over another
background the same mark answers with other strength).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from blanklogo.detection.record import Picture
from blanklogo.detection.samples import gradient_field
from blanklogo.types import Box, TimeRange

SHIFT_PX = 5
SHIFTS = [(y, x) for y in (-SHIFT_PX, 0, SHIFT_PX) for x in (-SHIFT_PX, 0, SHIFT_PX)]
CENTRE = 4  # index of the zero shift
ON_SHARE, CLEAR_SHARE = 0.5, 0.2
CLEAR_SALIENCE = 0.12
SHORT_GAP = 1


def responses(
    pictures: Sequence[Picture], places: Sequence[tuple[Box, NDArray[np.float32]]]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(r(0), salience), each float32 [num_pictures, num_places].

    Args:
        places: (box, template float32 [2, h, w]) of each.
    """
    found = np.zeros((2, len(pictures), len(places)), np.float32)
    for index, picture in enumerate(pictures):
        decoded = picture.decoded()
        for column, (box, template) in enumerate(places):
            answers = _answers(decoded, box, template)
            beside = max(answers[:CENTRE] + answers[CENTRE + 1 :])
            found[:, index, column] = answers[CENTRE], answers[CENTRE] - beside
    return found[0], found[1]


def _answers(picture: NDArray[np.uint8], box: Box, template: NDArray[np.float32]) -> list[float]:
    """r of every shift; 0 where a shift leaves the frame."""
    height, width = picture.shape
    outer = box.dilated(SHIFT_PX + 2, width, height)
    field = gradient_field(picture[outer.slices])
    pixels = np.abs(template).sum(0) > 0
    norm = float(np.linalg.norm(template))
    return [_answer(field, box.y0 - outer.y0 + y, box.x0 - outer.x0 + x, template, pixels, norm) for y, x in SHIFTS]


def _answer(
    field: NDArray[np.float32],
    top: int,
    left: int,
    template: NDArray[np.float32],
    pixels: NDArray[np.bool_],
    norm: float,
) -> float:
    if top < 0 or left < 0:
        return 0.0
    part = field[:, top : top + pixels.shape[0], left : left + pixels.shape[1]]
    if part.shape != template.shape:
        return 0.0
    scale = norm * float(np.linalg.norm(part[:, pixels]))
    return abs(float(np.vdot(template, part))) / max(scale, 1e-6)


def is_on(response: NDArray[np.float32], salience: NDArray[np.float32], usual: float) -> NDArray[np.bool_]:
    """Whether the mark is there, bool [num_pictures]; `usual` is the response where it surely is.

    Lone pictures are overruled by their neighbours, and gaps of up to `SHORT_GAP` pictures are closed.
    """
    on = (response > ON_SHARE * usual) & (salience > 0)
    on |= (response > CLEAR_SHARE * usual) & (salience > CLEAR_SALIENCE)
    kept = steady(on)
    if not kept.any():
        return kept
    closed = ndimage.binary_closing(np.pad(kept, SHORT_GAP, mode="edge"), np.ones(SHORT_GAP + 1))
    return np.asarray(closed, bool)[SHORT_GAP:-SHORT_GAP]


def steady(on: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Presence in pictures in order of time, lone ones overruled by their neighbours: bool [n]."""
    padded = np.pad(on, 1, mode="edge").astype(int)
    return padded[:-2] + padded[1:-1] + padded[2:] >= 2


def ranges(on: NDArray[np.bool_], seconds: NDArray[np.float64], within: TimeRange) -> tuple[TimeRange, ...]:
    """Runs of presence as time ranges; a change lies in the middle between two pictures.

    What holds in the first or last picture holds up to the start or end of `within`.
    """
    middles = (seconds[1:] + seconds[:-1]) / 2
    times = [float(middles[edge]) for edge in np.flatnonzero(on[1:] != on[:-1])]
    if on[0]:
        times.insert(0, within.start_seconds)
    if on[-1]:
        times.append(within.end_seconds)
    return tuple(TimeRange(start, end) for start, end in zip(times[::2], times[1::2], strict=True))
