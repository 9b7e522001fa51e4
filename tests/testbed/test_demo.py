"""The demonstration, as `make demo` runs it: found without help, removed, scored, drawn."""

from __future__ import annotations

from pathlib import Path

import cv2

from blanklogo.demo import run_demo
from blanklogo.types import Event, Notice


def test_the_demonstration_removes_its_mark(tmp_path: Path):
    heard: list[Event] = []
    folder = tmp_path / "new" / "folder"
    folder.mkdir(parents=True)
    (folder / "clean.mp4").write_text("left by an earlier demonstration")
    result = run_demo(folder, on_event=heard.append)
    assert result.report.watermarks_detected == 1
    assert result.report.verify.status == "clean"
    assert result.before.psnr_inside_db < 20
    assert result.after.psnr_inside_db > result.before.psnr_inside_db + 12
    assert result.after.residue < 0.1
    assert result.after.psnr_unchanged_db > 45
    assert any(isinstance(event, Notice) for event in heard)
    picture = cv2.imread(str(result.picture))
    assert picture.shape[1] == 960
    assert all(path.exists() for path in (result.marked, result.clean, result.truth))
