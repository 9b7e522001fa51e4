"""A matte where the scene stands still behind the mark.

Then one background is all that is ever seen, and alpha and colour cannot be told apart from it. What can be done is to
find the mark's shape in the mean picture (`matting.shape`), make up what lies behind from the picture's own patches
(`ops.patch_fill`), once for all frames so that it cannot flicker, and call the rest the mark's effect

    e = I - B,   alpha = the least that a mark of colour 0 to 255 needs for it,   p = e + alpha B.
"""

from __future__ import annotations

from dataclasses import fields

import cv2
import numpy as np

from blanklogo.matting.samples import CropSamples, box_hole
from blanklogo.matting.shape import shape_in_box
from blanklogo.ops.compositing import least_alpha
from blanklogo.ops.patch_fill import fill_from_patches
from blanklogo.ops.windows import subsampled
from blanklogo.types import Box, Matte, PlaneMatte
from blanklogo.types.arrays import Mask, Values


def estimate_still(samples: CropSamples, box: Box, kept: Box, effective_backgrounds: float) -> Matte:
    """The matte of the mark inside a box, before a scene that stands still.

    Args:
        samples: T frames; the wider the crop, the more there is to continue the scene from.
        box: the mark's place, in luma px of the frame; may be a few px too small.
        kept: the part of the crop that the matte shall cover, on the chroma grid.
        effective_backgrounds: Te, as measured.
    """
    picture = _mean_picture(samples)
    support = shape_in_box(picture, box_hole(samples.crop, box))
    background = fill_from_patches(picture, support)
    whole = tuple(_plane(samples, index, picture, background, support) for index in range(3))
    y, x = kept.y0 - samples.crop.y0, kept.x0 - samples.crop.x0
    moved = Box(x, y, x + kept.width, y + kept.height)
    steps = [samples.steps(index) for index in range(3)]
    planes = tuple(_cut(plane, moved.subsampled(*step)) for plane, step in zip(whole, steps, strict=True))
    return Matte(kept, planes, "blind", effective_backgrounds)


def _mean_picture(samples: CropSamples) -> Values:
    """Y, U and V at luma's size, float32 [h, w, 3], frames counted by the mark's strength in them."""
    share = samples.strength / max(float(samples.strength.sum()), 1e-6)
    means = [np.tensordot(share, samples.values(index), axes=1).astype(np.float32) for index in range(3)]
    size = means[0].shape[::-1]
    return np.dstack([cv2.resize(mean, size, interpolation=cv2.INTER_LINEAR) for mean in means]).astype(np.float32)


def _plane(samples: CropSamples, index: int, picture: Values, background: Values, support: Mask) -> PlaneMatte:
    steps = samples.steps(index)
    behind = subsampled(np.ascontiguousarray(background[..., index]), *steps)
    shown = subsampled(np.ascontiguousarray(picture[..., index]), *steps)
    touched = subsampled(support.astype(np.float32), *steps) > 0
    effect = np.where(touched, shown - behind, 0)
    alpha = least_alpha(effect, behind)
    nothing = np.zeros_like(behind)
    colour = np.clip(effect + alpha * behind, 0, 255)
    return PlaneMatte(alpha, colour, nothing, nothing, nothing, touched, np.clip(behind, 0, 255))


def _cut(plane: PlaneMatte, box: Box) -> PlaneMatte:
    arrays = {field.name: getattr(plane, field.name) for field in fields(plane)}
    return PlaneMatte(**{name: array[box.slices] for name, array in arrays.items()})
