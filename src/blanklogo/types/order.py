"""A job as it travels to a worker: JSON-like, media by URI or as bounded bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from blanklogo.errors import OptionError
from blanklogo.types.geometry import Box, TimeRange
from blanklogo.types.job import Mode, Networks, Platform
from blanklogo.types.limits import MediaLimits

Media = str | bytes
"""Where a file lives (an absolute path, file:, http(s):, s3:, gs:, az:), or the file itself."""

MAX_ATTACHED_BYTES = 256 << 20  # what may travel inside an order; larger files go by URI


@dataclass(frozen=True)
class Chunk:
    """A part of a video that one call restores, by a plan made before.

    Attributes:
        plan: what the marks are and how they go, as `pipeline.removal_plan` writes it.
        start_index: of the first frame, from 0 in order of presentation.
        stop_index: of the first frame after it.
        suffix: of the whole result's container.
    """

    plan: bytes = field(repr=False)
    start_index: int
    stop_index: int
    suffix: str

    def __post_init__(self) -> None:
        if not 0 <= self.start_index < self.stop_index:
            raise OptionError(
                f"a chunk of frames {self.start_index} to {self.stop_index}", accepted="0 <= start_index < stop_index"
            )

    def as_dict(self) -> dict[str, Any]:
        return {
            "plan": self.plan,
            "start_index": self.start_index,
            "stop_index": self.stop_index,
            "suffix": self.suffix,
        }


@dataclass(frozen=True)
class Order:
    """What a worker is asked to do. Everything in it may be printed as JSON, but for media and plans given as bytes.

    Attributes:
        source: the video.
        target: where the result goes; None: its bytes come back in the result.
        name: the source's file name; its suffix tells the container of a source or target that has none.
        mode, platform, marks, boxes, within, codec, quality, networks, overwrite, dry_run, limits: as in `Job`.
        learn_only: nothing is restored; the result is the plan, as bytes.
        chunk: only these frames, into an MP4 without sound that others will be joined to.
        is_guarded: somebody else named its media: only public hosts are asked for it, and no path of the worker's
            machine is taken (`transfer.guard`).
    """

    source: Media
    target: str | None = None
    name: str = "video.mp4"
    mode: Mode = Mode.AUTO
    platform: Platform | None = None
    marks: tuple[Media, ...] = ()
    boxes: tuple[Box, ...] = ()
    within: TimeRange = field(default_factory=TimeRange)
    codec: str | None = None
    quality: float | None = None
    networks: Networks = field(default_factory=Networks)
    overwrite: bool = False
    dry_run: bool = False
    learn_only: bool = False
    chunk: Chunk | None = None
    is_guarded: bool = False
    limits: MediaLimits | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "mode", Mode(self.mode))
        object.__setattr__(self, "platform", Platform(self.platform) if self.platform else None)
        media = (self.source, *self.marks, self.chunk.plan if self.chunk else None)
        attached = sum(len(one) for one in media if isinstance(one, bytes))
        if attached > MAX_ATTACHED_BYTES:
            raise OptionError(
                f"{attached / 1e6:.0f} MB of media inside an order",
                accepted=f"up to {MAX_ATTACHED_BYTES / 1e6:.0f} MB",
                hint="a URI (a path both sides see, https:, s3:, gs:, az:)",
            )
        if not self.name or "/" in self.name or "\\" in self.name or self.name.startswith("."):
            raise OptionError(f"file name {self.name!r}", accepted="a plain name such as clip.mp4")

    def __repr__(self) -> str:
        told = f"{len(self.source)} bytes" if isinstance(self.source, bytes) else _without_query(self.source)
        return f"Order({self.name!r}, {told}, {self.mode})"

    def as_dict(self) -> dict[str, Any]:
        """The form that crosses borders; `from_dict` reads it."""
        end = self.within.end_seconds
        return {
            "source": self.source,
            "target": self.target,
            "name": self.name,
            "mode": str(self.mode),
            "platform": str(self.platform) if self.platform else None,
            "marks": list(self.marks),
            "boxes": [box.as_list() for box in self.boxes],
            "within": [self.within.start_seconds, None if end == float("inf") else end],
            "codec": self.codec,
            "quality": self.quality,
            "networks": {name: value and str(value) for name, value in asdict(self.networks).items()},
            "overwrite": self.overwrite,
            "dry_run": self.dry_run,
            "learn_only": self.learn_only,
            "chunk": self.chunk and self.chunk.as_dict(),
            "is_guarded": self.is_guarded,
            "limits": self.limits and self.limits.as_dict(),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Order:
        """Raises OptionError for a field that is missing, unknown or does not fit."""
        known = {one.name for one in fields(cls)}
        if unknown := sorted(given.keys() - known):
            raise OptionError(f"order with {', '.join(unknown)}", accepted=", ".join(sorted(known)))
        if not given.get("source"):
            raise OptionError("an order without a source", accepted="a URI, or the file's bytes")
        read = dict(given)
        read["marks"] = tuple(read.get("marks") or ())
        read["boxes"] = tuple(_box(values) for values in read.get("boxes") or ())
        read["within"] = _range(read.get("within"))
        read["networks"] = _networks(read.get("networks"))
        read["chunk"] = _chunk(read.get("chunk"))
        read["limits"] = _limits(read.get("limits"))
        return cls(**read)


def _without_query(uri: str) -> str:
    """A signed URI's signature is a secret."""
    return uri.partition("?")[0]


def _box(values: Any) -> Box:
    if isinstance(values, list | tuple) and len(values) == 4 and all(isinstance(value, int) for value in values):
        return Box(*values)
    raise OptionError(f"box {values!r}", accepted="[x0, y0, x1, y1], whole px from the top-left")


def _range(values: Any) -> TimeRange:
    if values is None:
        return TimeRange()
    if isinstance(values, list | tuple) and len(values) == 2:
        start, end = values
        return TimeRange(float(start or 0), float("inf") if end is None else float(end))
    raise OptionError(f"time range {values!r}", accepted="[start, end] in seconds, an end of null is the video's")


def _networks(values: Any) -> Networks:
    if values is None:
        return Networks()
    known = {one.name for one in fields(Networks)}
    given = values if isinstance(values, Mapping) else {"": values}
    if given.keys() <= known and all(isinstance(value, str | None) for value in given.values()):
        read = {name: value for name, value in given.items() if value is not None}
        paths = {name: Path(read[name]) for name in ("folder", "own_list") if name in read}
        return Networks(**{**read, **paths})
    raise OptionError(f"networks {values!r}", accepted=f"texts for {', '.join(sorted(known))}")


def _limits(values: Any) -> MediaLimits | None:
    if values is None:
        return None
    if not isinstance(values, Mapping):
        raise OptionError(f"limits of type {type(values).__name__}", accepted="an object")
    return MediaLimits.from_dict(values)


def _chunk(values: Any) -> Chunk | None:
    if values is None:
        return None
    kinds = {"plan": bytes, "start_index": int, "stop_index": int, "suffix": str}
    given = values if isinstance(values, Mapping) else {}
    if given.keys() == kinds.keys() and all(isinstance(given[name], kind) for name, kind in kinds.items()):
        return Chunk(**given)
    raise OptionError(f"a chunk of {type(values).__name__}", accepted=", ".join(kinds))
