"""Laying a mark over a background, and the inverse.

`over`: I = (1 - g alpha) B + g p, with p = alpha W the premultiplied colour. It is affine in B, so it holds in any
plane of code values whatever their range and matrix. Source: Porter, Duff, "Compositing digital images", SIGGRAPH
1984.
"""

from __future__ import annotations

import numpy as np

from blanklogo.types.arrays import Values


def over(background: Values, alpha: Values, premultiplied: Values, strength: float | Values = 1.0) -> Values:
    """The mark laid over a background [..., h, w], in code values.

    Args:
        alpha: straight opacity [h, w] in [0, 1].
        premultiplied: alpha times the mark's colour, in code values.
        strength: g in [0, 1], a number or an array that broadcasts to the background.
    """
    return (1 - strength * alpha) * background + strength * premultiplied


def unblend(picture: Values, alpha: Values, premultiplied: Values, strength: float | Values = 1.0) -> Values:
    """The background J under a mark: `J = (I - g p) / (1 - g alpha)`; the exact inverse of `over` while g alpha < 1.

    Where less than 2% of the light gets through the quotient is meaningless; the divisor is held at 0.02.
    """
    return (picture - strength * premultiplied) / np.maximum(1 - strength * alpha, 0.02)


def least_alpha(effect: Values, background: Values) -> Values:
    """The least opacity with which a mark of a colour from 0 to 255 changes a background by this effect, in [0, 1].

    e / (255 - B) where it brightens, -e / B where it darkens.
    """
    least = np.where(effect > 0, effect / np.maximum(255 - background, 1), -effect / np.maximum(background, 1))
    return np.clip(least, 0, 1).astype(np.float32)
