"""The same pictures give the same bytes, whatever lay in the process' memory before."""

from __future__ import annotations

import hashlib
from fractions import Fraction

import av
import numpy as np
import pytest

from blanklogo.media.encoding import ENCODERS, Encoder
from blanklogo.media.x264 import reproducible

SIZE_PX = (160, 320)
NUM_FRAMES = 12


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """A moving pattern with noise, as I420: what makes an encoder weigh its decisions."""
    rng, (height, width) = np.random.default_rng(0), SIZE_PX
    y, x = np.mgrid[: height * 3 // 2, :width]
    waves = (128 + 60 * np.sin((x + 3 * i) / 9) + 50 * np.sin((y - 2 * i) / 7) for i in range(NUM_FRAMES))
    return [np.clip(wave + rng.normal(0, 6, wave.shape), 0, 255).astype(np.uint8) for wave in waves]


def encoded(encoder: Encoder, options: dict[str, str], pictures: list[np.ndarray]) -> str:
    context = av.CodecContext.create(encoder.name, "w")
    context.height, context.width = SIZE_PX
    context.pix_fmt, context.time_base, context.options = "yuv420p", Fraction(1, 25), options
    digest = hashlib.sha256()
    for index, picture in enumerate([*pictures, None]):
        frame = None if picture is None else av.VideoFrame.from_ndarray(picture, format="yuv420p")
        if frame is not None:
            frame.pts = index
        for packet in context.encode(frame):
            digest.update(bytes(packet))
    return digest.hexdigest()


def dirty(rng: np.random.Generator) -> list[np.ndarray]:
    """Leave other values in what will be allocated next: every second block is freed, the others are the caller's."""
    blocks = [np.full(int(size), int(rng.integers(256)), np.uint8) for size in rng.integers(1000, 400_000, 60)]
    return blocks[::2]


@pytest.mark.parametrize("family", ENCODERS)
def test_bytes_depend_on_the_pictures_alone(family: str, pictures: list[np.ndarray]) -> None:
    encoder, rng = ENCODERS[family], np.random.default_rng(1)
    rate = {} if encoder.max_quality is None else {"crf": str(encoder.quality)}
    options = reproducible(encoder.name, dict(encoder.options) | rate)
    digests, between = set(), []
    for _ in range(5):
        between += dirty(rng)
        digests.add(encoded(encoder, options, pictures))
    assert len(digests) == 1


def test_settings_of_ones_own_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cv2.checkHardwareSupport", lambda feature: True)
    assert reproducible("libx264", {"x264opts": "bff=1", "crf": "15"}) == {"x264opts": "bff=1:asm=avx2", "crf": "15"}
    assert reproducible("libx264", {}) == {"x264opts": "asm=avx2"}
    assert reproducible("libx265", {"crf": "15"}) == {"crf": "15"}
    monkeypatch.setattr("cv2.checkHardwareSupport", lambda feature: False)
    assert reproducible("libx264", {"crf": "15"}) == {"crf": "15"}
