"""Where platforms usually put their marks. It weighs a candidate a little and never makes one."""

from __future__ import annotations

from blanklogo.types import Box, Platform

BONUS = 0.08  # added to a candidate's strength (about 0 to 2); a candidate far from the bar stays far from it
CORNER_SHARE = 0.35  # of the frame's width and height

_LEFT, _MIDDLE, _RIGHT = "left", "middle", "right"
_TOP, _BOTTOM = "top", "bottom"
_BOTTOM_RIGHT = ((_RIGHT, _BOTTOM),)

USUAL_PLACES: dict[Platform, tuple[tuple[str, str], ...]] = {
    Platform.SORA: ((_LEFT, _TOP), (_LEFT, _BOTTOM), (_LEFT, _MIDDLE), (_RIGHT, _MIDDLE), (_MIDDLE, _BOTTOM)),
    Platform.TIKTOK: ((_LEFT, _TOP), (_RIGHT, _BOTTOM)),
    Platform.RUNWAY: (*_BOTTOM_RIGHT, (_LEFT, _BOTTOM)),
    Platform.PIKA: _BOTTOM_RIGHT,
    Platform.KLING: _BOTTOM_RIGHT,
    Platform.LUMA: _BOTTOM_RIGHT,
    Platform.MIDJOURNEY: (),
    Platform.INSTAGRAM: (),
    Platform.FACEBOOK: (),
    Platform.CUSTOM: (),
}


def bonus(platform: Platform | None, box: Box, size_px: tuple[int, int]) -> float:
    """What a candidate's strength gains by lying where the platform puts marks; 0 elsewhere and without a platform."""
    height, width = size_px
    column = _third((box.x0 + box.x1) / 2 / width, _LEFT, _RIGHT)
    row = _third((box.y0 + box.y1) / 2 / height, _TOP, _BOTTOM)
    return BONUS if platform is not None and (column, row) in USUAL_PLACES[platform] else 0.0


def _third(share: float, low: str, high: str) -> str:
    if share < CORNER_SHARE:
        return low
    return high if share > 1 - CORNER_SHARE else _MIDDLE
