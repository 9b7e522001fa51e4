"""A few small cases, made once for all tests of the test bed."""

from __future__ import annotations

from pathlib import Path

import pytest

from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A translucent mark on a still, textured shot: 20 frames of 320x180, with sound."""
    return _case(tmp_path_factory.mktemp("static"), "static")


@pytest.fixture(scope="session")
def hopping_case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    return _case(tmp_path_factory.mktemp("hop"), "hop")


def _case(folder: Path, motion: str) -> Case:
    scene = Scene("tripod", 320, 180, num_frames=20, seed=3)
    return make_case(scene, draw_mark("wordmark"), folder, Burning(motion=motion, scale=0.6))
