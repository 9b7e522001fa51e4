"""`blanklogo modal`: deploy to Modal, rehearse a deployment without it, and look after one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output, print_lines
from blanklogo.cli.stages import stage_view
from blanklogo.errors import UnavailableError

modal = typer.Typer(name="modal", help="Run removals on Modal: deploy, rehearse, look after.", rich_markup_mode=None)

File = Annotated[
    Path | None,
    typer.Argument(metavar="[FILE]", help="The app to deploy; default: deploy/modal_app.py.", show_default=False),
]


@modal.command(
    epilog="A worker's means come from variables such as BLANKLOGO_GPU=L4,A10; see docs/modal.md.",
)
def deploy(
    context: typer.Context,
    file: File = None,
    is_check: Annotated[bool, typer.Option("--check", help="Only look; deploy nothing.")] = False,
    is_json: options.Json = False,
) -> int:
    """Look at what a deployment needs, sends and costs, then run `modal deploy`."""
    from blanklogo.engines.modal.checks import check_deployment, find_deploy_file

    found = find_deploy_file(file)
    checks = check_deployment(found, os.environ)
    words = [f"{'ok  ' if check.is_good else 'NOTE'} {check.name:<12} {check.finding}" for check in checks]
    if not is_json:
        print_lines(words, is_data=False)
    if not is_check:
        _run_modal("deploy", str(found), is_quiet=is_json)
    fields = {"is_deployed": not is_check, "checks": [check.as_dict() for check in checks]}
    Output(context.obj, is_json=is_json).result(fields, [])
    return 0


@modal.command()
def rehearse(context: typer.Context, file: File = None, is_json: options.Json = False) -> int:
    """Deploy, call, scale down and break an app on this machine, with Modal's own client and containers.

    No account is needed. What it cannot show: image builds, GPUs, snapshots.
    """
    from blanklogo.engines.modal.border import need_modal
    from blanklogo.engines.modal.checks import find_deploy_file

    need_modal()
    from blanklogo.rehearsal.stages import rehearse as play

    with stage_view(context.obj, is_json=is_json) as tell:
        stages = play(find_deploy_file(file), tell)
    total_seconds = sum(stage.seconds or 0 for stage in stages)
    fields = {"seconds": round(total_seconds, 3), "stages": [stage.as_dict() for stage in stages]}
    Output(context.obj, is_json=is_json).result(fields, [f"rehearsed in {total_seconds:.1f} s"])
    return 0


@modal.command()
def status(context: typer.Context, is_json: options.Json = False) -> int:
    """Say what is deployed, where it is called, and what runs now."""
    from blanklogo.engines.modal.look import look_at_deployment

    seen = look_at_deployment()
    words = [
        f"{seen.app_name}: {seen.web_url}",
        f"  worker: {' or '.join(seen.gpus) or 'no GPU'}, {seen.memory_mib} MiB, {seen.timeout_seconds} s a call",
        f"  now: {seen.num_workers} workers, {seen.num_running} calls, {seen.num_waiting} waiting; "
        f"{seen.num_web_containers} on the web side",
    ]
    Output(context.obj, is_json=is_json).result(seen.as_dict(), words, is_data=True)
    return 0


@modal.command(epilog="For more (since, search, one worker): modal app logs --help.")
def logs(
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until stopped.")] = False,
) -> int:
    """Print what the deployment's workers and its web side wrote."""
    from blanklogo.engines.modal.border import need_modal
    from blanklogo.engines.modal.means import APP_NAME

    need_modal()
    _run_modal("app", "logs", APP_NAME, *(["--follow"] if follow else []))
    return 0


@modal.command()
def token(identifier: Annotated[str, typer.Argument(metavar="ID", help="Whose it is.", show_default=False)]) -> int:
    """Make a token for the web side: its entry for BLANKLOGO_TOKENS on stdout, the token itself once on stderr."""
    from blanklogo.engines.bearer import new_token

    shown, entry = new_token(identifier)
    print_lines([entry], is_data=True)
    print_lines([f"for the caller, and not shown again: Authorization: Bearer {shown}"], is_data=False)
    return 0


def _run_modal(*arguments: str, is_quiet: bool = False) -> None:
    """Modal's own command; what it prints goes to stderr, or nowhere."""
    command = [sys.executable, "-m", "modal", *arguments]
    done = subprocess.run(command, stdout=subprocess.DEVNULL if is_quiet else None, check=False)
    if done.returncode != 0:
        raise UnavailableError(
            f"modal {' '.join(arguments)} failed (exit {done.returncode})", hint="see the lines above"
        )
