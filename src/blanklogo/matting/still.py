"""A matte where the scene stands still behind the mark.

Then one background is all that is ever seen, and alpha and colour cannot be told apart from it. What can be done is to
find the mark's shape in the mean picture (`matting.shape`), make up what lies behind from the rest of the picture, once
for all frames so that it cannot flicker, and call the rest the mark's effect

    e = I - B,   alpha = the least that a mark of colour 0 to 255 needs for it,   p = e + alpha B.

A mark of which the picture is known is un-blended; what it hides wholly is made up likewise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import cv2
import numpy as np

from blanklogo.matting.samples import CropSamples, box_hole
from blanklogo.matting.shape import shape_in_box
from blanklogo.ops.compositing import least_alpha, unblend
from blanklogo.ops.morphology import dilated
from blanklogo.ops.windows import subsampled
from blanklogo.types import Box, Matte, PlaneMatte
from blanklogo.types.arrays import Mask, Values

Fill = Callable[[Values, Mask], Values]
"""Makes up what a picture [h, w, 3] (Y, U, V at luma's size, 8-bit code values) shows where a hole [h, w] is."""

_OPAQUE = 0.9  # above it nothing true is left
_STROKE = 0.5  # and above this little: beside opaque strokes what is un-blended is the codec's smear
_VISIBLE = 0.05
_LEAST_OPAQUE_SHARE = 0.15  # of a mark's visible pixels; less is not worth making up
_SMEAR_PX = 3  # as far as that reaches


def estimate_still(samples: CropSamples, box: Box, kept: Box, effective_backgrounds: float, fill: Fill) -> Matte:
    """The matte of the mark inside a box, before a scene that stands still.

    Args:
        samples: T frames; the wider the crop, the more there is to continue the scene from.
        box: the mark's place, in luma px of the frame; may be a few px too small.
        kept: the part of the crop that the matte shall cover, on the chroma grid.
        effective_backgrounds: Te, as measured.
        fill: makes up what lies behind.
    """
    picture = _mean_picture(samples)
    support = shape_in_box(picture, box_hole(samples.crop, box))
    background = fill(picture, support)
    whole = tuple(_plane(samples, index, picture, background, support) for index in range(3))
    steps = [samples.steps(index) for index in range(3)]
    moved = _within(kept, samples.crop)
    planes = tuple(_cut(plane, moved.subsampled(*step)) for plane, step in zip(whole, steps, strict=True))
    return Matte(kept, planes, "blind", effective_backgrounds)


def with_background(matte: Matte, samples: CropSamples, fill: Fill) -> Matte:
    """The matte of a known mark before a scene that stands still, with what lies behind its opaque parts made up.

    A mark without such parts comes back as it is.

    Args:
        matte: of the mark's own picture.
        samples: of a crop that holds the matte's box; the wider, the more there is to continue the scene from.
        fill: makes up what lies behind.
    """
    luma = matte.planes[0]
    if (luma.alpha > _OPAQUE).sum() < max(1, _LEAST_OPAQUE_SHARE * (luma.alpha > _VISIBLE).sum()):
        return matte
    moved = _within(matte.box, samples.crop)
    picture = _mean_picture(samples)
    hole = np.zeros(picture.shape[:2], bool)
    hole[moved.slices] = dilated(luma.alpha > _STROKE, _SMEAR_PX) & luma.support
    picture[moved.slices] = _seen_through(matte, picture[moved.slices], samples)
    background = fill(picture, hole)[moved.slices]
    steps = [samples.steps(index) for index in range(3)]
    shown = [subsampled(np.ascontiguousarray(background[..., k]), *step) for k, step in enumerate(steps)]
    pairs = zip(matte.planes, shown, strict=True)
    return replace(matte, planes=tuple(replace(plane, background=np.clip(values, 0, 255)) for plane, values in pairs))


def _seen_through(matte: Matte, picture: Values, samples: CropSamples) -> Values:
    """The picture [h, w, 3] un-blended; what it says where the mark is opaque is nothing to go by."""
    height, width = picture.shape[:2]
    result = picture.copy()
    for index, plane in enumerate(matte.planes):
        step_x, step_y = samples.steps(index)
        small = subsampled(np.ascontiguousarray(picture[..., index]), step_x, step_y)
        bare = np.where(plane.support, np.clip(unblend(small, plane.alpha, plane.premultiplied, 1.0), 0, 255), small)
        if index == 0:
            result[..., 0] = bare
        else:
            changed = cv2.resize(bare - small, (width, height), interpolation=cv2.INTER_LINEAR)
            result[..., index] += changed
    return result


def _within(box: Box, crop: Box) -> Box:
    """A box of the frame in px of a crop that holds it."""
    y, x = box.y0 - crop.y0, box.x0 - crop.x0
    return Box(x, y, x + box.width, y + box.height)


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
