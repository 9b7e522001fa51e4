"""What `probe` says about a real file."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames of grey at 25 frames a second, with a second of silence beside them."""
    path = tmp_path_factory.mktemp("probe") / "grey clip.mp4"
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = container.add_stream("aac", rate=48000)
        for index in range(10):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * index, np.uint8), format="rgb24")
            picture.pts, picture.time_base = index, Fraction(1, 25)
            container.mux(video.encode(picture))
        container.mux(video.encode())
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        silence.sample_rate, silence.pts = 48000, 0
        container.mux(sound.encode(silence))
        container.mux(sound.encode())
    return path


def test_people_read_the_streams(blank, clip: Path) -> None:
    outcome = blank("probe", clip)
    lines = outcome.stdout.splitlines()
    assert outcome.code == 0
    assert lines[0].startswith("grey clip.mp4: mov,mp4")
    assert lines[1] == "  video: h264, 64x48, yuv420p, 25 frames/s, 10 frames"
    assert lines[2].startswith("  audio: aac")


def test_scripts_read_the_fields(blank, clip: Path) -> None:
    (message,) = blank("probe", clip, "--json").messages
    video = message["info"]["video"]
    assert (message["type"], video["width"], video["height"]) == ("result", 64, 48)
    assert video["average_rate"] == "25/1"


@pytest.mark.parametrize("name", ["nothing here.mp4", "letter.mp4", ""])
def test_what_is_no_video_exits_2(blank, tmp_path: Path, name: str) -> None:
    (tmp_path / "letter.mp4").write_text("Dear reader")
    outcome = blank("probe", tmp_path / name)
    assert outcome.code == 2
    assert str(tmp_path / name) in outcome.stderr
