"""A mark's shape inside a box, from one picture.

Where nothing moves, time says nothing; what is left is that the mark's pixels look alike all over the box and occur
nowhere around it. For every pixel of the box, its K nearest in looks among all pixels are found, and counted by where
they lie, not closer than a few px (a thing of the scene is one place, a mark's strokes are many):

    r = ln[ (share of the box's pixels among them) / (share of the surroundings' pixels among them) ].

Looks are taken twice: colour with the height above and below the neighbourhood (top-hats), and the pattern of the 5 x 5
pixels around (its principal components). Their sum is thresholded with hysteresis.

Source: density ratios by nearest neighbours, Loftsgaarden, Quesenberry, Annals of Mathematical Statistics 1965.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from blanklogo.ops.morphology import dilated
from blanklogo.ops.windows import blurred
from blanklogo.types.arrays import Mask, Values

_FAR_PX = 10  # nearer than this a likeness is the scene's own
_MAX_PIXELS = 40_000  # compared with each other
_LIMITS = (-2.0, 4.0)  # of r; one sure look must not outvote the other
_GROWN, _SEED = 1.4, 3.2  # of the sum of both: a mark's pixel if connected to a sure one
_MARGIN_PX = 2  # the codec smears a mark's edge by about this much
_TOP_HAT_PX = 11
_CHROMA_WEIGHT = 1.5
_PATTERN_PX = 5
_NUM_COMPONENTS = 8
_ISLAND_PX = 100  # unmarked spots up to this area are the mark's too: left alone they would bleed into the fill
_LEAST_SHARE = 0.5  # of the box; a box is drawn around a mark, so less found means that some was missed


@dataclass(frozen=True)
class _Looks:
    """Features of all pixels [h, w, F], and how many neighbours are asked."""

    features: Values
    num_neighbours: int


def shape_in_box(picture: Values, box: Mask) -> Mask:
    """Where the mark is, bool [h, w], within the box; all of the box where its shape cannot be told.

    Args:
        picture: Y, U, V at luma's size, float32 [h, w, 3], code values brought to 8 bits.
        box: bool [h, w]; some of it must be False.
    """
    looks = (_Looks(_colours(picture), 120), _Looks(_patterns(picture, box), 60))
    total = sum((blurred(_likeness(one, box), 1.0) for one in looks), np.zeros(box.shape, np.float32))
    shape = _without_islands(dilated(_hysteresis(total) & box, _MARGIN_PX) & box) & box
    return shape if shape.sum() >= _LEAST_SHARE * box.sum() else box


def _colours(picture: Values) -> Values:
    luma = blurred(np.ascontiguousarray(picture[..., 0]), 0.6)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_TOP_HAT_PX, _TOP_HAT_PX))
    above = luma - cv2.morphologyEx(luma, cv2.MORPH_OPEN, disc)
    below = cv2.morphologyEx(luma, cv2.MORPH_CLOSE, disc) - luma
    return np.dstack([luma, _CHROMA_WEIGHT * picture[..., 1:], above, below])


def _patterns(picture: Values, box: Mask) -> Values:
    """The 5 x 5 px around, as principal components of the surroundings' patterns, and the mean chroma."""
    height, width = box.shape
    reach = _PATTERN_PX // 2
    padded = np.pad(picture[..., 0], reach, mode="reflect")
    window = cv2.getGaussianKernel(_PATTERN_PX, _PATTERN_PX / 3)
    weight = np.sqrt(window @ window.T).ravel()
    weight /= np.sqrt((weight**2).mean())
    flat = sliding_window_view(padded, (_PATTERN_PX, _PATTERN_PX)).reshape(height * width, -1) * weight
    around = flat[~box.ravel()]
    centred = flat - around.mean(axis=0)
    axes = np.linalg.eigh(np.cov(around.T))[1][:, : -_NUM_COMPONENTS - 1 : -1]
    components = (1.5 / _PATTERN_PX * centred @ axes).reshape(height, width, -1)
    chroma = _CHROMA_WEIGHT * cv2.blur(np.ascontiguousarray(picture[..., 1:]), (3, 3))
    return np.dstack([components, chroma]).astype(np.float32)


def _likeness(looks: _Looks, box: Mask) -> Values:
    """r, float32 [h, w]; 0 outside the box."""
    from scipy.spatial import KDTree  # a tenth of a second to import, and few removals come here

    flat = looks.features.reshape(box.size, -1)
    compared = np.unique(np.linspace(0, box.size - 1, min(box.size, _MAX_PIXELS)).astype(int))
    asked = np.flatnonzero(box)
    nearest = compared[KDTree(flat[compared]).query(flat[asked], k=min(looks.num_neighbours, len(compared)))[1]]
    y, x = np.divmod(nearest, box.shape[1])
    own_y, own_x = np.divmod(asked[:, None], box.shape[1])
    is_far = (y - own_y) ** 2 + (x - own_x) ** 2 > _FAR_PX**2
    in_box = box.ravel()[nearest]
    inside, around = (in_box & is_far).sum(1) + 0.5, (~in_box & is_far).sum(1) + 0.5
    size_inside = box.ravel()[compared].sum()
    ratio = (inside / size_inside) / (around / (len(compared) - size_inside))
    result = np.zeros(box.shape, np.float32)
    result.flat[asked] = np.clip(np.log(ratio), *_LIMITS)
    return result


def _hysteresis(values: Values) -> Mask:
    """Connected parts over the lower limit that somewhere reach the upper one."""
    _, labels = cv2.connectedComponents((values > _GROWN).astype(np.uint8))
    kept = np.unique(labels[values > _SEED])
    return np.isin(labels, kept[kept > 0])


def _without_islands(shape: Mask) -> Mask:
    _, labels, figures, _ = cv2.connectedComponentsWithStats((~shape).astype(np.uint8))
    is_small = np.asarray(figures)[:, cv2.CC_STAT_AREA] <= _ISLAND_PX
    return shape | is_small.take(np.asarray(labels, np.intp))
