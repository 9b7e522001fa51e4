"""A mark over time, and what a search for marks found."""

from __future__ import annotations

from dataclasses import dataclass

from blanklogo.errors import OptionError
from blanklogo.types.geometry import Box, TimeRange


@dataclass(frozen=True)
class Track:
    """One mark at one place, and when it is there. A mark that hops has one track for each place.

    Attributes:
        box: the place, in luma px.
        ranges: when the mark is there, in order, half-open, seconds since the first frame.
        confidence: in [0, 1].
        method: how it was found: "evidence", "network", "box" or "mark".
        mark_index: tracks of the same mark share it (from 0).
        strength: (seconds, strength) samples in order, strength in [0, 1], when it varies (fades); empty: 1 throughout.
    """

    box: Box
    ranges: tuple[TimeRange, ...] = (TimeRange(),)
    confidence: float = 1.0
    method: str = "evidence"
    mark_index: int = 0
    strength: tuple[tuple[float, float], ...] = ()

    def __post_init__(self) -> None:
        if not self.ranges:
            raise OptionError("a track is never present", accepted="one time range or more")
        if not 0 <= self.confidence <= 1:
            raise OptionError(f"confidence {self.confidence}", accepted="0 to 1")

    @property
    def start_seconds(self) -> float:
        return self.ranges[0].start_seconds

    @property
    def end_seconds(self) -> float:
        return self.ranges[-1].end_seconds

    def is_present(self, seconds: float) -> bool:
        return any(seconds in part for part in self.ranges)


@dataclass(frozen=True)
class Detection:
    """What a search over a whole video found.

    Attributes:
        tracks: best first; empty when no mark was found.
        shots: the video's shots, in order, without gaps.
        abstained: why nothing could be known (a still tripod shot, say), in a sentence for the user; None when
            the search could judge. No tracks and no abstention: there is no mark.
    """

    tracks: tuple[Track, ...]
    shots: tuple[TimeRange, ...]
    abstained: str | None = None
