"""The client of a BlankLogo service, for Python. It needs no extra, and neither the service nor an engine.

::

    clients      Client, AsyncClient, Endpoint, AsyncEndpoint: what users hold
    core         every call, as a flow
    asking       a request that is tried again while that may help
    submitting, uploading, downloading, waiting, processing     the longer flows
    effects      what a flow asks of whoever runs it
    drivers      who runs flows: one that waits, one that is awaited
    access       where a service is, and who asks
    answers, results    what it says: errors of the tree, frozen values
    webhooks     for those who are told of a job's end: whether it was the service that told them

A flow neither knows sockets nor whether anybody awaits it, so that all of this is written once for both.

Each name is loaded when it is first asked for: whoever only reads webhooks (`client.webhooks`) needs no HTTP library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from blanklogo.client.clients import AsyncClient, AsyncEndpoint, Client, Endpoint, process_video
    from blanklogo.client.results import (
        Batch,
        EstimateLine,
        Health,
        Job,
        JobPage,
        PlatformInfo,
        Processed,
        Readiness,
        Result,
    )

__all__ = [
    "AsyncClient",
    "AsyncEndpoint",
    "Batch",
    "Client",
    "Endpoint",
    "EstimateLine",
    "Health",
    "Job",
    "JobPage",
    "PlatformInfo",
    "Processed",
    "Readiness",
    "Result",
    "process_video",
]

_CLIENTS = ("AsyncClient", "AsyncEndpoint", "Client", "Endpoint", "process_video")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{'clients' if name in _CLIENTS else 'results'}"), name)
    globals()[name] = value
    return value
