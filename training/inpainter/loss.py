"""What the net is trained by, all of it over the hole alone and in luma's deviations of the crop.

    L = mean |e| + RMS_crop(e) + 0.25 mean |grad e| + 0.2 mean(|e| / s + ln s)

|e| and the root of each crop's mean square lie on either side of what the mean PSNR over crops asks for (the logarithm
of the mean square); the gradient's error keeps edges sharp. The last term is the Laplacian likelihood of the error
that the net expects, s; it does not reach the fill, which would otherwise learn less where it is unsure.

Luma counts six times as much as either chroma, as in the figures that are reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_PLANE_WEIGHTS = (6 / 8, 1 / 8, 1 / 8)
_GRADIENT_SHARE = 0.25
_LIKELIHOOD_SHARE = 0.2
_CODE_VALUES = 16.0  # that count as one


@dataclass(frozen=True)
class Losses:
    """The sum, and the mean PSNR in dB over the crops of a batch, before and after."""

    total: Tensor
    psnr_db: float
    smooth_psnr_db: float


def losses(filled: Tensor, expected: Tensor, batch: tuple[Tensor, Tensor, Tensor]) -> Losses:
    """Of one batch (smooth, truth, hole)."""
    smooth, truth, hole = batch
    weights = torch.tensor(_PLANE_WEIGHTS).view(1, 3, 1, 1)
    count = hole.sum((1, 2, 3)).clamp(min=1)
    error = (filled - truth) * hole
    squares = (error**2 * weights).sum((1, 2, 3)) / count
    absolute = (error.abs() * weights).sum((1, 2, 3)) / count
    slopes = sum((error.diff(dim=axis).abs() * weights).sum((1, 2, 3)) / count for axis in (2, 3))
    sure = expected + (1 - hole)  # outside, 1: its logarithm is 0
    unlikely = error.detach().abs() / sure + torch.log(sure)
    unlikely = (unlikely * hole * weights).sum((1, 2, 3)) / count
    distance = absolute + (squares + 0.25).sqrt() + _GRADIENT_SHARE * slopes
    total = (distance / _CODE_VALUES + _LIKELIHOOD_SHARE * unlikely).mean()
    before = (((smooth - truth) ** 2 * hole * weights).sum((1, 2, 3)) / count).detach()
    return Losses(total, _psnr_db(squares.detach()), _psnr_db(before))


def _psnr_db(mean_squares: Tensor) -> float:
    return float((10 * torch.log10(255**2 / mean_squares.clamp(min=1e-2))).mean())
