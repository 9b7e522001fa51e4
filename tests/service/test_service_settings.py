"""What an operator may say, and what is refused before anything is opened."""

from __future__ import annotations

import pytest

from blanklogo.cli.app import run
from blanklogo.cli.stop import Stop
from blanklogo.errors import OptionError
from blanklogo.service.settings import read_settings

TRYING = "BLANKLOGO_SERVICE_INLINE_FOR_TRYING"


@pytest.mark.parametrize("engine", ["inline", "pool,inline", "modal, inline"])
def test_strangers_videos_are_not_opened_in_the_services_own_process(
    engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TRYING, raising=False)
    with pytest.raises(OptionError, match=rf"SERVICE_ENGINE: .*own process.*{TRYING}=true"):
        read_settings(engine=engine)
    monkeypatch.setenv("BLANKLOGO_SERVICE_ENGINE", engine)
    with pytest.raises(OptionError):
        read_settings()
    monkeypatch.setenv(TRYING, "true")
    assert read_settings().engine == engine


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_the_commands_say_so(
    command: str, tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path_factory.mktemp("data")
    assert run([command, "--engine", "inline", "--data", str(data)], Stop()) == 2
    assert TRYING in capsys.readouterr().err
    assert list(data.iterdir()) == []
