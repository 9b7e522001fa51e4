"""The net: what a picture goes on as in a hole, as a correction of its smooth fill, and how far off that may be.

A ladder of three sizes (1/2, 1/4 and 1/8 of the picture), whose coarsest one sees the whole crop at once: every block
there adds a local convolution to one on the crop's spectrum, where each value stands for a wave across all of it,

    y = x + mix(relu(local(relu x) + F^-1 pointwise relu(F relu x))).

F is written as products with cosine and sine matrices that are made for the size at hand, so that the exported graph
takes crops of any size (multiples of `SIZE_STEP`) and needs no operator but MatMul, Sin and Cos.

Every crop is brought to mean 0 and deviation 1 (of what is known) first, so that light and contrast need not be learnt.

Source: fast Fourier convolutions, Suvorov et al., "Resolution-robust large mask inpainting", WACV 2022; likelihood of
the deviation, Kendall, Gal, "What uncertainties do we need in Bayesian deep learning", NIPS 2017.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

SIZE_STEP = 16  # crops are multiples of it: three halvings, and an even number of waves
_LEAST_DEVIATION = 4.0  # code values: a flat crop's noise is not blown up beyond this
_CHROMA_SHARE = 0.5  # chroma's least deviation against luma's


@dataclass(frozen=True)
class Widths:
    """Channels at 1/2, 1/4 and 1/8, blocks at each, and channels of the spectrum."""

    half: int = 48
    quarter: int = 96
    eighth: int = 128
    spectral: int = 48
    num_ladder_blocks: int = 2
    num_whole_blocks: int = 8


TINY = Widths(8, 8, 8, 4, 1, 1)


class Inpainter(nn.Module):
    """Fills holes.

    Called with pictures [N, 3, H, W] (Y, U, V at luma's size, 8-bit code values, the hole filled smoothly) and holes
    [N, 1, H, W] (1 where to invent); gives the filled pictures, equal to the smooth ones outside, and the expected
    absolute error [N, 3, H, W] in code values.
    """

    def __init__(self, widths: Widths | None = None) -> None:
        super().__init__()
        w = widths or Widths()
        dilations = [1, 2, 4, 8]
        self.stem = nn.Conv2d(16, w.half, 3, padding=1)
        self.fine_in = _ladder(w.half, w.num_ladder_blocks)
        self.down_quarter = nn.Conv2d(w.half, w.quarter, 3, stride=2, padding=1)
        self.middle_in = _ladder(w.quarter, w.num_ladder_blocks)
        self.down_eighth = nn.Conv2d(w.quarter, w.eighth, 3, stride=2, padding=1)
        self.whole = nn.Sequential(
            *(_WholeBlock(w.eighth, w.spectral, dilations[k % len(dilations)]) for k in range(w.num_whole_blocks))
        )
        self.up_quarter = nn.Conv2d(w.eighth, 4 * w.quarter, 1)
        self.middle_out = _ladder(w.quarter, w.num_ladder_blocks)
        self.up_half = nn.Conv2d(w.quarter, 4 * w.half, 1)
        self.fine_out = _ladder(w.half, w.num_ladder_blocks)
        self.head = nn.Conv2d(w.half, 4 * 6, 3, padding=1)
        nn.init.zeros_(self.head.weight)  # untrained it gives the smooth fill back
        nn.init.zeros_(self.head.bias)

    def forward(self, smooth: Tensor, hole: Tensor) -> tuple[Tensor, Tensor]:
        mean, scale = _normalisation(smooth, 1 - hole)
        features = torch.cat([(smooth - mean) / scale, hole], 1)
        fine = self.fine_in(self.stem(functional.pixel_unshuffle(features, 2)))
        middle = self.middle_in(self.down_quarter(fine))
        coarse = self.whole(self.down_eighth(middle))
        middle = self.middle_out(middle + functional.pixel_shuffle(self.up_quarter(coarse), 2))
        fine = self.fine_out(fine + functional.pixel_shuffle(self.up_half(middle), 2))
        change, spread = functional.pixel_shuffle(self.head(functional.relu(fine)), 2).float().split(3, 1)
        error = scale * torch.exp(spread.clamp(-6, 4))
        return smooth + hole * change * scale, hole * error


def _normalisation(smooth: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """(mean [N, 3, 1, 1] of what is known, deviation likewise, chroma's two alike)."""
    count = known.sum((2, 3), keepdim=True).clamp(min=1)
    mean = (smooth * known).sum((2, 3), keepdim=True) / count
    variance = ((smooth - mean) ** 2 * known).sum((2, 3), keepdim=True) / count
    luma, blue, red = variance.split(1, 1)
    luma = luma.clamp(min=_LEAST_DEVIATION**2).sqrt()
    least = (_CHROMA_SHARE * _LEAST_DEVIATION) ** 2
    chroma = ((blue + red) / 2).clamp(min=least).sqrt()
    return mean, torch.cat([luma, chroma, chroma], 1)


def _ladder(width: int, num_blocks: int) -> nn.Sequential:
    return nn.Sequential(*(_Block(width) for _ in range(num_blocks)))


class _Block(nn.Module):
    """`x + conv relu conv relu x`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        _quieted(self.second)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.relu(self.first(functional.relu(x))))


class _WholeBlock(nn.Module):
    """A local convolution and one on the spectrum, mixed."""

    def __init__(self, width: int, spectral: int, dilation: int) -> None:
        super().__init__()
        self.local = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation)
        self.narrow = nn.Conv2d(width, spectral, 1)
        self.waves = nn.Conv2d(2 * spectral, 2 * spectral, 1)
        self.widen = nn.Conv2d(spectral, width, 1)
        self.mix = nn.Conv2d(width, width, 1)
        _quieted(self.mix)

    def forward(self, x: Tensor) -> Tensor:
        known = functional.relu(x)
        everywhere = self.widen(_from_spectrum(self.waves(_spectrum(functional.relu(self.narrow(known))))))
        return x + self.mix(functional.relu(self.local(known) + everywhere))


def _quieted(layer: nn.Conv2d) -> None:
    """A residual's last layer starts small, so that depth does not add up."""
    with torch.no_grad():
        layer.weight *= 0.3


def _waves(size: int, like: Tensor, num_waves: int) -> tuple[Tensor, Tensor]:
    """(cosines, sines) [size, num_waves], each divided by sqrt(size)."""
    place = torch.arange(size, device=like.device).to(torch.float32)
    wave = torch.arange(num_waves, device=like.device).to(torch.float32)
    angle = place[:, None] * wave[None] * (2 * math.pi / size)
    norm = size**-0.5
    return (torch.cos(angle) * norm).to(like.dtype), (torch.sin(angle) * norm).to(like.dtype)


def _spectrum(x: Tensor) -> Tensor:
    """The spectrum of [N, C, H, W] as [N, 2C, H, W/2 + 1]: real parts, then imaginary; orthonormal."""
    height, width = x.shape[2], x.shape[3]
    cos_x, sin_x = _waves(width, x, width // 2 + 1)
    cos_y, sin_y = _waves(height, x, height)
    real, imaginary = x @ cos_x, -(x @ sin_x)
    return torch.cat([cos_y @ real + sin_y @ imaginary, cos_y @ imaginary - sin_y @ real], 1)


def _from_spectrum(z: Tensor) -> Tensor:
    """The inverse, for an even width: waves between the first and the last count twice."""
    height, num_waves = z.shape[2], z.shape[3]
    width = 2 * (num_waves - 1)
    cos_y, sin_y = _waves(height, z, height)
    cos_x, sin_x = _waves(width, z, num_waves)
    real, imaginary = z.chunk(2, 1)
    real, imaginary = cos_y @ real - sin_y @ imaginary, cos_y @ imaginary + sin_y @ real
    index = torch.arange(num_waves, device=z.device)
    counts = (1 + ((index > 0) & (index < num_waves - 1)).to(z.dtype))[None]
    return (real * counts) @ cos_x.T - (imaginary * counts) @ sin_x.T
