"""The commands put together, and the one place where errors become exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from blanklogo.cli import (
    config,
    demo,
    detect,
    estimate,
    health,
    jobs,
    matte,
    modal,
    models,
    preview,
    probe,
    remove,
    serve,
    token,
    worker,
)
from blanklogo.cli.output import print_error, unexpected, write_line
from blanklogo.cli.stop import INTERRUPTED, Stop
from blanklogo.errors import BlankLogoError, CancelledError, OptionError, ProcessingError, WriteError

UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # Typer shows the class only through its child

app = typer.Typer(
    name="blanklogo",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for module, short_help in (
    (remove, "Take the mark out of a video."),
    (detect, "Say where a mark is, and when."),
    (matte, "Learn the mark's own picture from a video."),
    (preview, "Draw one frame before and after."),
    (probe, "Say what a video file holds."),
    (estimate, "Say what a removal will take: seconds, and dollars by provider."),
    (serve, "Serve removals over HTTP."),
    (worker, "Do the service's jobs in a process of their own."),
    (health, "Say whether a service answers."),
    (demo, "Make a clip with a mark, remove the mark, score the result."),
):
    command = getattr(module, module.__name__.rpartition(".")[2])
    app.command(short_help=short_help, epilog=module.EPILOG)(command)
app.add_typer(models.models, short_help="List, pull and verify the networks' weights.")
app.add_typer(config.config, short_help="Show or start your defaults for `remove`.")
app.add_typer(jobs.jobs, short_help="Removals at a service: submit, follow, fetch, cancel, retry.")
app.add_typer(token.token, short_help="Make, rotate, list and revoke the service's tokens.")
app.add_typer(modal.modal, short_help="Run removals on Modal: deploy, rehearse, look after.")


def _print_version(asked: bool) -> None:
    if asked:
        from blanklogo import __version__

        print(f"blanklogo {__version__}")
        raise typer.Exit


@app.callback(epilog="Start with `blanklogo remove clip.mp4`; each command has its own --help with examples.")
def blanklogo(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """Take a burned-in mark (a logo, a platform's tag, a time stamp) out of a video and leave the rest as it was.

    For people who own the video or hold the rights to it.
    """


def run(arguments: Sequence[str], stop: Stop) -> int:
    """One command line, run; the exit code."""
    is_json = "--json" in arguments
    try:
        code = app(list(arguments) or ["--help"], prog_name="blanklogo", obj=stop, standalone_mode=False) or 0
        sys.stdout.flush()
        return _interrupted(stop) if code == INTERRUPTED else code  # Typer makes that code of a KeyboardInterrupt
    except CancelledError as error:
        return _interrupted(stop, error.hint)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted(stop)
    except BrokenPipeError:
        return 1
    except UsageError as error:
        return _failed(_as_option_error(error), is_json, stop)
    except BlankLogoError as error:
        return _failed(error, is_json, stop)
    except MemoryError:
        return _failed(ProcessingError("out of memory", hint="a machine with more memory"), is_json, stop)
    except Exception as error:
        return _failed(unexpected(error), is_json, stop)


def _failed(error: BlankLogoError, is_json: bool, stop: Stop) -> int:
    if is_json:
        with suppress(WriteError):  # the error that is told already says why nothing came of it
            write_line({"type": "error", **error.as_dict()}, stop)
    print_error(error)
    return error.exit_code


def _interrupted(stop: Stop, kept: str | None = None) -> int:
    if stop.exit_code != 1:  # 1: nobody is reading any more
        print(f"stopped; {kept or 'nothing was kept'}", file=sys.stderr)
    return stop.exit_code


def _as_option_error(error: Exception) -> OptionError:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "blanklogo"
    said = error.format_message() if hasattr(error, "format_message") else str(error)  # type: ignore[attr-defined]
    return OptionError(said.rstrip("."), hint=f"{path} --help")
