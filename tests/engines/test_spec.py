"""A worker's means and limits: what no engine could hold is refused at once."""

from __future__ import annotations

from typing import Any

import pytest

from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import OptionError


@pytest.mark.parametrize(
    ("wrong", "accepted"),
    [
        ({"max_calls": 0}, "more than 0"),
        ({"max_calls": float("inf")}, "a whole number"),
        ({"max_workers": 1.5}, "a whole number"),
        ({"grace_seconds": -1}, "0 or more"),
        ({"min_workers": 3, "max_workers": 2}, "at most max_workers"),
    ],
)
def test_what_nothing_could_hold_is_refused(wrong: dict[str, Any], accepted: str) -> None:
    with pytest.raises(OptionError, match=accepted):
        EngineSpec(**wrong)


def test_the_environment_says_it_too() -> None:
    assert EngineSpec.from_environment({"BLANKLOGO_MAX_CALLS": "20"}).max_calls == 20
    with pytest.raises(OptionError, match="BLANKLOGO_MAX_CALLS=often"):
        EngineSpec.from_environment({"BLANKLOGO_MAX_CALLS": "often"})
