"""Which pixels hold the same edge while the scene changes: evidence from pairs of windows.

Over all pairs of windows i, j, weighted by how far their scenes differ (D, see `votes`, here cubed: only pairs of
clearly different scenes say where a mark ends) and by the signed share a_i that each window has in the mark, for the
windows' mean gradient fields m_i:

    strength² = sum D³_ij a_i a_j <m_i, m_j> / sum D³_ij |a_i a_j|
    coherence = sum D³_ij a_i a_j <m_i, m_j> / sum D³_ij |a_i a_j| |m_i| |m_j|
    evidence  = strength * coherence

It is near 0 on a scene, because windows that show the same scene have no say, and near 1 on the edges of a mark.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from blanklogo.detection.record import Record
from blanklogo.types import Box

SHARPNESS = 3
BAND_PX = 60  # rows at a time, to keep memory small
NOTHING = 0.003  # squared gradient length that counts as none


def evidence_map(
    record: Record, weights: NDArray[np.float32], scene_change: NDArray[np.float32], within: Box | None = None
) -> NDArray[np.float32]:
    """Evidence per pixel of the shrunk frame (or of a box of it), float32 [h, w] in [0, 1).

    Args:
        weights: signed share of each window, float32 [n].
        scene_change: D, float32 [n, n].
    """
    height, width = record.windows[0].field.shape[1:]
    box = within or Box(0, 0, width, height)
    used = np.flatnonzero(weights)
    pairs = scene_change[np.ix_(used, used)] ** SHARPNESS * weights[used, None] * weights[None, used]
    bands = [slice(top, min(top + BAND_PX, box.y1)) for top in range(box.y0, box.y1, BAND_PX)]
    columns = slice(box.x0, box.x1)
    return np.concatenate([pair_evidence(record.fields(used, rows, columns), pairs) for rows in bands])


def pair_evidence(fields: NDArray[np.float32], pairs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Evidence, float32 [h, w], of fields float32 [n, 2, h, w] under signed weights of their pairs, float32 [n, n]."""
    n = len(fields)
    magnitudes = np.abs(pairs)
    total = max(float(magnitudes.sum()), 1e-6)
    mixed = (pairs @ fields.reshape(n, -1)).reshape(fields.shape)
    agreed = np.maximum((fields * mixed).sum((0, 1)) / total, 0)
    lengths = np.sqrt(fields[:, 0] ** 2 + fields[:, 1] ** 2)
    possible = (lengths * (magnitudes @ lengths.reshape(n, -1)).reshape(lengths.shape)).sum(0) / total
    return np.sqrt(agreed) * agreed / (possible + NOTHING)


def signed_weights(fields: NDArray[np.float32], presence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Presence with the sign that makes the windows' fields add up (a cut may turn polarity round), float32 [n].

    Args:
        fields: float32 [n, 2, h, w] where the mark is.
        presence: float32 [n] in [0, 1]; windows at 0 have no say.
    """
    flat = fields.reshape(len(fields), -1)
    flat = flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
    leading = np.linalg.eigh((flat @ flat.T) * presence[:, None] * presence[None])[1][:, -1]
    leading = leading * np.sign(leading[np.argmax(np.abs(leading))])
    return np.where(leading < 0, -presence, presence).astype(np.float32)
