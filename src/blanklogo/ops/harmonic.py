"""Harmonic fill: the smoothest continuation of a picture into a hole.

Inside the hole the result solves Laplace's equation with the surrounding pixels as its boundary,
`sum over the 4 neighbours n of (u(x) - u(n)) = 0`; at the array's own edge there is no flow (Neumann). It is the
conditional mean of a Gaussian free field given its boundary, which is why a regression on it is little attenuated.

With a guide G, the result solves Poisson's equation with G's Laplacian, which is G plus the harmonic fill of the rest:
the guide gives the detail, the surroundings the level.

Source: Pérez, Gangnet, Blake, "Poisson image editing", SIGGRAPH 2003.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from blanklogo.errors import OptionError
from blanklogo.ops.factored import Factored
from blanklogo.ops.morphology import dilated
from blanklogo.ops.windows import blurred
from blanklogo.types.arrays import Mask, Values


class HarmonicFill:
    """A fill for one fixed hole: the Laplacian is factored once and every picture is a right-hand side.

    Args:
        hole: bool [h, w], true where pixels are to be invented; at least one pixel must be known.
        guide: float32 [h, w], meaningful in the hole and beside it; None: as smooth as can be.

    Raises:
        OptionError: nothing is known.
    """

    def __init__(self, hole: Mask, guide: Values | None = None) -> None:
        if hole.all():
            raise OptionError(
                "the hole covers the whole crop", accepted="a hole with at least one known pixel beside it"
            )
        self.hole = hole
        self._guide = guide
        self._inside = np.flatnonzero(hole.ravel())
        if not len(self._inside):
            return
        laplacian, self._boundary, self._to_boundary = _equations(hole)
        self._factored = Factored(laplacian)

    def __call__(self, pictures: NDArray) -> Values:
        """Fill the hole of pictures [..., h, w]; float32 of the same shape, known pixels as they came."""
        filled = np.array(pictures, dtype=np.float32)
        if len(self._inside):
            flat = filled.reshape(-1, self.hole.size)
            known = flat[:, self._boundary].astype(np.float64)
            detail: Values | float = 0.0
            if self._guide is not None:
                known -= self._guide.ravel()[self._boundary]
                detail = self._guide.ravel()[self._inside]
            flat[:, self._inside] = self._factored.solve(self._to_boundary @ known.T).T + detail
        return filled


def _equations(hole: Mask) -> tuple[sparse.csc_matrix, NDArray[np.int64], sparse.csr_matrix]:
    """(Laplacian on the hole, flat indices of its known neighbours, matrix from their values to the right side)."""
    index = np.arange(hole.size).reshape(hole.shape)
    pairs = [(index[:, :-1], index[:, 1:]), (index[:-1], index[1:])]
    a = np.concatenate([np.concatenate([p.ravel(), q.ravel()]) for p, q in pairs])
    b = np.concatenate([np.concatenate([q.ravel(), p.ravel()]) for p, q in pairs])
    flat = hole.ravel()
    a, b = a[flat[a]], b[flat[a]]
    number = np.cumsum(flat) - 1
    count = int(flat.sum())
    degree = np.bincount(number[a], minlength=count).astype(np.float64)
    inner = flat[b]
    coupling = sparse.csc_matrix((np.ones(inner.sum()), (number[a[inner]], number[b[inner]])), shape=(count, count))
    laplacian = sparse.csc_matrix(sparse.diags(degree) - coupling)
    boundary, column = np.unique(b[~inner], return_inverse=True)
    to_boundary = sparse.csr_matrix((np.ones(len(column)), (number[a[~inner]], column)), shape=(count, len(boundary)))
    return laplacian, boundary, to_boundary


class FillDoubt:
    """How wrong a fill of one fixed hole may be.

    The detail energy of the surroundings, `E_t[(I - blur I)^2]`, is carried into the hole and grows with the distance
    to what is known: `q = carried (1 + distance / 3)`.

    Args:
        hole: bool [h, w].
        detail_px: sigma of the blur; what is finer counts as detail.
    """

    def __init__(self, hole: Mask, detail_px: float = 2.0) -> None:
        near = dilated(hole, 3)  # the blur has smeared the mark over its rim
        self._carry = HarmonicFill(hole if near.all() else near)
        self._growth = np.where(hole, 1 + cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5) / 3, 0)
        self._detail_px = detail_px

    def __call__(self, pictures: Values) -> Values:
        """q [h, w], in squared values, 0 outside the hole, of pictures [T, h, w]."""
        energy = np.mean((pictures - blurred(pictures, self._detail_px)) ** 2, axis=0)
        return (self._carry(energy) * self._growth).astype(np.float32)
