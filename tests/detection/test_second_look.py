"""Marks of evidence after a network's look."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.detection.marked_scenes import burn, lettering, panning, samples
from tests.detection.scripted_finder import ScriptedFinder

from blanklogo.detection import detect_marks
from blanklogo.detection.candidates import Candidate
from blanklogo.detection.evidence import UNSEEN
from blanklogo.detection.glances import Glance, Scored
from blanklogo.detection.places import Place
from blanklogo.detection.record import Picture, Record, Window
from blanklogo.detection.second_look import Looked, second_look
from blanklogo.types import Box, TimeRange

NUM_GLANCES = 8
NUM_WINDOWS = 20
BOX = Box(40, 30, 120, 60)
OFF = Box(10, 100, 90, 130)
NO_FIELD = np.zeros((2, 270, 480), np.int8)
RECORD = Record(
    tuple(Window(NO_FIELD, index / 4, 0) for index in range(NUM_WINDOWS)),
    tuple(Picture(index / 4, np.zeros(0, np.uint8)) for index in range(20)),
    (270, 480),
    (TimeRange(),),
)


def place(box: Box = BOX, isolation: float = 0.8, share: float = 1.0) -> Place:
    template = np.ones((2, box.height, box.width), np.float32)
    on = np.arange(20) < 20 * share
    return Place(Candidate(box, template, 0.9, isolation, np.ones(10, np.float32)), on, 1.0)


def passed_before(*hidden: Box) -> Record:
    """One in which each of these was hidden in turn, for a window, where otherwise there are lines all over."""
    fields = [np.full((2, 270, 480), 100, np.int8) for _ in range(NUM_WINDOWS)]
    for field, box in zip(fields[2:], hidden, strict=False):
        field[:, box.y0 : box.y1, box.x0 : box.x1] = 0
    return replace(RECORD, windows=tuple(Window(field, index / 4, 0) for index, field in enumerate(fields)))


def looked(group: list[Place], *found: Scored, num_seen: int = NUM_GLANCES, record: Record = RECORD) -> Looked:
    """What the first so many windows show."""
    glances = [
        Glance(TimeRange(index, index + 1), (index, index + 1), 0, found if index < num_seen else ())
        for index in range(NUM_GLANCES)
    ]
    return second_look(record, [group], glances)


def scored(box: Box, score: float = 0.8, *, is_lettering: bool = False) -> Scored:
    return Scored((box.x0, box.y0, box.x1, box.y1), score, is_lettering)


def test_what_nobody_else_sees_is_no_mark() -> None:
    for found in ((), (scored(OFF),)):
        assert looked([place()], *found) == Looked([], has_lettering=False, has_unseen=True)


def test_what_stands_alone_is_a_mark_whatever_is_seen() -> None:
    (kept,) = looked([place(isolation=1.0)], scored(OFF)).kept
    assert kept[0].box == BOX


def test_what_something_passes_in_front_of_does_not_stand_alone() -> None:
    parts = [Box(40 + 20 * index, 30, 60 + 20 * index, 60) for index in range(4)]
    assert not looked([place(isolation=1.0)], scored(OFF), record=passed_before(*parts)).kept
    assert looked([place(isolation=1.0)], scored(OFF), record=passed_before(*parts[:2])).kept, "too short to tell"
    assert looked([place(isolation=1.0)], scored(OFF), record=passed_before(*[BOX] * 4)).kept, "it went as a whole"


def test_what_fills_a_good_part_of_the_frame_does_not_stand_alone() -> None:
    assert not looked([place(Box(40, 30, 240, 90), isolation=1.0)], scored(OFF)).kept


@pytest.mark.parametrize(("score", "num_seen", "is_kept"), [(0.8, 1, True), (0.25, 8, True), (0.25, 2, False)])
def test_little_is_enough(score: float, num_seen: int, is_kept: bool) -> None:
    assert bool(looked([place()], scored(BOX, score), num_seen=num_seen).kept) == is_kept


def test_what_is_there_for_a_time_is_seen_for_a_time() -> None:
    assert looked([place(share=0.25)], scored(BOX, 0.3), num_seen=1).kept
    assert not looked([place(share=1.0)], scored(BOX, 0.3), num_seen=1).kept


def test_a_hopping_mark_is_seen_at_any_of_its_places() -> None:
    (kept,) = looked([place(), place(OFF)], scored(OFF)).kept
    assert len(kept) == 2


def test_a_place_that_runs_from_a_mark_over_a_caption_gives_way_to_the_mark() -> None:
    wide = place(Box(40, 30, 140, 80), isolation=1.0)
    caption = scored(Box(60, 65, 300, 80), is_lettering=True)
    assert looked([wide], scored(BOX, 0.4), caption) == Looked([], has_lettering=True, has_unseen=False)
    assert looked([wide], scored(BOX, 0.4)).kept, "no caption is there"
    assert looked([wide], scored(BOX, 0.25), caption).kept, "the mark is not sure"


def test_without_windows_nothing_is_said() -> None:
    assert second_look(RECORD, [[place()]], []).kept


def test_only_a_network_that_knows_all_kinds_of_marks_overrules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blanklogo.detection.second_look.ALONE", 2.0)
    frames, mark = panning(60), lettering("DEMO")
    burn(frames, mark, 30, 20, 0.8)
    blind = ScriptedFinder(lambda index: [])
    overruled = detect_marks(samples(frames), finder=blind)
    assert (overruled.tracks, overruled.abstained) == ((), UNSEEN)
    blind.is_general = False
    assert len(detect_marks(samples(frames), finder=blind).tracks) == 1
