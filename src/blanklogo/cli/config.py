"""`blanklogo config`: a user's defaults for `remove`, and where weights are."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output
from blanklogo.config import (
    BUILT_IN,
    ENV_PREFIX,
    Setting,
    config_path,
    load_model_settings,
    load_settings,
    write_template,
)

config = typer.Typer(
    name="config",
    help="Your defaults for `remove`: show them, or start the file that holds them.",
    rich_markup_mode=None,
)


@config.command(epilog=f"Strongest first: the option, the variable {ENV_PREFIX}<KEY>, the file, what is built in.")
def show(context: typer.Context, is_json: options.Json = False) -> int:
    """Print each default, and who said so."""
    path, settings, models = config_path(os.environ), load_settings(os.environ), load_model_settings(os.environ)
    fields = {
        "path": str(path),
        "exists": path.exists(),
        "settings": {name: {"value": setting.value, "origin": setting.origin} for name, setting in settings.items()},
        "models": {name: {"value": setting.value, "origin": setting.origin} for name, setting in models.items()},
    }
    words = [f"{path}{'' if path.exists() else ' (not there; `blanklogo config init` starts it)'}"]
    words += [f"  {name:<10} {_shown(setting)}" for name, setting in settings.items()]
    words += ["weights:", *(f"  {name:<10} {_shown(setting)}" for name, setting in models.items())]
    Output(context.obj, is_json=is_json).result(fields, words, is_data=True)
    return 0


@config.command()
def init(
    context: typer.Context,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Start the file anew if it is there.")] = False,
) -> int:
    """Write a file in which every default is explained and commented out."""
    path = config_path(os.environ)
    write_template(path, overwrite=overwrite)
    Output(context.obj).result({}, [f"wrote {path}"])
    return 0


def _shown(setting: Setting) -> str:
    value = {None: "-", True: "true", False: "false"}.get(setting.value, setting.value)
    return f"{value!s:<10}" if setting.origin == BUILT_IN else f"{value!s:<10} {setting.origin}"
