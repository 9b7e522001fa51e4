"""A removal's options as an owner gives them, and as an order takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from blanklogo.media.output import SUFFIXES
from blanklogo.types import Box, Mode, Networks, Platform, TimeRange

USUAL_SUFFIX = ".mp4"
RESULT_OPTIONS = ("mode", "platform", "boxes", "from", "to", "codec", "quality", "detector", "inpainter")
"""Of a request, those that the result depends on."""


def order_fields(request: Mapping[str, Any]) -> dict[str, Any]:
    """What a job's options make of an `Order`'s fields.

    Raises:
        OptionError: one does not fit.
    """
    start, end = request.get("from") or 0.0, request.get("to")
    networks = {role: request[role] for role in ("detector", "inpainter") if request.get(role)}
    return {
        "mode": Mode(request.get("mode") or Mode.AUTO),
        "platform": Platform(request["platform"]) if request.get("platform") else None,
        "boxes": tuple(Box(*box) for box in request.get("boxes") or ()),
        "within": TimeRange(float(start), math.inf if end is None else float(end)),
        "codec": request.get("codec"),
        "quality": request.get("quality"),
        "networks": Networks(**networks),
    }


def suffix_of(name: str) -> str:
    """The container that a file name says, as a suffix that can be written; what a file is, its bytes say."""
    suffix = PurePosixPath(name).suffix.lower()
    return suffix if suffix in SUFFIXES else USUAL_SUFFIX
