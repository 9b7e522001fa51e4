"""The inpainter that is in the package: a picture and a hole in, the picture with the hole filled out.

Two inputs, `smooth` float32 [1, 3, H, W] (Y, U, V at luma's size, code values brought to 8 bits, the hole filled
harmonically) and `hole` float32 [1, 1, H, W]; two outputs, the filled picture and the absolute error that the network
expects, both in code values. H and W are multiples of 16. Its card lies beside its weights.

A picture that is larger than the network has seen goes through it in tiles, which see some of their neighbours'
pixels and give their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from blanklogo.errors import LoadError, ProcessingError
from blanklogo.models.ports import Session
from blanklogo.types.arrays import Mask, Values

_STEP_PX = 16
_TILE_PX = 384  # memory is bounded by it: some 100 MB
_AROUND_PX = 48  # that a tile sees of its neighbours


class Inpainter:
    """Fills holes by one session; threads may share one.

    Raises:
        LoadError: the session's network has another signature.
    """

    def __init__(self, session: Session) -> None:
        found = [(port.name, port.dtype, port.shape and port.shape[1]) for port in session.inputs]
        if found != [("smooth", "float32", 3), ("hole", "float32", 1)] or len(session.outputs) != 2:
            raise LoadError(
                f"{session.name} takes {', '.join(map(str, session.inputs))}",
                accepted="smooth: float32 [1, 3, H, W] and hole: float32 [1, 1, H, W]",
            )
        self._session = session

    def __call__(self, picture: Values, hole: Mask, smooth: Values) -> Values:
        """The picture [h, w, 3] with its hole [h, w] filled; float32.

        Args:
            picture: Y, U, V at luma's size, float32, code values brought to 8 bits.
            hole: bool.
            smooth: the picture, its hole filled harmonically.

        Raises:
            ProcessingError, MemoryLimitError: the network failed.
        """
        filled = np.array(picture, np.float32)
        for own, seen in _tiles(hole.shape):
            if hole[own].any():
                result = self._filled(smooth[seen], hole[seen])
                inner = tuple(slice(o.start - s.start, o.stop - s.start) for o, s in zip(own, seen, strict=True))
                filled[own] = np.where(hole[own][..., None], result[inner], filled[own])
        return filled

    def _filled(self, smooth: Values, hole: Mask) -> Values:
        height, width = hole.shape
        beyond = ((0, -height % _STEP_PX), (0, -width % _STEP_PX))
        planes = np.pad(np.moveaxis(smooth, 2, 0), ((0, 0), *beyond), mode="edge")
        holes = np.pad(hole, beyond).astype(np.float32)
        filled, _ = self._session.run(np.ascontiguousarray(planes[None], np.float32), holes[None, None])
        if not np.isfinite(filled).all():
            raise ProcessingError(f"{self._session.name} gave values that are not numbers", hint="device cpu")
        return np.clip(np.moveaxis(filled[0, :, :height, :width], 0, 2), 0, 255)


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[tuple[slice, slice], tuple[slice, slice]]]:
    """(own part, part that is looked at) as slices of rows and columns; as few tiles as cover the picture."""
    for rows in _spans(shape[0]):
        for columns in _spans(shape[1]):
            own = (slice(*rows), slice(*columns))
            seen = tuple(
                slice(max(0, part.start - _AROUND_PX), min(side, part.stop + _AROUND_PX))
                for part, side in zip(own, shape, strict=True)
            )
            yield own, (seen[0], seen[1])


def _spans(side_px: int) -> list[tuple[int, int]]:
    count = -(-side_px // _TILE_PX)
    edges = np.linspace(0, side_px, count + 1).round().astype(int)
    return [(int(start), int(stop)) for start, stop in pairwise(edges)]
