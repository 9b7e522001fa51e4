"""What a user asks for, and what they hear while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from blanklogo.errors import OptionError
from blanklogo.types.geometry import Box, TimeRange
from blanklogo.types.limits import MediaLimits

DEVICES = ("auto", "cpu", "cuda")


class _Choice(StrEnum):
    """Named values; another name raises `OptionError` with those that are accepted."""

    @classmethod
    def _missing_(cls, value: object) -> None:
        raise OptionError(f"{cls.__name__.lower()} {value!r}", accepted=", ".join(cls))


class Mode(_Choice):
    """How a mark is taken out."""

    AUTO = "auto"  # each pixel its own way: un-blend where the mark lets light through, else invent
    INPAINT = "inpaint"  # invent everything under the mark
    CROP = "crop"  # cut off the edge that holds the mark


class Platform(_Choice):
    """Where the video came from; weighs where marks are likely, never invents one."""

    SORA = "sora"
    TIKTOK = "tiktok"
    RUNWAY = "runway"
    PIKA = "pika"
    KLING = "kling"
    LUMA = "luma"
    MIDJOURNEY = "midjourney"
    INSTAGRAM = "instagram"
    FACEBOOK = "facebook"
    CUSTOM = "custom"


@dataclass(frozen=True)
class Networks:
    """Which networks take part in a removal, and on what they run.

    Attributes:
        detector: "auto": the shipped one, beside evidence over time; "none": evidence alone; or a name that
            `blanklogo models list` knows, or a path: that one beside evidence.
        inpainter: of what is wholly hidden where the scene stands still. "auto": the shipped one as far as it proves
            itself; "none": none; or a name or a path: that one alone.
        device: "auto", "cpu" or "cuda".
        folder: of pulled weights; None: the usual one where the work is done.
        own_list: the user's list of further names; None: models.toml in that folder, if it is there.
    """

    detector: str = "auto"
    inpainter: str = "auto"
    device: str = "auto"
    folder: Path | None = None
    own_list: Path | None = None

    def __post_init__(self) -> None:
        for role in ("detector", "inpainter"):
            if not getattr(self, role):
                raise OptionError(f"an empty {role}", accepted="auto, none, a name or a path")
        if self.device not in DEVICES:
            raise OptionError(f"device {self.device!r}", accepted=", ".join(DEVICES))


@dataclass(frozen=True)
class Job:
    """One removal, fully described.

    Attributes:
        source: the video; never written to.
        target: the result; written under a temporary name, verified, renamed.
        mode: how.
        platform: a prior for the search, or None.
        marks: pictures (PNG with alpha) of the marks; searched for and registered.
        boxes: places given by hand, in px as displayed by `probe` (before rotation).
        within: only this part of the video is touched.
        codec: encoder family ("h264", "hevc", …), or None: as the source.
        quality: constant rate factor, lower is better, or None: visually lossless.
        networks: which networks take part.
        overwrite: replace the target if it exists.
        dry_run: find and plan, write nothing.
        limits: of a video that somebody else brought; None: it is the user's own.
    """

    source: Path
    target: Path
    mode: Mode = Mode.AUTO
    platform: Platform | None = None
    marks: tuple[Path, ...] = ()
    boxes: tuple[Box, ...] = ()
    within: TimeRange = field(default_factory=TimeRange)
    codec: str | None = None
    quality: float | None = None
    networks: Networks = field(default_factory=Networks)
    overwrite: bool = False
    dry_run: bool = False
    limits: MediaLimits | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "source", Path(self.source))
        object.__setattr__(self, "target", Path(self.target))
        object.__setattr__(self, "mode", Mode(self.mode))
        if self.quality is not None and not 0 <= self.quality <= 51:
            raise OptionError(
                f"quality {self.quality}", accepted="0 (lossless) to 51 (worst)", hint="16 is visually lossless"
            )


@dataclass(frozen=True)
class Progress:
    """How far a stage is. `total` is 0 while it is unknown."""

    stage: str  # "look", "learn", "restore", "verify"
    done: int
    total: int


@dataclass(frozen=True)
class Notice:
    """Something the user should know that does not stop the work."""

    message: str


Event = Progress | Notice
