"""Presence, its ranges, likeness of templates, and platform priors."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from marked_scenes import lettering

from blanklogo.detection.matching import likeness
from blanklogo.detection.places import exclusive
from blanklogo.detection.presence import is_on, ranges
from blanklogo.detection.priors import BONUS, USUAL_PLACES, bonus
from blanklogo.detection.samples import gradient_field
from blanklogo.types import Box, Platform, TimeRange


@given(st.lists(st.booleans(), min_size=2, max_size=40))
def test_ranges_say_the_same_as_presence(on):
    seconds = np.arange(len(on)) / 5
    found = ranges(np.array(on), seconds, TimeRange())
    assert [any(second in part for part in found) for second in seconds] == on


def test_ranges_end_with_the_asked_part():
    assert ranges(np.array([True, True]), np.array([3.0, 3.2]), TimeRange(2.5, 4)) == (TimeRange(2.5, 4),)
    assert ranges(np.array([False, True]), np.array([0.0, 0.2]), TimeRange()) == (TimeRange(0.1, math.inf),)


def test_lone_pictures_do_not_count():
    response = np.full(20, 0.9, np.float32)
    salience = np.full(20, 0.5, np.float32)
    response[7] = 0
    assert is_on(response, salience, 0.9).all()
    assert not is_on(0.9 - response, salience, 0.9).any()


def test_weak_answer_counts_only_when_it_is_clear():
    response = np.full(10, 0.3, np.float32)
    assert is_on(response, np.full(10, 0.2, np.float32), 0.9).all()
    assert not is_on(response, np.full(10, 0.05, np.float32), 0.9).any()


def template(text: str, margin: int = 4) -> np.ndarray:
    return gradient_field(np.pad(lettering(text) * 150, margin).astype(np.float32))


def test_likeness_finds_the_shift():
    like, x, y = likeness(template("Mark 42", 9), template("Mark 42", 4))
    assert like > 0.95
    assert (x, y) == (5, 5)


def test_other_words_are_not_alike():
    assert likeness(template("Mark 42"), template("Zoology"))[0] < 0.45


def test_exclusive_allows_a_slip():
    first = np.arange(20) < 10
    assert exclusive(first, ~first)
    assert exclusive(first, np.arange(20) >= 9)
    assert not exclusive(first, np.arange(20) >= 5)


def test_priors_weigh_little_and_only_usual_places():
    corner, middle = Box(560, 320, 630, 350), Box(300, 170, 340, 190)
    assert bonus(Platform.RUNWAY, corner, (360, 640)) == BONUS
    assert bonus(Platform.RUNWAY, middle, (360, 640)) == 0
    assert bonus(None, corner, (360, 640)) == 0
    assert set(USUAL_PLACES) == set(Platform)
