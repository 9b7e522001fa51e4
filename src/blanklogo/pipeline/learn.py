"""The second pass: crops around each track's place, and from them a matte."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.known import Sighting
from blanklogo.errors import CancelledError
from blanklogo.matting.blind import STILL_BACKGROUNDS, estimate_blind, num_backgrounds
from blanklogo.matting.known import Placement, register
from blanklogo.matting.samples import CropSamples
from blanklogo.matting.still import Fill, estimate_still, with_background
from blanklogo.matting.strength import StrengthMeter
from blanklogo.media.frames import Frame
from blanklogo.media.planes import PlaneFormat
from blanklogo.media.reader import VideoReader
from blanklogo.media.threads import prefetched
from blanklogo.pipeline.look import Cancelled, Look, OnEvent
from blanklogo.types import Box, Mark, Matte, Progress, Track
from blanklogo.types.arrays import Values

_MARGIN_PX = 28  # of surroundings kept around a mark: the fill's boundary, and what tells how busy it is
_WIDE_MARGIN_PX = 64  # of surroundings looked at while learning: what a still scene can be continued from
_MAX_SAMPLES = 48
_MAX_SAMPLE_BYTES = 48_000_000
_LEAST_VARIATION = 0.4  # of full strength, between the weakest and the strongest tenth; less is texture or light
_STRONG = 0.7  # a fading mark is learnt where it is at least this strong


@dataclass(frozen=True, eq=False)
class Candidate:
    """A mark to learn: a track, and the picture and place if they are known."""

    track: Track
    mark: Mark | None = None
    sighting: Sighting | None = None


@dataclass(eq=False)
class _Collector:
    """Gathers one candidate's crops while frames stream by."""

    candidate: Candidate
    crop: Box
    wanted: frozenset[int]
    seconds: list[float] = field(default_factory=list)
    planes: tuple[list[NDArray], ...] = field(default_factory=lambda: ([], [], []))

    def take(self, frame: Frame) -> None:
        self.seconds.append(frame.seconds)
        for kept, part in zip(self.planes, crop_planes(frame, self.crop), strict=True):
            kept.append(part.copy())

    def samples(self, layout: PlaneFormat) -> CropSamples:
        seconds = np.array(self.seconds)
        y, u, v = (np.stack(kept) for kept in self.planes)
        return CropSamples(self.crop, seconds, (y, u, v), layout, strength_at(self.candidate.track, seconds))


@dataclass(frozen=True, eq=False)
class Learnt:
    """A mark as learnt: its track, with the strength over time if that varies, and its matte."""

    track: Track
    matte: Matte

    @property
    def has_made_up(self) -> bool:
        """Whether something behind it was made up for all frames at once."""
        return any(plane.background is not None for plane in self.matte.planes)

    @property
    def is_visible(self) -> bool:
        """Whether anything was found at its place."""
        return bool(self.matte.planes[0].support.any())


def learn(
    look: Look, candidates: tuple[Candidate, ...], fill: Fill, on_event: OnEvent, cancelled: Cancelled
) -> tuple[Learnt, ...]:
    """Every candidate's mark, from one pass over the source; memory is bounded by the samples kept.

    Args:
        fill: makes up what lies behind a mark where the scene stands still; called only there.
    """
    collectors = [_Collector(candidate, *_wanted(candidate, look)) for candidate in candidates]
    last = max(max(collector.wanted) for collector in collectors)
    with VideoReader(look.info.path) as reader, closing(prefetched(reader, 4, "learn")) as frames:
        for frame in frames:
            if cancelled():
                raise CancelledError("cancelled while learning the mark")
            for collector in collectors:
                if frame.index in collector.wanted:
                    collector.take(frame)
            if frame.index % 8 == 0:
                on_event(Progress("learn", frame.index, last + 1))
            if frame.index >= last:
                break
    learnt = tuple(_learnt(collector, look, fill) for collector in collectors)
    on_event(Progress("learn", last + 1, last + 1))
    return learnt


def strength_at(track: Track, seconds: NDArray[np.float64]) -> Values:
    """A track's strength at these times, float32 of the same shape; 0 where it is not present."""
    present = np.array([track.is_present(float(at)) for at in seconds], np.float32)
    if not track.strength:
        return present
    times, values = np.array(track.strength).T
    return (present * np.interp(seconds, times, values)).astype(np.float32)


def crop_planes(frame: Frame, crop: Box) -> tuple[NDArray, ...]:
    """The crop's part of each plane, as views."""
    layout = frame.format
    small = crop.subsampled(layout.step_x, layout.step_y)
    return tuple(plane[(crop if k == 0 else small).slices] for k, plane in enumerate(frame.planes))


def _around(box: Box, margin_px: int, look: Look) -> Box:
    video = look.info.video
    wide = box.dilated(margin_px, video.width, video.height)
    return wide.aligned(video.format.step_x, video.format.step_y, video.width, video.height)


def _wanted(candidate: Candidate, look: Look) -> tuple[Box, frozenset[int]]:
    crop = _around(candidate.track.box, _WIDE_MARGIN_PX, look)
    strength = strength_at(candidate.track, look.seconds)
    strong = np.flatnonzero(strength >= _STRONG * max(float(strength.max()), 1e-3))
    if not len(strong):
        strong = np.arange(look.num_frames)
    count = max(8, min(_MAX_SAMPLES, _MAX_SAMPLE_BYTES // (3 * crop.area)))
    picked = strong[np.unique(np.linspace(0, len(strong) - 1, min(count, len(strong))).round().astype(int))]
    return crop, frozenset(int(index) for index in picked)


def _learnt(collector: _Collector, look: Look, fill: Fill) -> Learnt:
    candidate, wide = collector.candidate, collector.samples(look.info.video.format)
    track = candidate.track
    near = _around(track.box, _MARGIN_PX, look)
    samples = wide.within(near)
    if candidate.mark is None or candidate.sighting is None:
        matte = _unknown(wide, near, track.box, fill)
        strength = _varying_strength(matte, samples)
        if strength is None:
            return Learnt(track, matte)
        faded = _with_strength(track, replace(samples, strength=strength))
        return Learnt(faded, _unknown(replace(wide, strength=strength), near, track.box, fill))
    seen = candidate.sighting
    guess = Placement(seen.x - near.x0, seen.y - near.y0, seen.scale)
    matte = register(samples, candidate.mark, guess)
    strength = _varying_strength(matte, samples)
    if strength is not None:
        return Learnt(_with_strength(track, replace(samples, strength=strength)), matte)
    if matte.effective_backgrounds < STILL_BACKGROUNDS:
        matte = with_background(matte, wide, fill)
    return Learnt(track, matte)


def _unknown(wide: CropSamples, near: Box, box: Box, fill: Fill) -> Matte:
    """The matte of a mark that the caller has no picture of."""
    samples = wide.within(near)
    seen = num_backgrounds(samples, box)
    return estimate_still(wide, box, near, seen, fill) if seen < STILL_BACKGROUNDS else estimate_blind(samples, box)


def _varying_strength(matte: Matte, samples: CropSamples) -> Values | None:
    """Strength of each sample where it surely varies, 1 at its strongest; None where the mark is steady."""
    luma = matte.planes[0]
    if not luma.support.any():
        return None
    measured = StrengthMeter(luma)(samples.luma)
    weak, strong = np.percentile(measured.values, [10, 90])
    if strong <= 0 or strong - weak < max(_LEAST_VARIATION * strong, 3 * float(np.median(measured.doubt))):
        return None
    return np.clip(measured.values / strong, 0, 1).astype(np.float32)


def _with_strength(track: Track, samples: CropSamples) -> Track:
    pairs = zip(samples.seconds, samples.strength, strict=True)
    return replace(track, strength=tuple((float(at), float(value)) for at, value in pairs))
