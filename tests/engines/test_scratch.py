"""Folders that killed pools left, and those in use."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

pytest.importorskip("fcntl")

from blanklogo.engines.pool.scratch import Scratch, clear_up


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_what_a_predecessor_of_the_same_number_left_is_cleared_up(tmp_path: Path) -> None:
    """In a container every start is process 1, and its folder for temporary files may outlive it."""
    left = tmp_path / f"blanklogo-worker-{os.getpid()}-left"
    (left / "in").mkdir(parents=True)
    (left / "in" / "video.mp4").write_bytes(b"a film")
    used = Scratch()
    try:
        assert os.listdir(tmp_path) == [Path(used.path).name]
        clear_up()
        assert Path(used.path).is_dir(), "one in use is locked"
    finally:
        used.remove()
    assert os.listdir(tmp_path) == []


def test_what_may_be_another_process_s_stays(tmp_path: Path) -> None:
    others = tmp_path / f"blanklogo-worker-{os.getppid()}-other"
    others.mkdir()
    clear_up()
    assert others.is_dir()
