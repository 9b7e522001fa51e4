"""`blanklogo health`: whether a service answers, and whether its parts do their work."""

from __future__ import annotations

import typer

from blanklogo.cli import options
from blanklogo.cli.job_options import Url
from blanklogo.cli.output import Output

EPILOG = """\b
Examples:
  blanklogo health --url http://127.0.0.1:8000
  BLANKLOGO_URL=https://blanklogo.example blanklogo health --json

It needs no token. A worker may have to load first, which takes seconds. Exit codes: 0 all is well, 1 a part of it is
not or the service does not answer, 2 asked for wrongly."""


def health(
    context: typer.Context,
    url: Url = None,
    is_json: options.Json = False,
) -> int:
    """Say whether a service answers, and whether its database, storage and engine do their work."""
    from blanklogo.client import Client

    with Client(url) as client:
        healthy, readiness = client.health(), client.readiness()
        where = client.url
    fields = {
        "url": where,
        "status": healthy.status,
        "version": healthy.version,
        "parts": dict(readiness.parts),
        "num_orchestrators": readiness.num_orchestrators,
    }
    words = [f"{where}: {healthy.status}, version {healthy.version}"]
    words += [f"  {name}: {said}" for name, said in readiness.parts.items()]
    words += [f"  processes that do jobs: {readiness.num_orchestrators}"]
    Output(context.obj, is_json=is_json).result(fields, words, is_data=True)
    return 0 if readiness.is_ready else 1
