"""The command, run in this process against a stand-in for the library."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cli_samples import a_matte, a_report

import blanklogo
from blanklogo.cli.app import run
from blanklogo.cli.stop import Stop
from blanklogo.types import Box, Detection, Progress, Report, TimeRange, Track


@dataclass(frozen=True)
class Outcome:
    """What a run said, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


@dataclass
class FakeApi:
    """Answers as the library would, and remembers how it was asked."""

    report: Report
    detection: Detection
    events: list[Any] = field(default_factory=lambda: [Progress("look", 1, 2), Progress("look", 2, 2)])
    failure: BaseException | None = None
    calls: list[tuple[str, tuple, dict]] = field(default_factory=list)

    def answers(self, name: str, value: Any) -> None:
        """From now on, `name` gives this value."""
        setattr(sys.modules["blanklogo.api"], name, self._answer(name, value))

    def _answer(self, name: str, value: Any) -> Callable[..., Any]:
        def call(*places: Any, on_event: Any = None, cancelled: Any = None, **how: Any) -> Any:
            self.calls.append((name, places, how))
            for event in self.events:
                on_event(event)
            if self.failure:
                raise self.failure
            return value

        return call

    def module(self) -> ModuleType:
        module = ModuleType("blanklogo.api")
        module.remove = self._answer("remove", self.report)
        module.detect = self._answer("detect", self.detection)
        module.preview = self._answer("preview", Path("look.png"))
        module.estimate_matte = self._answer("estimate_matte", a_matte())
        module.save_matte = lambda matte, path: self.calls.append(("save_matte", (path,), {}))
        return module


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    found = Detection((Track(Box(24, 18, 204, 82), (TimeRange(0, 65.5),), 0.97),), (TimeRange(0, 65.5),))
    fake = FakeApi(a_report(), found)
    module = fake.module()
    monkeypatch.setitem(sys.modules, "blanklogo.api", module)
    monkeypatch.setattr(blanklogo, "api", module, raising=False)
    return fake


@pytest.fixture
def stop() -> Stop:
    return Stop()


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the settings of whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for key in ("MODE", "PLATFORM", "CODEC", "QUALITY", "ENGINE", "OVERWRITE"):
        monkeypatch.delenv(f"BLANKLOGO_REMOVE_{key}", raising=False)
    return tmp_path / "config" / "blanklogo" / "config.toml"


@pytest.fixture
def blank(capsys: pytest.CaptureFixture[str], stop: Stop) -> Callable[..., Outcome]:
    """Runs one command line."""

    def call(*arguments: str | Path) -> Outcome:
        code = run([str(argument) for argument in arguments], stop)
        said = capsys.readouterr()
        return Outcome(code, said.out, said.err)

    return call
