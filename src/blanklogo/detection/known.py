"""Where a known mark lies: its picture matched against what stays the same over time.

Averages of the frames over parts of the video wash the background out and leave the mark. Their soft-clipped gradients
are correlated (normalised, signed) with those of the mark's picture laid over mid-tones, at several sizes, first small,
then finer. A mark that hops shows in some parts at one place and in others at another.

Source: Lewis, "Fast normalized cross-correlation", 1995.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.samples import LumaSample, gradient_field
from blanklogo.types import Box, Mark, TimeRange

_MAX_PARTS = 8
_FIRST_PART_SAMPLES = 8
_LARGEST_SIDE_PX = 1280  # averages of larger frames are shrunk: bounded memory, and place needs no more
_COARSE_MARK_PX = 72  # the mark's width in the first, coarse search
_COARSE_SCALES = np.geomspace(0.5, 2.0, 25)
_FINE_SCALES = np.linspace(0.95, 1.05, 11)
_LEAST_SCORE = 0.35  # correlation of the finer search; unmarked clips stay under 0.25
_VISIBLE_ALPHA = 0.02


@dataclass(frozen=True, eq=False)
class Average:
    """The mean luma over a part of the video.

    Attributes:
        during: that part.
        luma: float32 [h, w], 0..255, shrunk by `shrink`.
        shrink: px of the frame a px of `luma`.
    """

    during: TimeRange
    luma: NDArray[np.float32]
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
    total: NDArray[np.float32]
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
        inside: look only here, in px of the frame; empty: everywhere.
    """
    whole = _mean_of(averages)
    candidates = [_best(mark, average, inside, _COARSE_SCALES) for average in (whole, *averages)]
    best = max(candidates, key=lambda found: found.score)
    if best.score < _LEAST_SCORE:
        return ()
    near = best.scale * np.linspace(0.98, 1.02, 5)
    by_part = [_best(mark, average, inside, near) for average in averages]
    return _merged([best, *(found for found in by_part if found.score >= max(_LEAST_SCORE, 0.6 * best.score))])


def _mean_of(averages: tuple[Average, ...]) -> Average:
    whole = TimeRange(averages[0].during.start_seconds, averages[-1].during.end_seconds)
    return Average(whole, np.mean([average.luma for average in averages], axis=0), averages[0].shrink)


def _best(mark: Mark, average: Average, inside: tuple[Box, ...], scales: NDArray[np.float64]) -> Sighting:
    """The best place at the best of these scales, coarsely, then at full size around it."""
    reduction = max(1.0, mark.alpha.shape[1] / average.shrink / _COARSE_MARK_PX)
    coarse = _search(mark, average, inside, scales, reduction)
    around = (coarse.box(mark).dilated(round(6 * reduction * average.shrink), 1 << 20, 1 << 20),)
    return _search(mark, average, around, coarse.scale * _FINE_SCALES, 1.0)


def _search(
    mark: Mark, average: Average, inside: tuple[Box, ...], scales: NDArray[np.float64], reduction: float
) -> Sighting:
    shrink = average.shrink * reduction
    size = tuple(max(8, round(n / reduction)) for n in average.luma.shape[::-1])
    picture = cv2.resize(average.luma, size, interpolation=cv2.INTER_AREA)
    field = np.dstack(tuple(gradient_field(picture)))
    allowed = _allowed(field.shape[:2], inside, shrink)
    best = Sighting(0, 0, 1.0, -1.0, (average.during,))
    for scale in scales:
        template = _template(mark, float(scale) / shrink, float(np.median(picture)))
        if template is None or any(t > f for t, f in zip(template.shape, field.shape, strict=True)):
            continue
        scores = cv2.matchTemplate(field, template, cv2.TM_CCORR_NORMED)
        scores = np.where(allowed[: scores.shape[0], : scores.shape[1]], scores, -1)
        row, column = np.unravel_index(int(np.argmax(scores)), scores.shape)
        if scores[row, column] > best.score:
            # A picture scaled by s keeps its pixels' centres: offsets are in px of the frame.
            best = Sighting(
                float(column) * shrink, float(row) * shrink, float(scale), float(scores[row, column]), (average.during,)
            )
    return best


def _template(mark: Mark, factor: float, backdrop: float) -> NDArray[np.float32] | None:
    """Gradients of the mark over a mid-tone, float32 [h, w, 2]; None if it is too small to tell."""
    luma = 16 + 219 * (mark.colour @ np.array([0.2126, 0.7152, 0.0722], np.float32))
    laid = mark.alpha * luma + (1 - mark.alpha) * backdrop
    size = tuple(round(n * factor) for n in mark.alpha.shape[::-1])
    if min(size) < 5:
        return None
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.dstack(tuple(gradient_field(cv2.resize(laid.astype(np.float32), size, interpolation=interpolation))))


def _allowed(shape: tuple[int, ...], inside: tuple[Box, ...], shrink: float) -> NDArray[np.bool_]:
    """Top-left corners that may be tried, bool [h, w]."""
    if not inside:
        return np.ones(shape, bool)
    allowed = np.zeros(shape, bool)
    for box in inside:
        y0, x0 = int(box.y0 / shrink), int(box.x0 / shrink)
        allowed[y0 : int(np.ceil(box.y1 / shrink)), x0 : int(np.ceil(box.x1 / shrink))] = True
    return allowed


def _merged(found: list[Sighting]) -> tuple[Sighting, ...]:
    """One sighting for each place, with all the times it was seen there."""
    places: list[Sighting] = []
    for one in sorted(found, key=lambda sighting: -sighting.score):
        same = next((k for k, p in enumerate(places) if abs(p.x - one.x) < 6 and abs(p.y - one.y) < 6), None)
        if same is None:
            places.append(one)
        else:
            ranges = tuple(sorted({*places[same].ranges, *one.ranges}))
            places[same] = Sighting(places[same].x, places[same].y, places[same].scale, places[same].score, ranges)
    return tuple(places)
