"""Marked films with known truth, made once; every test works on its own copy in a folder of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from film import digest, marked_frames, names, write_film

from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    """No test leaves a thread of BlankLogo behind."""
    yield
    left = [thread.name for thread in threading.enumerate() if thread.name.startswith("blanklogo-")]
    assert not left


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A hand-held camera, a translucent mark with a shadow, a tone."""
    scene = Scene("walk", 256, 144, 40, seed=8)
    return make_case(scene, draw_mark("wordmark"), tmp_path_factory.mktemp("walk"), Burning(scale=0.55, crf=20))


@pytest.fixture(scope="session")
def tripod(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """A still camera: one background."""
    scene = Scene("tripod", 256, 144, 32, seed=8)
    return make_case(scene, draw_mark("bug"), tmp_path_factory.mktemp("tripod"), Burning(scale=1.0, crf=20))


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """The smallest and fastest; for what goes wrong."""
    scene = Scene("walk", 160, 120, 30, seed=3)
    return make_case(scene, draw_mark("bug"), tmp_path_factory.mktemp("small"), Burning(scale=1.0, crf=20))


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film without a mark."""
    scene = Scene("walk", 256, 144, 60, seed=1)
    return write_film(tmp_path_factory.mktemp("bare") / "bare.mp4", marked_frames(scene))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a test's film lies, and nothing else."""
    path = tmp_path / "films"
    path.mkdir()
    return path


@pytest.fixture
def copied(folder: Path) -> Callable[[Path], Path]:
    """A film's copy in the folder, as clip.mp4 or so."""

    def copy(source: Path) -> Path:
        target = folder / f"clip{source.suffix}"
        target.write_bytes(source.read_bytes())
        return target

    return copy


@pytest.fixture
def untouched(folder: Path) -> Iterator[None]:
    """Whatever the test does, the folder's files are the same afterwards. Ask for it after they are there."""
    before = {name: digest(folder / name) for name in names(folder) if (folder / name).is_file()}
    listed = names(folder)
    yield
    assert names(folder) == listed
    assert {name: digest(folder / name) for name in before} == before


@pytest.fixture
def clip(copied: Callable[[Path], Path], small: Case) -> Path:
    """The small marked film alone in the folder."""
    return copied(small.marked)
