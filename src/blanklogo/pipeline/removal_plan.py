"""What the first two passes came to, as bytes that go along to whoever restores a chunk.

    bytes = an .npz: "header", JSON as uint8, beside the arrays (float32 mattes, bool supports, int64 time stamps)

Everything comes back as it was, to the last bit; nothing in it is code.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import OptionError
from blanklogo.media.span import Stamps
from blanklogo.pipeline.restore import Removal
from blanklogo.types import Box, Matte, Mode, PlaneMatte, TimeRange, Track

_FORMAT = 2  # of the header; another one is another version's
_ARRAYS = ("alpha", "premultiplied", "alpha_variance", "premultiplied_variance", "covariance", "support")


@dataclass(frozen=True, eq=False)
class RemovalPlan:
    """How a video's marks will be taken out.

    Attributes:
        stamps: of every frame.
        removals: each mark at each place; none when there is nothing to take out.
        notes: what the user should know, or why there is nothing.
        num_damaged_frames: of the source.
        num_restamped_frames: of the source.
        weights: name and sha256 of each network that took part.
    """

    stamps: Stamps
    removals: tuple[Removal, ...]
    notes: tuple[str, ...] = ()
    num_damaged_frames: int = 0
    num_restamped_frames: int = 0
    weights: tuple[dict[str, str], ...] = ()

    def to_bytes(self) -> bytes:
        """The form that `from_bytes` reads."""
        header = {
            "format": _FORMAT,
            "removals": [_removal_fields(removal) for removal in self.removals],
            "notes": list(self.notes),
            "num_damaged_frames": self.num_damaged_frames,
            "num_restamped_frames": self.num_restamped_frames,
            "weights": list(self.weights),
        }
        arrays: dict[str, Any] = {"pts": self.stamps.pts, "durations": self.stamps.durations}
        for number, removal in enumerate(self.removals):
            arrays |= _matte_arrays(number, removal.matte)
        file = io.BytesIO()
        np.savez_compressed(file, header=np.frombuffer(json.dumps(header).encode(), np.uint8), **arrays)
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> RemovalPlan:
        """Raises OptionError when they are no plan, or another version's."""
        accepted = f"what RemovalPlan.to_bytes gives, format {_FORMAT}"
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                header = json.loads(arrays["header"].tobytes())
                if header["format"] != _FORMAT:
                    raise OptionError(f"a plan of format {header['format']}", accepted=accepted)
                removals = enumerate(header["removals"])
                return cls(
                    Stamps(arrays["pts"], arrays["durations"]),
                    tuple(_removal(number, fields, arrays) for number, fields in removals),
                    tuple(header["notes"]),
                    header["num_damaged_frames"],
                    header["num_restamped_frames"],
                    tuple(header["weights"]),
                )
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            if isinstance(error, OptionError):
                raise
            raise OptionError(f"a plan that cannot be read: {error}", accepted=accepted) from error

    def __repr__(self) -> str:
        return f"RemovalPlan({len(self.removals)} removals, {self.stamps!r})"


def _removal_fields(removal: Removal) -> dict[str, Any]:
    track, matte = removal.track, removal.matte
    return {
        "track": {
            "box": track.box.as_list(),
            "ranges": [_range_fields(part) for part in track.ranges],
            "confidence": track.confidence,
            "method": track.method,
            "mark_index": track.mark_index,
            "strength": [list(pair) for pair in track.strength],
        },
        "matte": {
            "box": matte.box.as_list(),
            "origin": matte.origin,
            "effective_backgrounds": matte.effective_backgrounds,
            "has_background": [plane.background is not None for plane in matte.planes],
        },
        "mode": str(removal.mode),
        "within": _range_fields(removal.within),
    }


def _removal(number: int, fields: Mapping[str, Any], arrays: Mapping[str, NDArray]) -> Removal:
    track, matte = fields["track"], fields["matte"]
    return Removal(
        Track(
            Box(*track["box"]),
            tuple(_range(part) for part in track["ranges"]),
            track["confidence"],
            track["method"],
            track["mark_index"],
            tuple((at, value) for at, value in track["strength"]),
        ),
        Matte(
            Box(*matte["box"]),
            tuple(_plane(f"{number}.{k}", has, arrays) for k, has in enumerate(matte["has_background"])),
            matte["origin"],
            matte["effective_backgrounds"],
        ),
        Mode(fields["mode"]),
        _range(fields["within"]),
    )


def _matte_arrays(number: int, matte: Matte) -> dict[str, NDArray]:
    arrays: dict[str, NDArray] = {}
    for k, plane in enumerate(matte.planes):
        arrays |= {f"{number}.{k}.{name}": getattr(plane, name) for name in _ARRAYS}
        if plane.background is not None:
            arrays[f"{number}.{k}.background"] = plane.background
    return arrays


def _plane(key: str, has_background: bool, arrays: Mapping[str, NDArray]) -> PlaneMatte:
    values = [arrays[f"{key}.{name}"] for name in _ARRAYS]
    return PlaneMatte(*values, background=arrays[f"{key}.background"] if has_background else None)


def _range_fields(part: TimeRange) -> list[float | None]:
    """JSON has no infinity."""
    return [part.start_seconds, None if part.end_seconds == math.inf else part.end_seconds]


def _range(fields: list[float | None]) -> TimeRange:
    start, end = fields
    return TimeRange(start or 0.0, math.inf if end is None else end)
