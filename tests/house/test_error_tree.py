"""The tree drawn in errors.py is the tree there is."""

from __future__ import annotations

import inspect
import pickle
import re

import pytest

from blanklogo import errors
from blanklogo.errors import BlankLogoError

BRANCH = re.compile(r"^(?P<indent>[ │]*)[├└]── (?P<name>\w+) .*?(?:exit (?P<exit>\d+))?$")


def drawn_tree() -> dict[str, tuple[str, int | None]]:
    """Name → (parent, exit code where drawn), read from the docstring."""
    parents = {0: "BlankLogoError"}
    found: dict[str, tuple[str, int | None]] = {}
    for line in inspect.getdoc(errors).splitlines():
        if match := BRANCH.match(line.removeprefix("    ")):
            depth = len(match["indent"]) // 4
            found[match["name"]] = (parents[depth], int(match["exit"]) if match["exit"] else None)
            parents[depth + 1] = match["name"]
    return found


def all_errors(kind: type[BlankLogoError] = BlankLogoError) -> list[type[BlankLogoError]]:
    return [kind, *(error for child in kind.__subclasses__() for error in all_errors(child))]


def own_errors() -> list[type[BlankLogoError]]:
    return [kind for kind in all_errors() if kind.__module__ == errors.__name__]


def test_the_drawing_is_the_tree() -> None:
    real = {kind.__name__: kind.__bases__[0].__name__ for kind in own_errors() if kind is not BlankLogoError}
    assert {name: parent for name, (parent, _) in drawn_tree().items()} == real


def test_the_drawn_exit_codes_are_the_real_ones() -> None:
    drawn = {name: code for name, (_, code) in drawn_tree().items() if code is not None}
    assert drawn == {name: getattr(errors, name).exit_code for name in drawn}
    assert sorted(set(drawn.values())) == [1, 2, 130]


@pytest.mark.parametrize("kind", own_errors(), ids=lambda kind: kind.__name__)
def test_a_message_says_what_came_what_is_accepted_and_what_to_try(kind: type[BlankLogoError]) -> None:
    error = kind("box 9,9 is outside", accepted="0 to 8", hint="blanklogo probe")
    assert str(error) == "box 9,9 is outside; accepted: 0 to 8; try: blanklogo probe"
    assert str(kind("it broke")) == "it broke"


@pytest.mark.parametrize("kind", own_errors(), ids=lambda kind: kind.__name__)
def test_an_error_crosses_a_process_border_whole(kind: type[BlankLogoError]) -> None:
    error = pickle.loads(pickle.dumps(kind("came", accepted="a", hint="h")))
    assert type(error) is kind
    assert (error.came, error.accepted, error.hint) == ("came", "a", "h")


def test_no_error_is_made_elsewhere() -> None:
    strays = [f"{kind.__module__}.{kind.__name__}" for kind in all_errors() if kind not in own_errors()]
    assert not [name for name in strays if name.startswith("blanklogo.")]
