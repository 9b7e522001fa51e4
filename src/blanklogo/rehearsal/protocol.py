"""From plain methods to a gRPC servicer of Modal's protocol, in the one version that is known."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import grpclib.server
import modal
from grpclib import GRPCError, Status
from grpclib.events import RecvRequest, listen
from modal_proto import api_grpc

from blanklogo.engines.modal.means import PINNED_VERSION
from blanklogo.errors import UnavailableError

Handler = Callable[[Any], Awaitable[Any]] | Callable[[Any], AsyncIterator[Any]]

_log = logging.getLogger(__name__)


def check_version() -> None:
    """Raises UnavailableError unless the installed `modal` is the one whose protocol is spoken here."""
    if modal.__version__ != PINNED_VERSION:
        raise UnavailableError(
            f"modal {modal.__version__} is installed",
            accepted=f"modal {PINNED_VERSION}, whose private protocol the rehearsal speaks",
            hint=f"pip install modal=={PINNED_VERSION}",
        )


def servicer(*parts: object, on_unknown: Callable[[str], None]) -> Any:
    """A servicer that answers with the parts' methods of the protocol's names, and refuses the others by name.

    A method takes the request and returns the answer, or is an async generator of answers.
    """
    known = {name: getattr(part, name) for part in parts for name in dir(part) if name[0].isupper()}
    names = api_grpc.ModalClientBase.__abstractmethods__
    if strangers := known.keys() - names:
        raise UnavailableError(f"modal {modal.__version__} has no {', '.join(sorted(strangers))} in its protocol")
    body = {name: _answering(known[name]) if name in known else _refusing(name, on_unknown) for name in names}
    return type("Servicer", (api_grpc.ModalClientBase,), body)()


async def serve(
    service: Any, admit: Callable[[RecvRequest], Coroutine[Any, Any, None]] | None = None, **where: Any
) -> grpclib.server.Server:
    """Starts to listen; `where` as in asyncio's create_server and create_unix_server."""
    server = grpclib.server.Server([service])
    if admit:
        listen(server, RecvRequest, admit)
    await server.start(**where)
    return server


def _answering(handle: Handler) -> Callable[[Any, Any], Awaitable[None]]:
    async def answer(servicer: Any, stream: Any) -> None:
        request = await stream.recv_message()
        try:
            if inspect.isasyncgenfunction(handle):
                async for part in handle(request):
                    await stream.send_message(part)
            else:
                await stream.send_message(await handle(request))  # type: ignore[misc]
        except (GRPCError, ConnectionError):
            raise
        except Exception:
            _log.exception("the rehearsal failed at %s", handle.__name__)
            raise

    return answer


def _refusing(name: str, on_unknown: Callable[[str], None]) -> Callable[[Any, Any], Awaitable[None]]:
    async def refuse(servicer: Any, stream: Any) -> None:
        on_unknown(name)
        raise GRPCError(Status.UNIMPLEMENTED, f"the rehearsal does not do {name}; it speaks modal {PINNED_VERSION}")

    return refuse
