"""How well marks are found: made films with held-out fonts, icons and pictures, on evidence alone and with the network.

    python -m benchmarks.detection [--films 40] [--seed 1]

Writes benchmarks/DETECTION.md. Needs what training needs (training/README.md): the films are composed by it.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cv2
import numpy as np
from training.detector.films import KINDS, RATE, Film, TruePlace, make_film
from training.sources.fonts import icon_fonts, word_fonts

from benchmarks.detection_cost import NUM_FRAMES, NUM_TURNS, cost_rows, look_line
from benchmarks.table import machine
from blanklogo.detection import LumaSample, detect_marks
from blanklogo.detection.glances import Finder
from blanklogo.pipeline.networks import shipped_detector
from blanklogo.types import Detection, Track

LEAST_FAMILIES = 15  # of fonts, so that films on two machines are of one kind
MORE_ON_TRIPODS = 4  # times as many films: they are the hardest, and soon looked at
SAME_OVERLAP = 0.5
SAME_TIME = 0.5  # of the true time that a track must cover
PAGE = Path(__file__).with_name("DETECTION.md")


@dataclass
class Tally:
    """Counts over the films of one kind."""

    num_places: int = 0
    num_found: int = 0
    num_plain: int = 0
    num_plain_found: int = 0
    num_films: int = 0
    num_clean: int = 0
    num_false: int = 0
    seconds: float = 0.0

    @property
    def recall(self) -> float:
        return self.num_found / max(self.num_places, 1)

    @property
    def plain_recall(self) -> float:
        return self.num_plain_found / max(self.num_plain, 1)

    @property
    def false_share(self) -> float:
        return self.num_false / max(self.num_clean, 1)


def measure(kind: str, num_films: int, seed: int, finders: Sequence[Finder | None]) -> list[Tally]:
    """Marked and clean films of one kind, looked at with each finder."""
    tallies = [Tally() for _ in finders]
    for index in range(num_films):
        for is_marked in (True, False):
            rng = np.random.default_rng([seed, KINDS.index(kind), index, is_marked])
            film = make_film(kind, rng, is_marked=is_marked)
            for tally, finder in zip(tallies, finders, strict=True):
                began = time.process_time()
                found = detect_marks(_samples(film), finder=finder)
                tally.seconds += time.process_time() - began
                _count(tally, film, found)
    return tallies


def _samples(film: Film) -> Iterator[LumaSample]:
    return (LumaSample(float(index / RATE), luma) for index, luma in enumerate(film.lumas))


def _count(tally: Tally, film: Film, found: Detection) -> None:
    tally.num_films += 1
    if not film.places:
        tally.num_clean += 1
        tally.num_false += bool(found.tracks)
        return
    for place in film.places:
        is_found = any(_is_same(track, place) for track in found.tracks)
        tally.num_places += 1
        tally.num_found += is_found
        tally.num_plain += place.is_plain
        tally.num_plain_found += is_found and place.is_plain


def _is_same(track: Track, place: TruePlace) -> bool:
    box = place.box
    common = track.box.intersection(box)
    if common is None or common.area < SAME_OVERLAP * (track.box.area + box.area - common.area):
        return False
    times = np.array([at for part in place.ranges for at in np.arange(part.start_seconds, part.end_seconds, 0.1)])
    return float(np.mean([track.is_present(float(at)) for at in times])) >= SAME_TIME


def _rows(num_films: int, seed: int) -> Iterator[str]:
    yield "| films | recall | of marks in plain sight | clean films with a false mark | CPU s a film |"
    yield "|---|---|---|---|---|"
    finder = shipped_detector().finder
    for kind in KINDS:
        num_of_kind = num_films * MORE_ON_TRIPODS if kind == "tripod" else num_films
        before, after = measure(kind, num_of_kind, seed, (None, finder))
        yield (
            f"| {kind} | {before.recall:.0%} / {after.recall:.0%} of {after.num_places} "
            f"| {before.plain_recall:.0%} / {after.plain_recall:.0%} of {after.num_plain} "
            f"| {before.false_share:.1%} / {after.false_share:.1%} of {after.num_clean} "
            f"| {before.seconds / before.num_films:.2f} / {after.seconds / after.num_films:.2f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--films",
        type=int,
        default=40,
        help="of each kind (of tripods four times as many), with a mark, and as many without",
    )
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    num_families = len({font.family for font in word_fonts() if font.is_held_out})
    if num_families < LEAST_FAMILIES or not icon_fonts():
        found = f"{num_families} families of fonts held out, {len(icon_fonts())} fonts of icons"
        parser.error(f"{found}; its films need the packages that training/README.md names")
    cv2.setNumThreads(1)
    cost = list(cost_rows())
    print("\n".join(cost), flush=True)
    rows = []
    for row in _rows(given.films, given.seed):
        print(row, flush=True)
        rows.append(row)
    made = f"Made by `python -m benchmarks.detection --films {given.films} --seed {given.seed}` on {date.today()}."
    lines = [_TITLE, "", made, machine(), "", _HEAD, "", *rows, "", *_COST, "", *cost, "", look_line(), ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


_TITLE = "# How well marks are found"
_HEAD = (
    "Made films of 10 s (`training/detector/films.py`): fonts, icons and pictures that no network has seen, marks "
    "with opacities of 0.25 to 1 that change the picture by 10 code values or more on average, x264 at crf 18 to 32; "
    "half of all films, marked or not, carry captions, small print or a score board. A place is found when "
    "a track overlaps it by half (intersection over union) and covers half of its time. *In plain sight* is a mark "
    "that changes the picture by as much as the ground itself varies there, or more, and has no lettering under it. "
    "Of two figures the first is that of evidence alone, the second that with the networks."
)
_COST = (
    "## What the networks cost",
    "",
    f"CPU seconds for {NUM_FRAMES} frames at 1280x720, each time in a process of its own, when all is loaded; the "
    f"shortest of {NUM_TURNS} turns.",
)


if __name__ == "__main__":
    main()
