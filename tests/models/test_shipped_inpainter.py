"""The shipped inpainter: it keeps what is known, goes on with lines, and is the same in tiles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stand_in_nets import doubling

from blanklogo.errors import LoadError
from blanklogo.models import inpainter
from blanklogo.models.files import locate
from blanklogo.models.inpainter import Inpainter
from blanklogo.models.session import load_session
from blanklogo.ops.morphology import dilated
from blanklogo.ops.proven_fill import harmonic
from blanklogo.types.arrays import Mask, Values

SHAPE = (140, 200)


@pytest.fixture(scope="module")
def net() -> Inpainter:
    return Inpainter(load_session(locate("blanklogo-inpainter").path, "cpu"))


def stripes(slope: float = 0.4) -> Values:
    """Slanted edges with a little colour, soft as a lens leaves them."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float32)
    luma = 128 + 70 * np.tanh(3 * np.sin((x + slope * y) / 9))
    return np.dstack([luma, 128 + 0.1 * (luma - 128), 128 - 0.2 * (luma - 128)]).astype(np.float32)


def letters() -> Mask:
    """Upright and level strokes, 6 px wide."""
    mask = np.zeros(SHAPE, bool)
    mask[50:90, 40:160:20] = mask[52, 40:160] = mask[88, 40:160] = True
    return dilated(mask, 3)


def rms(filled: Values) -> float:
    return float(np.sqrt(np.mean((filled - stripes())[letters()] ** 2)))


def test_edges_go_on_under_a_mark(net: Inpainter) -> None:
    smooth = harmonic(stripes(), letters())
    filled = net(stripes(), letters(), smooth)
    assert rms(filled) < 0.7 * rms(smooth)  # half of it when it was trained


def test_what_is_known_stays_to_the_last_bit_and_the_hole_is_not_looked_at(net: Inpainter) -> None:
    smooth = harmonic(stripes(), letters())
    filled = net(stripes(), letters(), smooth)
    assert np.array_equal(filled[~letters()], stripes()[~letters()])
    other = np.where(letters()[..., None], 0, stripes()).astype(np.float32)
    assert np.array_equal(net(other, letters(), smooth)[letters()], filled[letters()])


@pytest.mark.parametrize("shape", [(17, 31), (16, 300), (48, 50)])
def test_crops_of_any_size_are_filled(net: Inpainter, shape: tuple[int, int]) -> None:
    picture = stripes()[: shape[0], : shape[1]] if shape[1] <= SHAPE[1] else np.tile(stripes(), (1, 2, 1))[:16, :300]
    mask = np.zeros(shape, bool)
    mask[6:10, 8:20] = True
    filled = net(picture, mask, harmonic(picture, mask))
    assert filled.shape == picture.shape
    assert np.isfinite(filled).all()


def test_in_tiles_it_is_nearly_the_same(net: Inpainter, monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = harmonic(stripes(), letters())
    whole = net(stripes(), letters(), smooth)
    monkeypatch.setattr(inpainter, "_TILE_PX", 110)
    tiled = net(stripes(), letters(), smooth)
    # A tile sees less of the picture, but what lies beside the hole it sees.
    assert np.sqrt(np.mean((tiled - whole)[letters()] ** 2)) < 0.5 * rms(smooth)


def test_another_network_is_refused(tmp_path: Path) -> None:
    doubling(tmp_path / "other.onnx")
    with pytest.raises(LoadError, match=r"other\.onnx takes x"):
        Inpainter(load_session(tmp_path / "other.onnx", "cpu"))
