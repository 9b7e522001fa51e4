"""Which cases are run: clips times marks times motions, and what BlankLogo is told about each."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from blanklogo.errors import OptionError
from blanklogo.testbed.cases import Burning
from blanklogo.testbed.clips import Clip, open_clip
from blanklogo.testbed.scenes import Scene

Given = Literal["nothing", "mark", "box"]
SUFFIXES = frozenset({".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"})


OPAQUE_BEFORE_STILL = (("tripod", 1), ("tripod", 2), ("tripod", 3), ("wall", 1), ("wall", 2))  # kinds and seeds


@dataclass(frozen=True, eq=False)
class Trial:
    """One case to be run.

    Attributes:
        clip: the background.
        mark: a kind of `testbed.marks`.
        given: what BlankLogo is told: nothing, the mark's picture, or its box.
        burning: how the mark is burned in.
    """

    clip: Clip
    mark: str
    given: Given = "nothing"
    burning: Burning = field(default_factory=Burning)

    @property
    def name(self) -> str:
        return f"{self.clip.name}-{self.mark}-{self.burning.motion}-{self.given}"

    @property
    def is_invented(self) -> bool:
        """Whether nobody can know what lies under the mark: an opaque one before a camera that stands still."""
        is_still = any(self.clip.name.startswith(kind) for kind, _ in OPAQUE_BEFORE_STILL)
        return is_still and self.mark == "letters" and self.given == "box"


@dataclass(frozen=True, eq=False)
class Plan:
    """Everything a run does.

    Attributes:
        trials: cases to be made, restored and scored.
        clean: names and files (or scenes to be written) without a mark, which must come back byte-identical.
        length_seconds: lengths of the clips whose peak memory and cost are compared; empty: not measured.
    """

    trials: tuple[Trial, ...]
    clean: tuple[tuple[str, Path | Scene], ...]
    length_seconds: tuple[int, ...]


def plan(clips: Path | None, is_quick: bool, is_long: bool, skip: Sequence[str], only: Sequence[str]) -> Plan:
    """What a run with these options does.

    Args:
        clips: a folder of clips without marks; None: clips are generated.
        is_quick: few and short cases.
        is_long: the longest clip lasts ten minutes rather than one.
        skip: file names (patterns) in the folder to leave alone.
        only: names of trials (patterns) to run; empty: all.

    Raises:
        OptionError: the folder holds no clip, or no trial has such a name.
    """
    if is_quick:
        full = Plan(_quick_trials(), (("sky", _scene("sky", num_frames=50, size=(480, 270))),), ())
    elif clips is None:
        full = Plan(_scene_trials(), _clean_scenes(), (10, 600 if is_long else 60))
    else:
        files = _files(clips, skip)
        trials = [trial for path in files for trial in _file_trials(path)]
        full = Plan(tuple(trials), tuple((path.stem, path) for path in files), (10, 600) if is_long else ())
    return _chosen(full, only)


def _chosen(full: Plan, only: Sequence[str]) -> Plan:
    if not only:
        return full
    trials = tuple(trial for trial in full.trials if _matches(trial.name, only))
    if not trials:
        names = ", ".join(trial.name for trial in full.trials)
        raise OptionError(f"no trial is named {' or '.join(only)}", accepted=names)
    return Plan(trials, (), ())


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def _files(folder: Path, skip: Sequence[str]) -> list[Path]:
    if not folder.is_dir():
        raise OptionError(f"{folder} is no folder", accepted="a folder of video files")
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    kept = [path for path in files if not _matches(path.name, skip)]
    if not kept:
        raise OptionError(f"{folder} holds no clip", accepted=f"files ending in {', '.join(sorted(SUFFIXES))}")
    return kept


def _file_trials(path: Path) -> list[Trial]:
    """On each clip: found by itself (light, small, opaque, hopping, fading), and told (a picture, a box)."""
    clip = open_clip(path, limit_frames=120)
    return [
        Trial(clip, "wordmark"),
        Trial(clip, "bug"),
        Trial(clip, "wordmark", "mark"),
        Trial(clip, "bug", "mark"),
        Trial(clip, "ring", "box"),
        Trial(clip, "letters", "box"),
        Trial(clip, "wordmark", burning=Burning("hop")),
        Trial(clip, "letters", burning=Burning("hop")),
        Trial(clip, "wordmark", burning=Burning("fade")),
    ]


def _scene(kind: str, num_frames: int = 100, size: tuple[int, int] = (960, 540), seed: int = 1) -> Scene:
    return Scene(kind, *size, num_frames=num_frames, seed=seed)


def _scene_trials() -> tuple[Trial, ...]:
    make: Callable[[str], Scene] = _scene
    return (
        Trial(make("hike"), "wordmark"),
        Trial(make("walk"), "wordmark"),
        Trial(make("walk"), "bug"),
        Trial(make("walk"), "ring", "box"),
        Trial(make("cuts"), "outline"),
        Trial(make("cuts"), "stamp"),
        Trial(_scene("captions", num_frames=200), "badge"),
        Trial(make("sky"), "wordmark"),
        Trial(make("sky"), "bug", "mark"),
        Trial(make("walk"), "letters"),
        Trial(make("walk"), "wordmark", burning=Burning("hop")),
        Trial(make("hike"), "letters", burning=Burning("hop")),
        Trial(make("cuts"), "wordmark", burning=Burning("fade")),
        Trial(make("tripod"), "wordmark", "mark"),
        Trial(make("tripod"), "wordmark", "box"),
        Trial(make("wall"), "bug", "mark"),
        *(Trial(_scene(kind, seed=seed), "letters", "box") for kind, seed in OPAQUE_BEFORE_STILL),
    )


def _clean_scenes() -> tuple[tuple[str, Scene], ...]:
    return tuple(
        (kind, _scene(kind, num_frames=150, seed=5))
        for kind in ("hike", "walk", "cuts", "tripod", "wall", "sky", "captions")
    )


def _quick_trials() -> tuple[Trial, ...]:
    clip = _scene("hike", num_frames=60, size=(480, 270))
    still = _scene("tripod", num_frames=40, size=(480, 270))
    return (Trial(clip, "wordmark"), Trial(still, "wordmark", "mark"), Trial(still, "bug", "box"))
