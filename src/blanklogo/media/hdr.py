"""Static HDR10 data in the words of each encoder."""

from __future__ import annotations

from fractions import Fraction

from blanklogo.media.info import HdrInfo, MasteringDisplay

# x264 and x265 count chromaticities in 0.00002 and luminance in 0.0001 cd/m² (the units of the SEI message,
# ITU-T H.265 D.2.28); SVT-AV1 takes the plain numbers.
_CHROMA_UNIT = 50_000
_LUMINANCE_UNIT = 10_000


def hdr_options(hdr: HdrInfo, encoder: str) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """(private options, warnings) that make an encoder write the data into its stream."""
    parts: list[str] = ["log-level=none"] if encoder == "libx265" else []
    mastering, light = hdr.mastering, hdr.max_content_light
    if encoder not in _WRITERS:
        lost = mastering is not None or light is not None
        return (), (f"HDR10 mastering data could not be carried: {encoder} does not write it",) if lost else ()
    option, display_key, light_key, is_counted = _WRITERS[encoder]
    if mastering is not None:
        parts.append(f"{display_key}={_display(mastering, is_counted)}")
    if light is not None:
        parts.append(f"{light_key}={light},{hdr.max_frame_average_light}")
    return ((option, ":".join(parts)),) if parts else (), ()


_WRITERS = {
    "libx264": ("x264-params", "mastering-display", "cll", True),
    "libx265": ("x265-params", "master-display", "max-cll", True),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light", False),
}


def _display(mastering: MasteringDisplay, is_counted: bool) -> str:
    """G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)."""

    def number(value: Fraction, unit: int) -> str:
        return str(round(value * unit)) if is_counted else f"{float(value):.5f}"

    def point(name: str, place: tuple[Fraction, Fraction]) -> str:
        return f"{name}({number(place[0], _CHROMA_UNIT)},{number(place[1], _CHROMA_UNIT)})"

    red, green, blue = mastering.primaries
    highest = number(mastering.max_luminance, _LUMINANCE_UNIT)
    lowest = number(mastering.min_luminance, _LUMINANCE_UNIT)
    points = point("G", green) + point("B", blue) + point("R", red) + point("WP", mastering.white_point)
    return f"{points}L({highest},{lowest})"
