"""What is no trial: clips without a mark must come back as they are, and length must not cost memory."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Measured, run_worker
from benchmarks.runner import Tell
from blanklogo.testbed.burn import Placement, burn, place
from blanklogo.testbed.clips import Planes, write_clip
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene

_LENGTH_SIZE_PX = (1280, 720)
_LENGTH_PLACEMENT = Placement(1.0, 1020.4, 620.7)


@dataclass(frozen=True)
class CleanOutcome:
    """A clip without a mark: whether it came back byte for byte, and what was said."""

    name: str
    is_identical: bool
    status: str
    error: str | None = None


@dataclass(frozen=True)
class LengthOutcome:
    """One removal from a clip of some length, and the plain transcode of the same clip."""

    duration_seconds: int
    removal: Measured
    transcode: Measured

    @property
    def error(self) -> str | None:
        return self.removal.error or self.transcode.error

    @property
    def status(self) -> str:
        return "failed" if self.error else self.removal.answer["report"]["verify"]["status"]


def run_clean(name: str, source: Path | Scene, folder: Path, tell: Tell) -> CleanOutcome:
    """BlankLogo, told nothing, on a clip without a mark."""
    tell(f"clean {name}")
    folder.mkdir(parents=True, exist_ok=True)
    path = _written(source, folder / f"{name}.mp4") if isinstance(source, Scene) else source
    target = folder / f"{name}.clean{path.suffix}"
    cost = run_worker({"work": "remove", "source": str(path), "target": str(target)})
    if cost.error:
        return CleanOutcome(name, False, "failed", cost.error)
    is_identical = target.exists() and filecmp.cmp(path, target, shallow=False)
    return CleanOutcome(name, is_identical, cost.answer["report"]["verify"]["status"])


def run_length(duration_seconds: int, folder: Path, tell: Tell) -> LengthOutcome:
    """BlankLogo, told nothing, on a walk of this length at 1280x720."""
    tell(f"length {duration_seconds} s: making the clip")
    folder.mkdir(parents=True, exist_ok=True)
    scene = Scene("walk", *_LENGTH_SIZE_PX, num_frames=25 * duration_seconds)
    placed = place(draw_mark("wordmark"), _LENGTH_PLACEMENT, *_LENGTH_SIZE_PX)
    path = folder / f"{duration_seconds}s.mp4"
    _write(path, (burn(planes, placed) for planes in scene.frames()), scene)
    tell(f"length {duration_seconds} s: plain transcode")
    plain = run_worker({"work": "transcode", "source": str(path), "target": str(path.with_suffix(".plain.mp4"))})
    tell(f"length {duration_seconds} s: blanklogo")
    ours = run_worker({"work": "remove", "source": str(path), "target": str(path.with_suffix(".clean.mp4"))})
    return LengthOutcome(duration_seconds, ours, plain)


def _written(scene: Scene, path: Path) -> Path:
    _write(path, scene.frames(), scene)
    return path


def _write(path: Path, frames: Iterator[Planes], scene: Scene) -> None:
    write_clip(path, frames, scene.rate, "libx264", {"crf": "23", "preset": "fast"}, "aac")
