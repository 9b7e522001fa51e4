"""The third pass: frames in, frames out, changed under the marks and nowhere else.

Frames are worked on in windows, with two frames of context on either side; a window's frames depend on nothing else.
Windows are counted from the video's start, so that a chunk that begins and ends where windows do comes out as it would
in the whole. Memory is bounded by the window, not by the video.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from blanklogo.matting.strength import StrengthMeter
from blanklogo.media.frames import Frame, Patch
from blanklogo.pipeline.learn import crop_planes, strength_at
from blanklogo.restoration.fuse import WINDOW_FRAMES
from blanklogo.restoration.restorer import PlaneRestorer, Restored
from blanklogo.types import Matte, Mode, PixelShares, TimeRange, Track
from blanklogo.types.arrays import Mask, Values

CONTEXT = WINDOW_FRAMES // 2  # frames on either side of a window
_WINDOW_BYTES = 16_000_000
_EDGE_SECONDS = 0.4  # a search samples a few times a second: near a range's ends each frame is measured
_LEAST_STRENGTH = 0.06  # weaker than this a mark is not seen, and its measure is noise
# A blind matte is estimated pixel by pixel; a misplaced picture is wrong all along an edge.
_MATTE_CORRELATION = {"blind": 5.0, "known": 15.0}
_STRENGTH_DOUBT = 0.25  # a frame's own measure may stray this far from the search's


@dataclass(frozen=True, eq=False)
class Removal:
    """One mark at one place, and how to take it out there; outside of `within` no frame is touched."""

    track: Track
    matte: Matte
    mode: Mode
    within: TimeRange = field(default_factory=TimeRange)


class _Place:
    """A removal with everything that is computed once."""

    def __init__(self, removal: Removal) -> None:
        self.removal = removal
        sigma, correlation = noise_sigma(removal.matte), _MATTE_CORRELATION[removal.matte.origin]
        self._planes = tuple(PlaneRestorer(plane, sigma, correlation) for plane in removal.matte.planes)
        luma = removal.matte.planes[0]
        self._meter = StrengthMeter(luma) if luma.support.any() else None
        self._num_support = int(luma.support.sum())
        self.num_pixels = 0.0  # restored so far
        self.num_unblended = 0.0  # of them, by un-blending

    def strength(self, stack: list[Frame]) -> Values:
        """g of each frame: from the search, and near a range's ends or in fades from the frame itself."""
        track = self.removal.track
        seconds = np.array([frame.seconds for frame in stack])
        told = strength_at(track, seconds)
        near = _near_an_end(track, seconds) & np.array([at in self.removal.within for at in seconds.tolist()])
        doubtful = near | ((told > 0) & bool(track.strength))
        if self._meter is None or not doubtful.any():
            return told
        measured = _median_of_three(self._meter(self._crops(stack, 0)).values)
        if not track.strength:
            return np.where(near, (measured > 0.5).astype(np.float32), told)
        kept = np.clip(measured, told - _STRENGTH_DOUBT, told + _STRENGTH_DOUBT)
        kept = np.where(near, measured, kept)
        return np.where(doubtful & (kept > _LEAST_STRENGTH), np.clip(kept, 0, 1.1), 0).astype(np.float32)

    def restored(self, stack: list[Frame], strength: Values) -> list[Restored]:
        is_invented = self.removal.mode is Mode.INPAINT or self.removal.matte.is_made_up
        results = []
        for index, plane in enumerate(self._planes):
            work = plane.inpaint if is_invented else plane.unblend
            results.append(work(self._crops(stack, index), strength))
        return results

    def count(self, luma: Restored, strength: Values) -> None:
        """Adds a window's frames to the figures."""
        pixels = self._num_support * float((strength > 0).sum())
        self.num_pixels += pixels
        self.num_unblended += pixels * luma.unblended_share

    def patch(self, frame: Frame, plane_index: int, pictures: Values) -> Patch:
        crop = self.removal.matte.crop_of(plane_index, frame.format.step_x, frame.format.step_y)
        scale = 1 << (frame.format.bit_depth - 8)
        values = np.clip(np.rint(pictures * scale), 0, frame.format.max_value).astype(frame.format.dtype)
        old = frame.planes[plane_index][crop.slices]
        support = self.removal.matte.planes[plane_index].support
        return Patch(plane_index, crop.y0, crop.x0, np.where(support, values, old))

    def _crops(self, stack: list[Frame], plane_index: int) -> Values:
        scale = np.float32(1 << (stack[0].format.bit_depth - 8))
        return np.stack([crop_planes(frame, self.removal.matte.box)[plane_index] for frame in stack]) / scale


@dataclass(frozen=True)
class Count:
    """Of one removal: pixels restored over all frames, and those of them that were un-blended."""

    num_pixels: float
    num_unblended: float

    def __add__(self, other: Count) -> Count:
        return Count(self.num_pixels + other.num_pixels, self.num_unblended + other.num_unblended)

    @property
    def method(self) -> str:
        """How most of its pixels were restored: "unblend" or "inpaint"."""
        return "unblend" if self.num_unblended > 0.5 * self.num_pixels else "inpaint"


def pixel_shares(counts: tuple[Count, ...]) -> PixelShares:
    """Of all pixels changed."""
    total = sum(counts, Count(0.0, 0.0))
    if not total.num_pixels:
        return PixelShares()
    unblended = total.num_unblended / total.num_pixels
    return PixelShares(round(unblended, 4), 0.0, round(1 - unblended, 4))


def window_frames(frame_bytes: int) -> int:
    """Frames in a window, by what one of them takes."""
    return max(4, min(12, _WINDOW_BYTES // frame_bytes))


class Restoration:
    """A transform of frames (see `media.transcode`) that takes marks out, and keeps count of how."""

    def __init__(self, removals: tuple[Removal, ...], frame_bytes: int) -> None:
        self._places = tuple(_Place(removal) for removal in removals)
        self._size = window_frames(frame_bytes)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """All frames of a video."""
        return self.chunk(frames, [], None)

    def chunk(self, frames: Iterator[Frame], before: list[Frame], num_frames: int | None) -> Iterator[Frame]:
        """The first `num_frames` of the frames (None: all) in a video that had those `before` them; the others are
        context only."""
        for before_it, window, after in _windows(frames, self._size, before, num_frames):
            yield from self._restored(before_it, window, after)

    @property
    def counts(self) -> tuple[Count, ...]:
        """Of each removal, in order, so far."""
        return tuple(Count(place.num_pixels, place.num_unblended) for place in self._places)

    def _restored(self, before: list[Frame], window: list[Frame], after: list[Frame]) -> Iterable[Frame]:
        frames = list(window)
        for place in self._places:
            stack = [*before, *frames, *after]
            strength = place.strength(stack)
            inner = strength[len(before) : len(before) + len(window)]
            if not (inner > 0).any():
                continue
            results = place.restored(stack, strength)
            place.count(results[0], inner)
            frames = [
                frame
                if inner[k] <= 0
                else frame.patched([place.patch(frame, p, r.pictures[len(before) + k]) for p, r in enumerate(results)])
                for k, frame in enumerate(frames)
            ]
        return frames


def noise_sigma(matte: Matte) -> float:
    """Deviation of the codec's noise, in code values: less where the picture stands still and is coded once."""
    return 1.0 + 0.7 * min(1.0, (matte.effective_backgrounds - 1) / 5)


def _near_an_end(track: Track, seconds: NDArray[np.float64]) -> Mask:
    near = np.zeros(len(seconds), bool)
    for part in track.ranges:
        for end in (part.start_seconds, part.end_seconds):
            if 0 < end < np.inf:
                near |= np.abs(seconds - end) < _EDGE_SECONDS
    return near


def _median_of_three(values: Values) -> Values:
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0)


def _windows(
    frames: Iterator[Frame], size: int, before: list[Frame], num_frames: int | None
) -> Iterator[tuple[list[Frame], list[Frame], list[Frame]]]:
    """(before, window, after): consecutive windows with the frames of context on either side."""
    ahead: deque[Frame] = deque()
    left = math.inf if num_frames is None else num_frames
    is_over = False
    while left > 0:
        while not is_over and len(ahead) < size + CONTEXT:
            frame = next(frames, None)
            if frame is None:
                is_over = True
            else:
                ahead.append(frame)
        if not ahead:
            return
        window = [ahead.popleft() for _ in range(int(min(size, left, len(ahead))))]
        left -= len(window)
        yield before, window, list(ahead)[:CONTEXT]
        before = window[-CONTEXT:]
