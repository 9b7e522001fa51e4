"""What a mark is: the picture a user gives, and the matte that un-blending needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import OptionError
from blanklogo.types.arrays import Mask, Values
from blanklogo.types.geometry import Box


def _frozen(array: NDArray, shape: tuple[int, ...], name: str) -> Values:
    value = np.ascontiguousarray(array, dtype=np.float32)
    if value.shape != shape:
        raise OptionError(f"{name} has shape {value.shape}", accepted=f"shape {shape}")
    if value.flags.writeable:
        value = value.copy()
        value.setflags(write=False)
    return value


@dataclass(frozen=True, eq=False)
class Mark:
    """A mark's own picture, as its maker drew it.

    Attributes:
        alpha: straight opacity, float32 [H, W] in [0, 1].
        colour: straight R'G'B', float32 [H, W, 3] in [0, 1].
        name: where it came from, for messages.
    """

    alpha: Values
    colour: Values
    name: str = "mark"

    def __post_init__(self) -> None:
        if self.alpha.ndim != 2:
            raise OptionError(f"a mark's alpha has {self.alpha.ndim} dimensions", accepted="2: height, width")
        object.__setattr__(self, "alpha", _frozen(self.alpha, self.alpha.shape, "alpha"))
        object.__setattr__(self, "colour", _frozen(self.colour, (*self.alpha.shape, 3), "colour"))

    def __repr__(self) -> str:
        return (
            f"Mark({self.name!r}, {self.alpha.shape[1]}x{self.alpha.shape[0]} px, alpha up to {self.alpha.max():.2f})"
        )


@dataclass(frozen=True, eq=False)
class PlaneMatte:
    """A mark on one plane: `I = (1 - g alpha) B + g premultiplied`, in code values brought to 8 bits.

    All arrays are [h, w] of the plane's part under the matte's box. The variances say how far each
    figure may be trusted; zeros mean it is known.

    Attributes:
        alpha: straight opacity, float32 in [0, 1].
        premultiplied: alpha times the mark's colour W, float32 in [0, 255].
        alpha_variance: variance of alpha.
        premultiplied_variance: variance of `premultiplied`.
        covariance: covariance of the two.
        support: bool, every pixel that the mark may have touched; nothing else is ever changed.
        background: what is taken to lie behind, float32, where the scene stands still and what is hidden was made up
            once for all frames; None where frames tell.
    """

    alpha: Values
    premultiplied: Values
    alpha_variance: Values
    premultiplied_variance: Values
    covariance: Values
    support: Mask
    background: Values | None = None

    def __post_init__(self) -> None:
        support = np.array(self.support, dtype=bool)
        if support.shape != self.alpha.shape:
            raise OptionError(f"support has shape {support.shape}", accepted=f"shape {self.alpha.shape}")
        support.setflags(write=False)
        object.__setattr__(self, "support", support)
        for name in ("alpha", "premultiplied", "alpha_variance", "premultiplied_variance", "covariance"):
            object.__setattr__(self, name, _frozen(getattr(self, name), self.alpha.shape, name))
        if self.background is not None:
            object.__setattr__(self, "background", _frozen(self.background, self.alpha.shape, "background"))

    def __repr__(self) -> str:
        return f"PlaneMatte({self.alpha.shape[1]}x{self.alpha.shape[0]}, alpha up to {self.alpha.max():.2f})"


@dataclass(frozen=True, eq=False)
class Matte:
    """A mark's matte on all planes of a video, at one place.

    Attributes:
        box: where it lies in the frame, in luma px.
        planes: Y, U, V.
        origin: "blind" (estimated from the video) or "known" (the user's picture, registered).
        effective_backgrounds: Te, the effective number of independent backgrounds seen behind the mark;
            1 on a tripod. It says how far a blind matte can be trusted.
    """

    box: Box
    planes: tuple[PlaneMatte, ...]
    origin: str
    effective_backgrounds: float

    def __post_init__(self) -> None:
        if len(self.planes) != 3:
            raise OptionError(f"a matte has {len(self.planes)} planes", accepted="3: Y, U, V")

    @property
    def is_made_up(self) -> bool:
        """Whether all that lies behind was made up once, since the scene stands still: nothing is un-blended then.

        Behind a known mark, only what it hides wholly is made up.
        """
        return self.origin == "blind" and any(plane.background is not None for plane in self.planes)

    def crop_of(self, plane_index: int, step_x: int, step_y: int) -> Box:
        """The matte's box in px of a plane."""
        return self.box if plane_index == 0 else self.box.subsampled(step_x, step_y)

    def __repr__(self) -> str:
        return f"Matte({self.origin}, {self.box}, Te={self.effective_backgrounds:.1f}, {self.planes[0]!r})"
