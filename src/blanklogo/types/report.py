"""What was done to a video, and the proof. `Report.as_dict` is the form that `--json` prints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeVar

from blanklogo.errors import OptionError
from blanklogo.types.geometry import Box, TimeRange

Status = Literal["clean", "needs_review", "no_mark", "planned"]  # planned: after a dry run


@dataclass(frozen=True)
class TrackReport:
    """One mark at one place, as reported.

    Attributes:
        method: how most of it was restored: "unblend", "inpaint" or "crop"; "none" after a dry run.
        found_by: how it was found: "evidence", "network", "box" or "mark".
        effective_backgrounds: Te, see `Matte`.
    """

    box: Box
    ranges: tuple[TimeRange, ...]
    confidence: float
    method: str
    found_by: str
    mark_index: int = 0
    effective_backgrounds: float | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "box": self.box.as_list(),
            "start_seconds": round(self.ranges[0].start_seconds, 3),
            "end_seconds": round(self.ranges[-1].end_seconds, 3),
            "ranges": [[round(part.start_seconds, 3), round(part.end_seconds, 3)] for part in self.ranges],
            "confidence": round(self.confidence, 3),
            "method": self.method,
            "found_by": self.found_by,
            "mark_index": self.mark_index,
            "effective_backgrounds": self.effective_backgrounds and round(self.effective_backgrounds, 1),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> TrackReport:
        """Raises OptionError for a field that is missing or does not fit."""
        box = Box(*given.get("box", ()))
        ranges = tuple(TimeRange(start, math.inf if end is None else end) for start, end in given.get("ranges", ()))
        return _read(cls, {**given, "box": box, "ranges": ranges})


@dataclass(frozen=True)
class PixelShares:
    """Shares of the marks' pixels by where their new values came from; they add up to 1 (or are all 0)."""

    unblended: float = 0.0
    propagated: float = 0.0
    inpainted: float = 0.0


@dataclass(frozen=True)
class Verification:
    """The proof, read back from the written file.

    Attributes:
        residue: share of the mark's own gradient that is left, mean over frames; 0 is gone, 1 untouched.
        residue_worst: the same, 95th percentile of frames.
        psnr_outside_db: result against source, luma, farther than 24 px from any mark; None when byte-identical.
        frames_match: same number of frames, same time stamps.
        audio_identical: every packet of every other stream is byte-equal.
        num_damaged_frames: frames of the source that its decoder had to conceal.
    """

    status: Status
    residue: float | None = None
    residue_worst: float | None = None
    psnr_outside_db: float | None = None
    frames_match: bool = True
    audio_identical: bool = True
    num_damaged_frames: int = 0


@dataclass(frozen=True)
class Cost:
    """What the work cost where it ran, by the price table of that time; no bill.

    Attributes:
        provider: who rented out the worker.
        usd: US dollars, without tax.
        seconds: of the worker's time that are counted: the run, and its start where the call had to wait for one.
        is_cold: whether it had; None: not known.
        price_date: when the price was current.
    """

    provider: str
    usd: float
    seconds: float
    is_cold: bool | None
    price_date: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"usd": round(self.usd, 6), "seconds": round(self.seconds, 3)}


@dataclass(frozen=True)
class Report:
    """What was done, for people, scripts and bills. Sizes in MB are 1e6 bytes; `cost` is None on this machine."""

    mode: str
    platform: str | None
    input_size_mb: float
    output_size_mb: float
    frames_processed: int
    watermarks_detected: int
    processing_time_s: float
    tracks: tuple[TrackReport, ...]
    pixels: PixelShares
    verify: Verification
    warnings: tuple[str, ...] = ()
    weights: tuple[dict[str, str], ...] = ()
    cost: Cost | None = None

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy, as documented in docs/report.md."""
        return asdict(self) | {
            "tracks": [track.as_dict() for track in self.tracks],
            "warnings": list(self.warnings),
            "weights": list(self.weights),
            "cost": self.cost and self.cost.as_dict(),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Report:
        """The report of which `as_dict` gave this copy, also after a trip through JSON, where an endless range ends at
        null. Fields that are not known (a newer version's) are left out.

        Raises:
            OptionError: a field is missing or does not fit.
        """
        try:
            read = {
                **given,
                "tracks": tuple(TrackReport.from_dict(track) for track in given["tracks"]),
                "pixels": _read(PixelShares, given["pixels"]),
                "verify": _read(Verification, given["verify"]),
                "warnings": tuple(given.get("warnings", ())),
                "weights": tuple(given.get("weights", ())),
                "cost": given.get("cost") and _read(Cost, given["cost"]),
            }
            return _read(cls, read)
        except (KeyError, TypeError, AttributeError) as error:
            raise OptionError(f"a report that cannot be read: {error}", accepted="what Report.as_dict gives") from error


_Value = TypeVar("_Value")


def _read(kind: type[_Value], given: Mapping[str, Any]) -> _Value:
    """A frozen value from those of the fields that it has."""
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type] (a dataclass)
    return kind(**{name: value for name, value in given.items() if name in known})
