"""A job's states and steps."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blanklogo.errors import OptionError
from blanklogo.service.jobs.states import ANALYZING, BEFORE, REMOVING, STEPS, UPLOADING, State, step_of
from blanklogo.types import Progress


def test_the_steps_are_those_of_the_contract() -> None:
    assert [(step.percent, step.words) for step in STEPS[1:]] == [
        (5, "Starting"),
        (10, "Downloading video"),
        (30, "Analyzing video"),
        (40, "Removing watermark"),
        (70, "Uploading result"),
        (90, "Finalizing"),
        (100, "Complete"),
    ]


def test_a_job_that_is_over_only_goes_on_by_a_retry_and_a_completed_one_never() -> None:
    leaving = {start: {end for end, starts in BEFORE.items() if start in starts} for start in State}
    assert leaving[State.COMPLETED] == set()
    assert leaving[State.FAILED] == leaving[State.CANCELLED] == {State.QUEUED}
    assert {state for state in State if state.is_over} == {State.COMPLETED, State.FAILED, State.CANCELLED}


@pytest.mark.parametrize(
    ("event", "percent", "words"),
    [
        (Progress("look", 0, 0), 30, ANALYZING.words),
        (Progress("look", 50, 100), 33, ANALYZING.words),
        (Progress("learn", 0, 10), 36, ANALYZING.words),
        (Progress("restore", 0, 100), 40, REMOVING.words),
        (Progress("restore", 100, 100), 70, REMOVING.words),
        (Progress("verify", 100, 100), 86, UPLOADING.words),
        (Progress("something newer", 9, 10), 40, REMOVING.words),
    ],
)
def test_what_an_engine_says_in_percent(event: Progress, percent: int, words: str) -> None:
    assert (step_of(event).percent, step_of(event).words) == (percent, words)


@settings(deadline=None)
@given(st.lists(st.integers(0, 120), min_size=2, max_size=9))
def test_percent_does_not_fall_while_stages_go_on(done: list[int]) -> None:
    events = [Progress(stage, n, 100) for stage in ("look", "learn", "restore", "verify") for n in sorted(done)]
    percents = [step_of(event).percent for event in events]
    assert percents == sorted(percents)
    assert max(percents) < 90


def test_a_status_of_another_name_is_refused_with_those_there_are() -> None:
    with pytest.raises(OptionError, match="queued, processing, completed, failed, cancelled"):
        State("done")
