"""R'G'B' to code values of Y, U, V, brought to 8 bits, and back.

Source: ITU-R BT.601-7 and BT.709-6, quantisation for limited range; full range as in JFIF (ITU-T T.871).
"""

from __future__ import annotations

import numpy as np

from blanklogo.types.arrays import Values

# Shares of red and blue in luma.
_LUMA_WEIGHTS = {"bt709": (0.2126, 0.0722), "bt601": (0.299, 0.114), "bt2020": (0.2627, 0.0593)}
MATRICES = tuple(_LUMA_WEIGHTS)


def rgb_to_yuv(rgb: Values, matrix: str, is_full_range: bool) -> Values:
    """Code values float32 [..., 3] in 0..255 of gamma-encoded R'G'B' [..., 3] in [0, 1].

    Args:
        matrix: one of `MATRICES`.
        is_full_range: 0 to 255 for all planes, else 16 to 235 (Y) and 16 to 240 (U, V).
    """
    red_share, blue_share = _LUMA_WEIGHTS[matrix]
    red, green, blue = rgb[..., 0], rgb[..., 1], rgb[..., 2]
    luma = red_share * red + (1 - red_share - blue_share) * green + blue_share * blue
    offset, luma_span, chroma_span = (0, 255, 255) if is_full_range else (16, 219, 224)
    return np.stack(
        [
            offset + luma_span * luma,
            128 + chroma_span * (blue - luma) / (2 * (1 - blue_share)),
            128 + chroma_span * (red - luma) / (2 * (1 - red_share)),
        ],
        axis=-1,
    ).astype(np.float32)


def yuv_to_rgb(yuv: Values, matrix: str, is_full_range: bool) -> Values:
    """The inverse of `rgb_to_yuv`, held to [0, 1]: code values may stand for colours that no screen shows."""
    red_share, blue_share = _LUMA_WEIGHTS[matrix]
    offset, luma_span, chroma_span = (0, 255, 255) if is_full_range else (16, 219, 224)
    luma = (yuv[..., 0] - offset) / luma_span
    blue = luma + (yuv[..., 1] - 128) * (2 * (1 - blue_share) / chroma_span)
    red = luma + (yuv[..., 2] - 128) * (2 * (1 - red_share) / chroma_span)
    green = (luma - red_share * red - blue_share * blue) / (1 - red_share - blue_share)
    return np.clip(np.stack([red, green, blue], axis=-1), 0, 1).astype(np.float32)
