"""What users may import, and what importing it costs."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import blanklogo

PUBLIC = [
    "BlankLogoError",
    "Box",
    "CallerError",
    "CancelledError",
    "Detection",
    "EngineError",
    "EngineSpec",
    "Job",
    "Mark",
    "Matte",
    "Mode",
    "Networks",
    "Notice",
    "Platform",
    "ProcessingError",
    "Progress",
    "Report",
    "TimeRange",
    "Track",
    "detect",
    "estimate_matte",
    "open_engine",
    "preview",
    "probe",
    "remove",
]
HEAVY = ("numpy", "cv2", "av", "scipy", "onnxruntime", "typer", "rich")

# Timed inside the child, so that the interpreter's own start does not count.
TIMED_IMPORT = """
import json, sys, time
before = set(sys.modules)
start = time.perf_counter()
import blanklogo
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "loaded": sorted(set(sys.modules) - before)}))
"""
NUM_TRIES = 5  # the best of five: other work on the machine can only slow an import, never speed it up
LIMIT_SECONDS = 0.15


def fresh_import() -> dict:
    done = subprocess.run([sys.executable, "-c", TIMED_IMPORT], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_the_public_list_is_this_one() -> None:
    assert blanklogo.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_each_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(blanklogo, name)
    assert value.__name__ == name
    assert value.__doc__
    assert not value.__doc__.startswith(f"{name}("), "a dataclass's made-up docstring says nothing"


def test_a_star_import_and_dir_give_the_same_names() -> None:
    names: dict = {}
    exec("from blanklogo import *", names)
    assert names.keys() - {"__builtins__"} == set(PUBLIC)
    assert set(PUBLIC) <= set(dir(blanklogo))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'watermark'"):
        _ = blanklogo.watermark


def test_importing_the_package_loads_nothing_heavy() -> None:
    heads = {name.partition(".")[0] for name in fresh_import()["loaded"]}
    assert not heads.intersection(HEAVY)


def test_importing_the_package_is_quick() -> None:
    best = min(fresh_import()["seconds"] for _ in range(NUM_TRIES))
    assert best < LIMIT_SECONDS


def test_the_version_is_said_once(root: Path) -> None:
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    assert blanklogo.__version__ == project["version"]
