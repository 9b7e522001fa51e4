"""Which blocks of the frame look the same while the scene behind them does not.

For each block b of 16x16 px (every 8 px) and each pair of windows i, j let `rho_ij(b)` be the normalised correlation
of the block's gradient fields (its absolute value across a cut: a cut may turn edges' polarity round). A mark gives
`rho` near 1, whatever the scene does; a scene gives it only where it stands still. How far two windows show the same
scene is their whole-frame correlation `share_ij`, so a pair counts `D_ij = clip((0.75 - share_ij) / 0.4, 0, 1)`. The
block's votes are the largest eigenvalue of `A = D * clip((rho - 0.45) / 0.45, 0, 1)`: the number of windows that agree
with each other on different scenes. Its eigenvector tells in which windows. The largest eigenvalue of D alone,
`num_scenes`, is what a mark can reach at most; it is 0 to 2 on a tripod, and then nothing can be known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

STEP_PX = 8
FLAT_NORM = 3.0  # a block with less gradient than this is flat: its correlation means nothing
SAME_SCENE, OTHER_SCENE = 0.75, 0.35  # whole-frame correlations; between them a pair counts in part
RHO_NOTHING, RHO_SURE = 0.45, 0.9  # unrelated textures of 16x16 px stay under 0.45
NUM_ITERATIONS = 12


@dataclass(frozen=True, eq=False)
class Votes:
    """Attributes:
    votes: windows that agree, float32 [rows, columns] of blocks.
    presence: eigenvectors, unit length, non-negative, float32 [rows, columns, n].
    scene_change: D, float32 [n, n], zero diagonal.
    num_scenes: the largest eigenvalue of D.
    """

    votes: NDArray[np.float32]
    presence: NDArray[np.float32]
    scene_change: NDArray[np.float32]
    num_scenes: float


def _row_grams(fields: list[NDArray[np.int8]], row: int) -> NDArray[np.float32]:
    """Inner products of all windows in each 8x8 cell of one row of cells, float32 [columns, n, n]."""
    columns = fields[0].shape[2] // STEP_PX
    band = np.stack([field[:, row * STEP_PX : (row + 1) * STEP_PX, : columns * STEP_PX] for field in fields])
    cells = band.reshape(len(fields), 2, STEP_PX, columns, STEP_PX).transpose(3, 0, 1, 2, 4)
    vectors = cells.reshape(columns, len(fields), -1).astype(np.float32) / 127
    return np.asarray(vectors @ vectors.transpose(0, 2, 1), np.float32)


def _grams(fields: list[NDArray[np.int8]]) -> NDArray[np.float16]:
    """Inner products of all windows in each 16x16 block, float16 (they take the most memory) [rows, columns, n, n]."""
    rows = []
    above = _row_grams(fields, 0)
    for row in range(1, fields[0].shape[1] // STEP_PX):
        below = _row_grams(fields, row)
        cells = above + below
        rows.append((cells[:-1] + cells[1:]).astype(np.float16))
        above = below
    return np.stack(rows)


def _scene_change(grams: NDArray[np.float16]) -> NDArray[np.float32]:
    """D of the module's docstring."""
    shared = np.sum([np.abs(row, dtype=np.float32).sum(0) for row in grams], 0)
    energy = np.sum([np.einsum("cii->i", row.astype(np.float32)) for row in grams], 0)
    share = shared / np.maximum(np.sqrt(energy[:, None] * energy[None]), 1e-6)
    change = np.clip((SAME_SCENE - share) / (SAME_SCENE - OTHER_SCENE), 0, 1)
    np.fill_diagonal(change, 0)
    return change.astype(np.float32)


def _agreement(grams: NDArray[np.float32], same_shot: NDArray[np.bool_]) -> NDArray[np.float32]:
    """`clip((rho - 0.45) / 0.45, 0, 1)` [..., n, n] from inner products."""
    norms = np.sqrt(np.einsum("...ii->...i", grams))
    rho = np.where(same_shot, grams, np.abs(grams))
    rho /= np.maximum(norms[..., :, None] * norms[..., None, :], FLAT_NORM**2)
    return np.clip((rho - RHO_NOTHING) / (RHO_SURE - RHO_NOTHING), 0, 1)


def _leading(matrices: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Largest eigenvalues [...] and their vectors [..., n] of non-negative matrices, by power iteration."""
    vectors = np.ones((*matrices.shape[:-1], 1), np.float32)
    for _ in range(NUM_ITERATIONS):
        vectors = matrices @ vectors
        vectors /= np.linalg.norm(vectors, axis=-2, keepdims=True) + 1e-9
    return (vectors * (matrices @ vectors)).sum((-2, -1)), vectors[..., 0]


def vote(fields: list[NDArray[np.int8]], shot_indices: NDArray[np.int64]) -> Votes:
    """Votes of all blocks.

    Args:
        fields: n times int8 [2, h, w], mean gradient fields of windows, times 127; at least 16x16 px.
        shot_indices: int [n], the windows' shots.
    """
    grams = _grams(fields)
    change = _scene_change(grams)
    same_shot = shot_indices[:, None] == shot_indices[None]
    rows = [_leading(_agreement(row.astype(np.float32), same_shot) * change) for row in grams]
    votes, presence = (np.stack(part) for part in zip(*rows, strict=True))
    return Votes(votes, presence, change, float(np.linalg.eigvalsh(change)[-1]))
