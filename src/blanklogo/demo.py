"""The demonstration: a clip with a mark is made, the mark removed as any user would, the result scored and shown.

Nothing is loaded from outside and nothing is prepared: `remove` is called with its defaults and finds the mark itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blanklogo import api
from blanklogo.testbed import pictures
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.testbed.scoring import Score, score
from blanklogo.types import Event, Notice, Report

NUM_FRAMES = 125  # five seconds
WIDTH_PX, HEIGHT_PX = 640, 360
MARK_SCALE = 0.75


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration made and how well it went.

    Attributes:
        marked: the clip with the mark.
        clean: the same clip after `remove`.
        truth: the clip as it was before the mark, lossless.
        picture: before above after, a PNG.
        before: the marked clip scored against the truth.
        after: the clean clip scored against the truth.
        removal_seconds: wall time of `remove` alone.
    """

    marked: Path
    clean: Path
    truth: Path
    picture: Path
    before: Score
    after: Score
    report: Report
    removal_seconds: float

    def as_dict(self) -> dict[str, Any]:
        """A JSON-like copy."""
        return {
            "marked": str(self.marked),
            "clean": str(self.clean),
            "truth": str(self.truth),
            "picture": str(self.picture),
            "before": self.before.as_dict(),
            "after": self.after.as_dict(),
            "report": self.report.as_dict(),
            "removal_seconds": round(self.removal_seconds, 3),
        }


def run_demo(folder: Path, on_event: Callable[[Event], None] | None = None) -> DemoResult:
    """Make, remove, score, draw. Files of an earlier demonstration in the folder are replaced.

    Args:
        folder: where the clips and the picture go; made if it is missing.
        on_event: hears a `Notice` for each step and whatever `remove` says.
    """
    tell = on_event or _ignore
    tell(Notice("drawing a mark and burning it onto a moving clip"))
    case = make_case(_scene(), draw_mark("wordmark"), folder, Burning(scale=MARK_SCALE, crf=20))
    tell(Notice(f"removing the mark from {case.marked}, with default settings"))
    clean = folder / "clean.mp4"
    started = time.perf_counter()
    report = api.remove(case.marked, clean, overwrite=True, on_event=on_event)
    removal_seconds = time.perf_counter() - started
    tell(Notice("scoring the result against the truth"))
    before, after = score(case, case.marked), score(case, clean)
    picture = _draw(case, clean, before, after)
    return DemoResult(case.marked, clean, case.truth, picture, before, after, report, removal_seconds)


def _ignore(event: Event) -> None:
    pass


def _scene() -> Scene:
    return Scene("hike", WIDTH_PX, HEIGHT_PX, NUM_FRAMES, seed=8)


def _draw(case: Case, clean: Path, before: Score, after: Score) -> Path:
    """Before above after, each with the place of the mark enlarged."""
    index = case.num_frames // 2
    panels = [
        pictures.captioned(_panel(case, path, index), f"{title}: {_figure(figure)} inside the mark")
        for path, title, figure in ((case.marked, "before", before), (clean, "after", after))
    ]
    return pictures.save_picture(pictures.above(panels), case.folder / "before_after.png")


def _figure(figure: Score) -> str:
    return "nothing" if figure.psnr_inside_db is None else f"{figure.psnr_inside_db:.1f} dB PSNR"


def _panel(case: Case, path: Path, index: int) -> np.ndarray:
    """A frame at one and a half times its size, with the mark's place enlarged in the top-left corner."""
    frame = pictures.frame_picture(path, index)
    box = case.places[0].box.dilated(6, case.width_px, case.height_px)
    whole = pictures.enlarged(pictures.outlined(frame, box), 1.5)
    return pictures.inset(whole, pictures.enlarged(frame[box.slices], 3), (14, 14))
