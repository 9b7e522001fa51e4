"""Which methods a path knows, said whole: a router stops at the first route that fits, and knows its methods alone."""

from __future__ import annotations

from collections.abc import Iterable
from re import Pattern

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from blanklogo.service.problems import problem


class Methods:
    """Answers 405 with Allow (RFC 9110, 15.5.6) to a method that the path does not know, and HEAD where it knows GET.

    A path that is spelled out goes before one with an id in it, whatever the order of their routes: `/jobs/batch` is
    no job. Paths of none of the routers are let through.
    """

    def __init__(self, app: ASGIApp, routers: Iterable[APIRouter]) -> None:
        self._app = app
        found: dict[str, tuple[Pattern[str], set[str]]] = {}
        for route in (route for router in routers for route in router.routes):
            if isinstance(route, APIRoute):
                found.setdefault(route.path, (route.path_regex, set()))[1].update(route.methods or ())
        self._paths = [found[path] for path in sorted(found, key=lambda path: "{" in path)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        known = self._known(scope["path"]) if scope["type"] == "http" else None
        if known is None or scope["method"] in known:
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD" and "GET" in known:
            await self._looked(scope, receive, send)
        else:
            await _refusal(scope, known)(scope, receive, send)

    async def _looked(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As GET, without what it would send. The answer ends where its body would begin, so that an endless one,
        which hears that nobody listens any more, ends too."""
        asked = {**scope, "method": "GET"}

        async def tell(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["route"] = asked.get("route")  # for whoever counts requests
                await send(message)
                await send({"type": "http.response.body"})

        await self._app(asked, receive, tell)

    def _known(self, path: str) -> set[str] | None:
        return next((methods for pattern, methods in self._paths if pattern.match(path)), None)


def _refusal(scope: Scope, known: set[str]) -> ASGIApp:
    methods = sorted(known | {"HEAD"} if "GET" in known else known)
    detail = f"this path knows {' and '.join(methods)}"
    told = {"Allow": ", ".join(methods)}
    return problem(scope["state"]["request_id"], 405, "method_not_allowed", detail, headers=told)
