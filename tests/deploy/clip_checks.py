"""Whether a result is what a removal should give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blanklogo.testbed.cases import Case
from blanklogo.testbed.clips import read_planes

MARGIN_PX = 24  # as in the report: encoding again spreads what changed


def check_clean(case: Case, video: bytes, folder: Path) -> None:
    """The mark is gone from the video, and all the rest is as it was."""
    path = folder / "clean.mp4"
    path.write_bytes(video)
    before, after, truth = _luma(case.marked), _luma(path), _luma(case.truth)
    assert after.shape == before.shape == (case.num_frames, case.height_px, case.width_px)
    (place,) = case.places
    rows, columns = place.box.slices
    near = (slice(None), rows, columns)
    # 0.26 of the error is left here (the second encoding's is in it); half allows for other encoders
    assert np.abs(after - truth)[near].mean() < 0.5 * np.abs(before - truth)[near].mean()
    far = np.ones(before.shape[1:], bool)
    far[place.box.dilated(MARGIN_PX, case.width_px, case.height_px).slices] = False
    error = np.square(after - before)[:, far].mean()
    assert 10 * np.log10(255**2 / error) > 40, "48.7 dB with the default quality"


def _luma(path: Path) -> NDArray[np.float32]:
    return np.stack([planes[0].astype(np.float32) for planes in read_planes(path)])
