"""A user's defaults: where they come from, which wins, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from blanklogo.config import (
    CODECS,
    ENGINES,
    KEYS,
    MODEL_KEYS,
    MODES,
    PLATFORMS,
    Setting,
    config_path,
    load_model_settings,
    load_settings,
    template,
)
from blanklogo.engines.open import ENGINES as open_engine_names
from blanklogo.errors import OptionError
from blanklogo.media.encoding import ENCODERS
from blanklogo.types import Mode, Platform


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_lists_are_those_of_the_library() -> None:
    assert open_engine_names == ENGINES
    assert tuple(Mode) == MODES
    assert tuple(Platform) == PLATFORMS
    assert set(CODECS) == set(ENCODERS)


def test_the_file_is_where_xdg_says_or_in_the_home_folder() -> None:
    assert config_path({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == Path("/x/blanklogo/config.toml")
    assert config_path({"XDG_CONFIG_HOME": "", "HOME": "/h"}) == Path("/h/.config/blanklogo/config.toml")


def test_environment_over_file_over_built_in(own_settings: Path) -> None:
    write(own_settings, '[remove]\nmode = "crop"\nquality = 20\n')
    environ = {"XDG_CONFIG_HOME": str(own_settings.parents[1]), "BLANKLOGO_REMOVE_MODE": "inpaint"}
    settings = load_settings(environ)
    assert settings["mode"] == Setting("inpaint", "BLANKLOGO_REMOVE_MODE")
    assert settings["quality"] == Setting(20.0, str(own_settings))
    assert settings["overwrite"] == Setting(False, "built in")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[remove]\nmod = "auto"', "mode, platform, codec, quality, detector, inpainter, device, engine, overwrite"),
        ('[remove]\nmode = "blur"', "auto, inpaint, crop"),
        ("[remove]\nquality = true", "0 (lossless)"),
        ('[remove]\noverwrite = "yes"', "true, false"),
        ("[detect]\n", "the tables [remove], [models]"),
        ('remove = "auto"', "the tables [remove], [models]"),
        ("[remove", "no TOML"),
    ],
)
def test_a_wrong_file_is_an_error_that_says_what_is_accepted(own_settings: Path, text: str, said: str) -> None:
    write(own_settings, text)
    with pytest.raises(OptionError) as caught:
        load_settings({"XDG_CONFIG_HOME": str(own_settings.parents[1])})
    assert said in str(caught.value)
    assert str(own_settings) in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [("MODUS", "auto"), ("MODE", "blur"), ("QUALITY", "good"), ("OVERWRITE", "perhaps"), ("PLATFORM", "")],
)
def test_a_wrong_variable_is_named(variable: str, value: str) -> None:
    with pytest.raises(OptionError, match=f"BLANKLOGO_REMOVE_{variable}"):
        load_settings({"HOME": "/nowhere", f"BLANKLOGO_REMOVE_{variable}": value})


def test_other_programs_variables_are_left_alone() -> None:
    assert load_settings({"HOME": "/nowhere", "BLANKLOGO_OTHER": "1"})["mode"].value == "auto"


def test_where_weights_are_is_set_in_the_same_way(own_settings: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(own_settings.parents[1]), "BLANKLOGO_MODELS_LIST": ""}
    assert {setting.value for setting in load_model_settings(home).values()} == {None, False}
    write(own_settings, '[models]\nfolder = "/a"\noffline = true\n')
    settings = load_model_settings(home | {"BLANKLOGO_MODELS": "/b"})
    assert settings["folder"] == Setting("/b", "BLANKLOGO_MODELS")
    assert settings["offline"] == Setting(True, str(own_settings))
    assert load_model_settings(home | {"BLANKLOGO_OFFLINE": "no"})["offline"].value is False
    for wrong in ({"BLANKLOGO_OFFLINE": "perhaps"}, {"BLANKLOGO_OFFLINE": "2"}):
        with pytest.raises(OptionError, match="BLANKLOGO_OFFLINE"):
            load_model_settings(home | wrong)
    write(own_settings, "[models]\nplace = 1\n")
    with pytest.raises(OptionError, match="folder, list, offline"):
        load_model_settings(home)
    with pytest.raises(OptionError, match="folder, list, offline"):
        load_settings(home)


def test_the_template_explains_every_key_and_each_example_is_accepted(own_settings: Path) -> None:
    write(own_settings, template().replace("\n#", "\n"))  # takes the # away from every line but the first
    lines = [line for line in own_settings.read_text().splitlines() if " = " in line or line.startswith("[")]
    write(own_settings, "\n".join(lines))
    settings = load_settings({"XDG_CONFIG_HOME": str(own_settings.parents[1])})
    assert {setting.origin for setting in settings.values()} == {str(own_settings)}
    assert settings.keys() == KEYS.keys()
    models = load_model_settings({"XDG_CONFIG_HOME": str(own_settings.parents[1])})
    assert {setting.origin for setting in models.values()} == {str(own_settings)}
    assert models.keys() == MODEL_KEYS.keys()


def test_init_writes_once_and_show_tells_the_origin(blank, own_settings: Path, monkeypatch) -> None:
    assert blank("config", "init").code == 0
    again = blank("config", "init")
    assert again.code == 2
    assert "--overwrite" in again.stderr
    monkeypatch.setenv("BLANKLOGO_REMOVE_CODEC", "hevc")
    shown = blank("config", "show")
    assert "hevc       BLANKLOGO_REMOVE_CODEC" in shown.stdout
    (message,) = blank("config", "show", "--json").messages
    assert message["settings"]["codec"] == {"value": "hevc", "origin": "BLANKLOGO_REMOVE_CODEC"}
    assert message["path"] == str(own_settings)
