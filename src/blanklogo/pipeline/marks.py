"""Reading a mark's picture, and writing a matte as one."""

from __future__ import annotations

import stat
from pathlib import Path

import cv2
import numpy as np

from blanklogo.errors import OptionError
from blanklogo.media.output import put_bytes
from blanklogo.types import Mark, Matte

_ACCEPTED = "a PNG with an alpha channel: transparent where the mark is not"
_MAX_SIDE_PX = 8192


def read_mark(path: Path) -> Mark:
    """A mark's picture from a PNG with straight alpha, 8 or 16 bit.

    Raises:
        OptionError: missing, no plain file, not a picture, without alpha, empty, or all transparent.
    """
    try:
        if not (stat.S_ISREG(path.stat().st_mode) or path.is_dir()):  # a pipe would be waited for without end
            raise OptionError(f"the mark picture {path} is not a plain file", accepted=_ACCEPTED)
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise OptionError(f"the mark picture {path} cannot be read: {error.strerror}", accepted=_ACCEPTED) from error
    picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if len(data) else None
    if picture is None:
        raise OptionError(f"the mark picture {path} is no picture", accepted=_ACCEPTED)
    if picture.ndim != 3 or picture.shape[2] != 4:
        raise OptionError(
            f"the mark picture {path} has no alpha channel",
            accepted=_ACCEPTED,
            hint="or give the mark's place by --box",
        )
    if max(picture.shape[:2]) > _MAX_SIDE_PX:
        raise OptionError(
            f"the mark picture {path} is {picture.shape[1]}x{picture.shape[0]} px", accepted=f"up to {_MAX_SIDE_PX} px"
        )
    values = picture.astype(np.float32) / (255 if picture.dtype == np.uint8 else 65535)
    if values[..., 3].max() < 0.02:
        raise OptionError(f"the mark picture {path} is all transparent", accepted=_ACCEPTED)
    return Mark(values[..., 3], values[..., 2::-1], path.name)


def write_matte(matte: Matte, path: Path) -> None:
    """A matte's alpha and colour as a PNG with straight alpha that `read_mark` reads back.

    Colours are those of BT.709, limited range.

    Raises:
        WriteError: the disk refused.
    """
    alpha, *yuv = _upsampled(matte)
    luma = (yuv[0] / np.maximum(alpha, 1e-3) - 16) / 219
    blue = luma + (yuv[1] / np.maximum(alpha, 1e-3) - 128) / 224 * 1.8556
    red = luma + (yuv[2] / np.maximum(alpha, 1e-3) - 128) / 224 * 1.5748
    green = (luma - 0.2126 * red - 0.0722 * blue) / 0.7152
    picture = np.dstack([blue, green, red, alpha])
    picture[alpha < 0.02] = 0
    encoded = cv2.imencode(".png", np.rint(np.clip(picture, 0, 1) * 65535).astype(np.uint16))[1]
    put_bytes(encoded.tobytes(), path)


def _upsampled(matte: Matte) -> list[np.ndarray]:
    luma = matte.planes[0]
    size = luma.alpha.shape[::-1]
    chroma = [
        cv2.resize(plane.premultiplied / np.maximum(plane.alpha, 1e-3), size, interpolation=cv2.INTER_LINEAR)
        for plane in matte.planes[1:]
    ]
    return [luma.alpha, luma.premultiplied, *(colour * luma.alpha for colour in chroma)]
