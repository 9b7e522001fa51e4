"""Masks grown by a distance."""

from __future__ import annotations

import cv2
import numpy as np

from blanklogo.types.arrays import Mask


def dilated(mask: Mask, radius_px: int) -> Mask:
    """A bool mask [h, w] grown by a disc of this radius; 0 gives a copy."""
    if radius_px <= 0:
        return mask.copy()
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius_px + 1, 2 * radius_px + 1))
    return cv2.dilate(mask.astype(np.uint8), disc).astype(bool)


def without_specks(mask: Mask) -> Mask:
    """A bool mask [h, w] without parts thinner than 2 px in any direction."""
    square = np.ones((2, 2), np.uint8)
    cores = cv2.erode(mask.astype(np.uint8), square, anchor=(1, 1), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    # A square of even size has no middle: grown from the same corner, everything would move by a pixel.
    return cv2.dilate(cores, square, anchor=(0, 0)).astype(bool)
