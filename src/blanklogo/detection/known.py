"""Where a known mark lies: its picture matched against what stays the same over time.

Averages of the frames over parts of the video wash the background out and leave the mark. Their soft-clipped
gradients are correlated (normalised, signed) with those of the mark's picture laid over several backdrops, at several
sizes, on a small picture first; the best finds are looked at closely, over the backdrop that lies around them. A mark
that hops shows in some parts at one place and in others at another.

Source: Lewis, "Fast normalized cross-correlation", 1995.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.samples import LumaSample, gradient_field
from blanklogo.types import Box, Mark, TimeRange
from blanklogo.types.arrays import Mask, Values

_MAX_PARTS = 8
_FIRST_PART_SAMPLES = 8
_LARGEST_SIDE_PX = 1280  # averages of larger frames are shrunk: bounded memory, and place needs no more
_COARSE_MARK_PX = 72  # the mark's width in the first, coarse search
_LIKELY_SCALES = np.linspace(0.9, 1.1, 6)  # most pictures come at the size they were burned in
_ALL_SCALES = np.geomspace(0.5, 2.0, 31)
_FINE_SCALES = np.linspace(0.97, 1.03, 7)
_BACKDROPS = (45.0, 120.0, 190.0, 225.0)  # what the mark may lie on, in code values
_NUM_REFINED = 6  # coarse finds that are looked at closely
_LEAST_SCORE = 0.28  # correlation of the close look; chance stays under 0.2
_SURE_SCORE = 0.5
_VISIBLE_ALPHA = 0.02
_SAME_PLACE_PX = 6
_CORNER_SLACK_PX = 12  # a picture's transparent rim reaches out of the mark's box


@dataclass(frozen=True, eq=False)
class Average:
    """The mean luma over a part of the video.

    Attributes:
        during: that part.
        luma: float32 [h, w], 0..255, shrunk by `shrink`.
        shrink: px of the frame a px of `luma`.
    """

    during: TimeRange
    luma: Values
    shrink: float


@dataclass(frozen=True)
class Sighting:
    """A known mark found: the picture's top-left in px of the frame, px a pixel of the picture, correlation, when."""

    x: float
    y: float
    scale: float
    score: float
    ranges: tuple[TimeRange, ...]

    def box(self, mark: Mark) -> Box:
        """The box of the mark's visible part, in px of the frame; may reach out of it."""
        rows, columns = np.nonzero(mark.alpha > _VISIBLE_ALPHA)
        return Box(
            int(self.x + columns.min() * self.scale),
            int(self.y + rows.min() * self.scale),
            int(np.ceil(self.x + (columns.max() + 1) * self.scale)),
            int(np.ceil(self.y + (rows.max() + 1) * self.scale)),
        )


@dataclass(eq=False)
class _Part:
    start_seconds: float
    total: Values
    count: int


class Averages:
    """Sums frames as they stream by; parts are merged in pairs so that there are never more than eight."""

    def __init__(self) -> None:
        self._parts: list[_Part] = []
        self._samples_per_part = _FIRST_PART_SAMPLES
        self._shrink = 1.0
        self._last_seconds = 0.0

    def tapped(self, samples: Iterator[LumaSample]) -> Iterator[LumaSample]:
        """The samples, unchanged, added up on their way."""
        for sample in samples:
            self._add(sample)
            yield sample

    def result(self) -> tuple[Average, ...]:
        starts = [part.start_seconds for part in self._parts]
        ends = [*starts[1:], self._last_seconds + 1e-3]
        return tuple(
            Average(TimeRange(start, end), part.total / part.count, self._shrink)
            for part, start, end in zip(self._parts, starts, ends, strict=True)
        )

    def _add(self, sample: LumaSample) -> None:
        self._shrink = max(1.0, max(sample.luma.shape) / _LARGEST_SIDE_PX)
        height, width = (round(n / self._shrink) for n in sample.luma.shape)
        small = cv2.resize(sample.luma, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32)
        self._last_seconds = sample.seconds
        if self._parts and self._parts[-1].count < self._samples_per_part:
            self._parts[-1].total += small
            self._parts[-1].count += 1
            return
        if len(self._parts) == _MAX_PARTS:
            self._merge_pairs()
        self._parts.append(_Part(sample.seconds, small, 1))

    def _merge_pairs(self) -> None:
        pairs = zip(self._parts[::2], self._parts[1::2], strict=True)
        self._parts = [_Part(a.start_seconds, a.total + b.total, a.count + b.count) for a, b in pairs]
        self._samples_per_part *= 2


def find_known(mark: Mark, averages: tuple[Average, ...], inside: tuple[Box, ...] = ()) -> tuple[Sighting, ...]:
    """Where the mark lies, best first; empty when it is nowhere.

    Args:
        mark: its picture, between half and twice its size in the video.
        averages: of the video's parts.
        inside: look only here (for its top-left), in px of the frame; empty: everywhere.
    """
    best = _first_sighting(mark, averages, inside)
    if best.score < _LEAST_SCORE:
        return ()
    places: list[Sighting] = []
    for average in averages:
        here = max((_close_look(mark, average, place) for place in places or [best]), key=_score)
        if here.score < 0.6 * best.score:
            near_scales = best.scale * np.linspace(0.98, 1.02, 3)
            here = _searched(mark, average, inside, near_scales)
        if here.score >= max(_LEAST_SCORE, 0.6 * best.score):
            places = _merged(places, here)
    return tuple(sorted(places, key=_score, reverse=True)) or (best,)


def _score(sighting: Sighting) -> float:
    return sighting.score


def _first_sighting(mark: Mark, averages: tuple[Average, ...], inside: tuple[Box, ...]) -> Sighting:
    """The best over the whole time, then part by part; at likely sizes, then at all."""
    best = _NOWHERE
    for scales in (_LIKELY_SCALES, _ALL_SCALES):
        for average in (_mean_of(averages), *averages):
            best = max(best, _searched(mark, average, inside, scales), key=_score)
            if best.score >= _SURE_SCORE:
                return best
        if best.score >= _LEAST_SCORE:
            return best
    return best


def _mean_of(averages: tuple[Average, ...]) -> Average:
    whole = TimeRange(averages[0].during.start_seconds, averages[-1].during.end_seconds)
    return Average(whole, np.mean([average.luma for average in averages], axis=0), averages[0].shrink)


def _searched(mark: Mark, average: Average, inside: tuple[Box, ...], scales: NDArray[np.float64]) -> Sighting:
    finds = _coarse_finds(mark, average, inside, scales)
    return max((_close_look(mark, average, find) for find in finds), key=_score, default=_NOWHERE)


def _coarse_finds(mark: Mark, average: Average, inside: tuple[Box, ...], scales: NDArray[np.float64]) -> list[Sighting]:
    """The best place for each size and backdrop, on a small picture; the best few of all."""
    reduction = max(1.0, mark.alpha.shape[1] / average.shrink / _COARSE_MARK_PX)
    shrink = average.shrink * reduction
    size = tuple(max(8, round(n / reduction)) for n in average.luma.shape[::-1])
    field = np.dstack(tuple(gradient_field(cv2.resize(average.luma, size, interpolation=cv2.INTER_AREA))))
    allowed = _allowed(field.shape[:2], inside, shrink)
    finds: list[Sighting] = []
    for scale in scales:
        for backdrop in _BACKDROPS:
            found = _peak(field, _template(mark, float(scale) / shrink, backdrop), allowed)
            if found is not None:
                column, row, score = found
                finds = _merged(finds, Sighting(column * shrink, row * shrink, float(scale), score, (average.during,)))
    return sorted(finds, key=_score, reverse=True)[:_NUM_REFINED]


def _close_look(mark: Mark, average: Average, find: Sighting) -> Sighting:
    """A find at the average's full size, over the backdrop around it."""
    height, width = average.luma.shape
    reach = round(4 + 3 * max(1.0, mark.alpha.shape[1] / average.shrink / _COARSE_MARK_PX))
    around = find.scale / average.shrink
    x0, y0 = int(find.x / average.shrink) - reach, int(find.y / average.shrink) - reach
    x1 = int(np.ceil(find.x / average.shrink + mark.alpha.shape[1] * around)) + reach
    y1 = int(np.ceil(find.y / average.shrink + mark.alpha.shape[0] * around)) + reach
    # The picture may reach beyond the frame where it is transparent.
    pads = ((max(0, -y0), max(0, y1 - height)), (max(0, -x0), max(0, x1 - width)))
    crop = np.pad(average.luma[max(0, y0) : y1, max(0, x0) : x1], pads, mode="edge")
    field = np.dstack(tuple(gradient_field(crop)))
    backdrop = float(np.median(crop))
    best = Sighting(find.x, find.y, find.scale, -1.0, (average.during,))
    for scale in find.scale * _FINE_SCALES:
        found = _peak(field, _template(mark, scale / average.shrink, backdrop), None)
        if found is not None and found[2] > best.score:
            x, y = (x0 + found[0]) * average.shrink, (y0 + found[1]) * average.shrink
            best = Sighting(x, y, float(scale), found[2], (average.during,))
    return best


def _peak(field: Values, template: Values | None, allowed: Mask | None) -> tuple[float, float, float] | None:
    """(column, row, correlation) of the best match; None when the template does not fit."""
    if template is None or any(t > f for t, f in zip(template.shape, field.shape, strict=True)):
        return None
    scores = cv2.matchTemplate(field, template, cv2.TM_CCORR_NORMED)
    if allowed is not None:
        scores = np.where(allowed[: scores.shape[0], : scores.shape[1]], scores, -1)
    row, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
    return float(column), float(row), float(scores[row, column])


def _template(mark: Mark, factor: float, backdrop: float) -> Values | None:
    """Gradients of the mark over a backdrop, float32 [h, w, 2]; None if it is too small to tell."""
    luma = 16 + 219 * (mark.colour @ np.array([0.2126, 0.7152, 0.0722], np.float32))
    laid = mark.alpha * luma + (1 - mark.alpha) * backdrop
    size = tuple(round(n * factor) for n in mark.alpha.shape[::-1])
    if min(size) < 5:
        return None
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.dstack(tuple(gradient_field(cv2.resize(laid.astype(np.float32), size, interpolation=interpolation))))


def _allowed(shape: tuple[int, ...], inside: tuple[Box, ...], shrink: float) -> Mask:
    """Top-left corners that may be tried, bool [h, w]."""
    if not inside:
        return np.ones(shape, bool)
    allowed = np.zeros(shape, bool)
    for box in inside:
        y0, x0 = (max(0, int(n / shrink) - _CORNER_SLACK_PX) for n in (box.y0, box.x0))
        allowed[y0 : int(np.ceil(box.y1 / shrink)), x0 : int(np.ceil(box.x1 / shrink))] = True
    return allowed


def _merged(places: list[Sighting], one: Sighting) -> list[Sighting]:
    """The places with one more; at the same place the better one stays, with the times of both."""
    for k, place in enumerate(places):
        if abs(place.x - one.x) < _SAME_PLACE_PX and abs(place.y - one.y) < _SAME_PLACE_PX:
            better = max(place, one, key=_score)
            ranges = tuple(sorted({*place.ranges, *one.ranges}))
            return [*places[:k], replace(better, ranges=ranges), *places[k + 1 :]]
    return [*places, one]


_NOWHERE = Sighting(0, 0, 1.0, -1.0, (TimeRange(),))
