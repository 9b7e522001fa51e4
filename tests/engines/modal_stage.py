"""What the tests of Modal share: a rehearsal with an app deployed on it, and a small clip with a mark."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from blanklogo.engines.bearer import VARIABLE, new_token
from blanklogo.rehearsal.control_plane import Rehearsal
from blanklogo.rehearsal.drill_app import APP_NAME as DRILL_APP_NAME
from blanklogo.rehearsal.stages import DRILL_APP
from blanklogo.testbed.cases import Burning, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

DEPLOY_FILE = Path(__file__).parents[2] / "deploy" / "modal_app.py"
DRILL_NAMES = {"app_name": DRILL_APP_NAME, "class_name": "Drill"}
SHOWN, ENTRY = new_token("tests")


@contextmanager
def rehearsed(file: Path = DRILL_APP, **settings: str) -> Iterator[Rehearsal]:
    """A control plane with an app on it, to which the SDK of this process speaks."""
    with Rehearsal() as rehearsal, rehearsal.as_the_environment():
        deploy(file, **settings)
        yield rehearsal


def deploy(file: Path, **settings: str) -> None:
    """Runs `modal deploy`, as a user would."""
    environment = os.environ | {VARIABLE: ENTRY} | settings
    command = [sys.executable, "-m", "modal", "deploy", str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def marked_clip(folder: Path) -> Path:
    """Two seconds, 320 by 180 px, with a word burned in."""
    return make_case(Scene("hike", 320, 180, 50, seed=8), draw_mark("wordmark"), folder, Burning(crf=20)).marked
