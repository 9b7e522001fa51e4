"""How much video is taken from somebody else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from blanklogo.errors import OptionError


@dataclass(frozen=True)
class MediaLimits:
    """What a video that somebody else brought may hold. A user's own video, on their own machine, has no limits.

    Attributes:
        max_frames: of the video that is worked on.
        max_seconds: from the first packet of any stream to the end of the last.
        max_pixels: of one frame.
        max_streams: the video included.
        max_decoded_bytes: what the frames that are decoded and not yet encoded may hold at once; see
            `media.gate.FRAMES_IN_FLIGHT`.
    """

    max_frames: int = 90_000  # an hour at 25 a second
    max_seconds: float = 3600.0
    max_pixels: int = 4096 * 2304  # cinema's 4K, as coded
    max_streams: int = 32
    max_decoded_bytes: int = 4_000_000_000

    def __post_init__(self) -> None:
        for one in fields(self):
            if not getattr(self, one.name) > 0:
                raise OptionError(f"{one.name} {getattr(self, one.name)!r}", accepted="more than 0")

    @property
    def max_packets(self) -> int:
        """Of all streams: sound comes in up to a hundred packets a second."""
        return self.max_frames + int(100 * self.max_seconds * (self.max_streams - 1))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> MediaLimits:
        """Raises OptionError for a field that is missing, unknown or no number."""
        known = {one.name for one in fields(cls)}
        if given.keys() != known or not all(type(value) in (int, float) for value in given.values()):
            raise OptionError(f"limits {dict(given)!r}", accepted=f"numbers for {', '.join(sorted(known))}")
        return cls(**given)
