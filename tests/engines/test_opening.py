"""An engine by its name."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from blanklogo.engines.open import ENGINES, open_engine
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import OptionError, UnavailableError

DRILL = "blanklogo.engines.drill:Drill"


@pytest.mark.parametrize("name", ["inline", "pool"])
def test_the_engines_of_this_machine_open_by_name(name: str) -> None:
    with open_engine(name, EngineSpec(max_workers=1), DRILL) as engine:
        assert engine.name == name
        assert engine.submit({"do": "work", "seconds": 0}).result(60)["type"] == "result"


def test_another_name_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(OptionError, match="inline, pool, modal, ray"):
        open_engine("moon")


@pytest.mark.parametrize("name", [name for name in ("modal", "ray") if find_spec(f"blanklogo.engines.{name}")])
def test_a_missing_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, f"blanklogo.engines.{name}", raising=False)
    with pytest.raises(UnavailableError, match=rf"blanklogo\[{name}\]"):
        open_engine(name)


def test_no_provider_is_imported_before_it_is_asked_for() -> None:
    code = "import sys, blanklogo.engines.open; print({'modal', 'ray', 'pynvml'} & sys.modules.keys())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "set()\n"
    assert set(ENGINES) == {"inline", "pool", "modal", "ray"}
