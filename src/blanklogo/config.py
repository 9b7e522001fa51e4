"""A user's defaults for `remove`, and where weights are: from a TOML file and from the environment, with their origin.

Strongest first: an option on the command line, an environment variable (`BLANKLOGO_REMOVE_<KEY>`, and those of
`MODEL_VARIABLES`), the key in the table `[remove]` or `[models]` of the file, the built-in default. The file is
`$XDG_CONFIG_HOME/blanklogo/config.toml`, or `~/.config/blanklogo/config.toml` where that variable is not set.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from blanklogo.errors import OptionError, TargetError, WriteError
from blanklogo.home import home_folder

ENV_PREFIX = "BLANKLOGO_REMOVE_"
BUILT_IN = "built in"


@dataclass(frozen=True)
class Key:
    """One thing that can be set.

    Attributes:
        default: what holds when nobody says anything; None is "as the source" or "none".
        kind: the type its value must have.
        accepted: what is accepted, for messages, for help and for the template.
        example: a value for the template, as TOML.
        choices: all that is accepted; empty where that is no list.
        is_several: whether a value may be several of the choices, with commas between.
    """

    default: Any
    kind: type
    accepted: str
    example: str
    choices: tuple[str, ...] = ()
    is_several: bool = False


# Spelled out here, and held equal to what the library takes by a test: asking it would load NumPy for `--help`.
MODES = ("auto", "inpaint", "crop")
PLATFORMS = ("sora", "tiktok", "runway", "pika", "kling", "luma", "midjourney", "instagram", "facebook", "custom")

ENGINES = ("inline", "pool", "modal", "ray")
DEVICES = ("auto", "cpu", "cuda")
CODECS = ("h264", "hevc", "av1", "vp9", "ffv1")

KEYS: Mapping[str, Key] = {
    "mode": Key("auto", str, ", ".join(MODES), '"auto"', MODES),
    "platform": Key(None, str, ", ".join(PLATFORMS), '"tiktok"', PLATFORMS),
    "codec": Key(None, str, f"{', '.join(CODECS)}; unset: as the source", '"h264"', CODECS),
    "quality": Key(None, float, "0 (lossless) to 51 (worst); unset: visually lossless", "16"),
    "detector": Key("auto", str, "auto, none, or a name or file of `models list`", '"none"'),
    "inpainter": Key("auto", str, "auto, none, or a name or file of `models list`", '"none"'),
    "device": Key("auto", str, ", ".join(DEVICES), '"cpu"', DEVICES),
    "engine": Key("inline", str, f"{', '.join(ENGINES)}; or several, A,B: in this order", '"pool"', ENGINES, True),
    "overwrite": Key(False, bool, "true, false", "false"),
}

MODEL_KEYS: Mapping[str, Key] = {
    "folder": Key(None, str, "where pulled weights lie; unset: the platform's cache folder", '"/data/models"'),
    "list": Key(None, str, "your own list of weights; unset: models.toml in that folder", '"/data/models.toml"'),
    "offline": Key(False, bool, "true (`models pull` fetches nothing), false", "true"),
}
MODEL_VARIABLES = {"folder": "BLANKLOGO_MODELS", "list": "BLANKLOGO_MODELS_LIST", "offline": "BLANKLOGO_OFFLINE"}

_TABLES = {"remove": KEYS, "models": MODEL_KEYS}
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


@dataclass(frozen=True)
class Setting:
    """A value that holds, and who said so: "built in", a file's path, or an environment variable's name."""

    value: Any
    origin: str


def config_path(environ: Mapping[str, str]) -> Path:
    """Where the file is, or would be."""
    home = environ.get("XDG_CONFIG_HOME") or home_folder(environ) / ".config"
    return Path(home, "blanklogo", "config.toml")


def load_settings(environ: Mapping[str, str]) -> dict[str, Setting]:
    """What holds for each key of `KEYS`, the environment over the file over the built-in defaults.

    Raises:
        OptionError: the file is no TOML, a key is unknown, or a value is of the wrong kind.
    """
    settings = {name: Setting(key.default, BUILT_IN) for name, key in KEYS.items()}
    path = config_path(environ)
    for name, value in _file_values(path, "remove").items():
        settings[name] = Setting(checked(name, value, str(path)), str(path))
    for variable in sorted(environ):
        if variable.startswith(ENV_PREFIX):
            name = variable.removeprefix(ENV_PREFIX).lower()
            _check_known(name, variable, KEYS)
            settings[name] = Setting(from_text(name, environ[variable], variable), variable)
    return settings


def load_model_settings(environ: Mapping[str, str]) -> dict[str, Setting]:
    """What holds for each key of `MODEL_KEYS`; an empty variable counts as none. Raises as `load_settings`."""
    settings = {name: Setting(key.default, BUILT_IN) for name, key in MODEL_KEYS.items()}
    path = config_path(environ)
    for name, value in _file_values(path, "models").items():
        settings[name] = Setting(checked(name, value, str(path), MODEL_KEYS), str(path))
    for name, variable in MODEL_VARIABLES.items():
        if text := environ.get(variable):
            settings[name] = Setting(from_text(name, text, variable, MODEL_KEYS), variable)
    return settings


def from_text(name: str, text: str, where: str, keys: Mapping[str, Key] = KEYS) -> Any:
    """The value that a text stands for, if it fits its key.

    Raises:
        OptionError: it does not; the message names `where` it came from.
    """
    key = keys[name]
    if key.kind is bool:
        if text.lower() not in _TRUTH:
            raise OptionError(f"{where} {text!r}", accepted=", ".join(_TRUTH))
        return _TRUTH[text.lower()]
    try:
        return checked(name, key.kind(text), where, keys)
    except OptionError:
        raise
    except ValueError:
        raise OptionError(f"{where} {text!r}", accepted=key.accepted) from None


def write_template(path: Path, *, overwrite: bool = False) -> None:
    """Writes a file in which every key is explained and commented out.

    Raises:
        TargetError: the file exists and `overwrite` is not given.
        WriteError: it cannot be written.
    """
    if path.exists() and not overwrite:
        raise TargetError(f"{path} exists", accepted="a place where nothing is", hint="--overwrite to start it anew")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(template(), encoding="utf-8")
    except OSError as error:
        raise WriteError(f"{path} could not be written: {error.strerror}") from error


def template() -> str:
    """The text of a new file."""
    lines = ["# Defaults for `blanklogo`. Take away a `#` to set one; an option on the command line wins."]
    for table, keys in _TABLES.items():
        lines += ["", f"[{table}]"]
        for name, key in keys.items():
            lines += [f"# {key.accepted}", f"#{name} = {key.example}"]
    return "\n".join(lines) + "\n"


def _file_values(path: Path, table: str) -> dict[str, Any]:
    """What one table of the file says, once the whole file was found to be in order."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise OptionError(f"{path} is no TOML: {error}", hint="blanklogo config init --overwrite") from error
    for name, values in content.items():
        if name not in _TABLES or not isinstance(values, dict):
            raise OptionError(f"{path} holds {name}", accepted=f"the tables {', '.join(f'[{one}]' for one in _TABLES)}")
        for key in values:
            _check_known(key, f"{path} [{name}]", _TABLES[name])
    return content.get(table, {})


def _check_known(name: str, where: str, keys: Mapping[str, Key]) -> None:
    if name not in keys:
        raise OptionError(f"{where}: no setting is called {name!r}", accepted=", ".join(keys))


def checked(name: str, value: Any, where: str, keys: Mapping[str, Key] = KEYS) -> Any:
    """The value, if it fits its key.

    Raises:
        OptionError: it does not; the message names `where` it came from.
    """
    key = keys[name]
    if key.kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, key.kind) or (key.choices and not _is_chosen(key, value)):
        raise OptionError(f"{where}: {name} {value!r}", accepted=key.accepted)
    return value


def _is_chosen(key: Key, value: Any) -> bool:
    parts = str(value).split(",") if key.is_several else [value]
    return all(str(part).strip() in key.choices for part in parts)
