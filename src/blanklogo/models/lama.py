"""LaMa, a network that inpaints: a picture and a hole in, the picture with something plausible in the hole out.

Two inputs, `image` float [B, 3, H, W] (RGB, 0 to 1) and `mask` float [B, 1, H, W] (1 in the hole), one output
[B, 3, H, W]. That is the signature of big-lama's TorchScript archive and of the ONNX exports of it. They differ in
three things, of which their files do not say all:

- **Size.** Free sides are padded to multiples of 8 by reflection (repeating the edge where a picture is too narrow to
  be reflected), as LaMa's authors do. Where the file fixes the size (512 x 512), larger crops are scaled down to fit,
  and smaller ones padded in the same way rather than scaled up: every pixel that is there stays sharp.
- **Range.** Some outputs are 0 to 1, some 0 to 255. A probe tells it: a plain grey of 0.5 with a small hole is run
  once; where its median comes back as 0.25 to 1 the range is 1, as 64 to 255 it is 255, and anything else is no LaMa.
  One dark crop's values could not tell it.
- **Type.** float32, or float16 where the input is.

The hole is emptied before the network sees it, and a scaled mask holds every pixel that a hidden one touches, so that
no trace of a mark can seep into the fill. Outside the hole the result is the input, bit by bit.

Source: Suvorov et al., "Resolution-robust Large Mask Inpainting with Fourier Convolutions", WACV 2022.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import ModelError, OptionError
from blanklogo.models.batches import Batches, Item, OnShrink
from blanklogo.models.ports import Port, Session
from blanklogo.types.arrays import Mask, Values

Crop = NDArray
"""RGB [H, W, 3]: uint8 of 0 to 255, or floating of 0 to 1."""

_STEP_PX = 8  # three halvings inside the network
_PROBE_PX = 64  # of a network of free size; large enough for every reflection inside
_PROBE_LEVEL = 0.5
_TOUCHED = 1e-4  # share of a scaled pixel that a hidden one covers; less is rounding
_BEYOND = 1e-3  # of 0 to 1, by which arithmetic in float32 may overshoot


class Lama:
    """An inpainter on one session; threads may share one.

    Args:
        session: of a network with LaMa's signature; it is run once, on the probe.
        batch_size: crops at once, at first.
        on_shrink: told when memory ran out and a batch was halved.

    Raises:
        ModelError: another signature, or an output that is no picture.
        ProcessingError, MemoryLimitError: the probe failed.
    """

    def __init__(self, session: Session, batch_size: int = 4, on_shrink: OnShrink | None = None) -> None:
        self._session = session
        image, self._is_mask_first = _image_port(session)
        self._dtype = image.dtype
        self._fixed_px = _fixed_px(image)
        self._batches = Batches(session, batch_size, on_shrink)
        self._range = self._probed_range()

    def inpaint(self, crops: Sequence[Crop], holes: Sequence[Mask]) -> list[Crop]:
        """The crops with their holes filled, each in its own dtype; outside the holes exactly as they came.

        Crops of different sizes may be mixed; neighbours of one size run together. One without a hole is copied.

        Args:
            crops: RGB [H, W, 3], uint8 or floating of 0 to 1.
            holes: bool [H, W], true where pixels are to be invented.

        Raises:
            OptionError: a crop or hole of another kind, a hole that leaves nothing known, or a hole too few.
            ModelError: the network gave values that are not numbers, or another size.
            ProcessingError: it failed.
            MemoryLimitError: a single crop does not fit.
        """
        if len(crops) != len(holes):
            raise OptionError(f"{len(crops)} crops and {len(holes)} holes", accepted="a hole for each crop")
        done: list[Crop] = []
        waiting: list[tuple[int, Mask, _Place]] = []

        def prepared() -> Iterator[Item]:
            for index, (crop, hole) in enumerate(zip(crops, holes, strict=True)):
                _check(crop, hole)
                done.append(crop.copy())
                if hole.any():
                    place = _place(crop.shape[0], crop.shape[1], self._fixed_px)
                    waiting.append((index, hole, place))
                    yield self._item(crop, hole, place)

        for number, outputs in enumerate(self._batches.run(prepared())):
            index, hole, place = waiting[number]
            picture = self._picture(outputs, place)
            done[index][hole] = _as(done[index].dtype, picture[hole])
        return done

    def _item(self, crop: Crop, hole: Mask, place: _Place) -> Item:
        """The network's inputs for one crop, in the file's order."""
        image = crop.astype(np.float32) / (255 if crop.dtype == np.uint8 else 1)
        image, mask = place.laid(image), place.laid(hole.astype(np.float32)) > _TOUCHED
        image = np.ascontiguousarray((image * ~mask[..., None]).transpose(2, 0, 1)).astype(self._dtype, copy=False)
        mask = mask[None].astype(self._dtype)
        return (mask, image) if self._is_mask_first else (image, mask)

    def _picture(self, outputs: Item, place: _Place) -> Values:
        """float32 [H, W, 3] of 0 to 1, in the crop's size."""
        output = outputs[0].astype(np.float32)
        expected = (3, place.padded_height_px, place.padded_width_px)
        if len(outputs) != 1 or output.shape != expected:
            given = ", ".join(str(list(one.shape)) for one in outputs)
            raise ModelError(f"{self._session.name} gave {given} for a crop", accepted=str(list(expected)))
        if not np.isfinite(output).all():
            raise ModelError(
                f"{self._session.name} gave values that are not numbers", hint="an export in float32, or device cpu"
            )
        return np.clip(place.taken(output.transpose(1, 2, 0)) / self._range, 0, 1)

    def _probed_range(self) -> float:
        """1 or 255: what the output calls white."""
        height, width = self._fixed_px or (_PROBE_PX, _PROBE_PX)
        hole = np.zeros((height, width), bool)
        hole[height // 2 : height // 2 + 8, width // 2 : width // 2 + 8] = True
        item = self._item(np.full((height, width, 3), _PROBE_LEVEL, np.float32), hole, _place(height, width, None))
        ((output, *_),) = self._batches.run([item])
        level = float(np.median(output.astype(np.float32)[..., ~hole])) if output.shape[1:] == hole.shape else np.nan
        for white in (1.0, 255.0):
            if 0.5 <= level / (_PROBE_LEVEL * white) <= 2:
                return white
        raise ModelError(
            f"{self._session.name} turns a grey of {_PROBE_LEVEL} into {level:.3g} ({list(output.shape)})",
            accepted="LaMa's output: the picture itself outside the hole, 0 to 1 or 0 to 255",
        )


def inpaint(session: Session, crops: Sequence[Crop], holes: Sequence[Mask]) -> list[Crop]:
    """`Lama(session).inpaint(crops, holes)`, for those who do it once."""
    return Lama(session).inpaint(crops, holes)


@dataclass(frozen=True)
class _Place:
    """Where a crop lies in the network's input: scaled, at the top left, the rest mirrored."""

    height_px: int
    width_px: int
    scaled_height_px: int
    scaled_width_px: int
    padded_height_px: int
    padded_width_px: int

    def laid(self, picture: Values) -> Values:
        """[H, W] or [H, W, 3] of the crop, as the network's input has it."""
        if self._is_scaled:
            picture = _resized(picture, self.scaled_width_px, self.scaled_height_px, cv2.INTER_AREA)
        below = self.padded_height_px - self.scaled_height_px
        beside = self.padded_width_px - self.scaled_width_px
        # NumPy mirrors as often as it must, and repeats the edge where a single row or column has nothing to mirror.
        return np.pad(picture, [(0, below), (0, beside), *[(0, 0)] * (picture.ndim - 2)], mode="reflect")

    def taken(self, output: Values) -> Values:
        """[H, W, 3] of the crop from the network's output."""
        output = output[: self.scaled_height_px, : self.scaled_width_px]
        if self._is_scaled:
            return _resized(output, self.width_px, self.height_px, cv2.INTER_CUBIC)
        return output

    @property
    def _is_scaled(self) -> bool:
        return (self.scaled_height_px, self.scaled_width_px) != (self.height_px, self.width_px)


def _resized(picture: Values, width_px: int, height_px: int, interpolation: int) -> Values:
    return np.asarray(cv2.resize(picture, (width_px, height_px), interpolation=interpolation), np.float32)


def _place(height_px: int, width_px: int, fixed_px: tuple[int, int] | None) -> _Place:
    if fixed_px is None:
        height, width = (-(-side // _STEP_PX) * _STEP_PX for side in (height_px, width_px))
        return _Place(height_px, width_px, height_px, width_px, height, width)
    scale = min(1.0, fixed_px[0] / height_px, fixed_px[1] / width_px)
    return _Place(height_px, width_px, max(1, round(scale * height_px)), max(1, round(scale * width_px)), *fixed_px)


def _as(dtype: np.dtype, values: Values) -> NDArray:
    return np.round(values * 255).astype(np.uint8) if dtype == np.uint8 else values.astype(dtype)


def _check(crop: Crop, hole: Mask) -> None:
    is_known = crop.dtype == np.uint8 or np.issubdtype(crop.dtype, np.floating)
    if crop.ndim != 3 or crop.shape[2] != 3 or not crop.size or not is_known:
        raise OptionError(
            f"a crop of {crop.dtype} {list(crop.shape)}", accepted="RGB [height, width, 3], uint8 or floating of 0 to 1"
        )
    if crop.dtype != np.uint8 and not (crop.min() >= -_BEYOND and crop.max() <= 1 + _BEYOND):
        raise OptionError(f"a crop of {crop.min():.3g} to {crop.max():.3g}", accepted="0 to 1, or uint8")
    if hole.dtype != np.bool_ or hole.shape != crop.shape[:2]:
        raise OptionError(
            f"a hole of {hole.dtype} {list(hole.shape)}", accepted=f"bool {list(crop.shape[:2])}, as the crop is large"
        )
    if hole.all():
        raise OptionError("the hole covers the whole crop", accepted="a hole with at least one known pixel beside it")


def _image_port(session: Session) -> tuple[Port, bool]:
    """(the picture's input, whether the mask's comes first): by their channels, or by name where no shape is said."""
    is_mask = [
        "mask" in port.name.lower() if port.shape is None or port.shape[1:2] == (None,) else port.shape[1:2] == (1,)
        for port in session.inputs
    ]
    if sorted(is_mask) != [False, True]:
        raise _no_lama(session)
    image = session.inputs[is_mask.index(False)]
    shapes_fit = image.shape is None or (len(image.shape) == 4 and image.shape[1] in (3, None))
    if not shapes_fit or any(port.dtype != image.dtype for port in session.inputs):
        raise _no_lama(session)
    if image.dtype not in ("float32", "float16"):
        raise _no_lama(session)
    return image, is_mask[0]


def _fixed_px(image: Port) -> tuple[int, int] | None:
    """(height, width) that the file prescribes, or None where they are free or not said."""
    if image.shape is None or None in image.shape[2:]:
        return None
    height, width = image.shape[2:]
    return (height, width) if height and width else None


def _no_lama(session: Session) -> ModelError:
    return ModelError(
        f"{session.name} takes {', '.join(map(str, session.inputs))}",
        accepted="LaMa's inputs: image [batch, 3, height, width] and mask [batch, 1, height, width], floating",
    )
