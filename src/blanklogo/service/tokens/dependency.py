"""Tokens for FastAPI's routes: who asks (`bearer`), and whether they may (`require`).

The application holds its store as `app.state.tokens`. What is raised is `UnauthorizedError` (401; the answer carries
the header in `CHALLENGE`) or `ForbiddenError` (403); the application makes problem+json of both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends
from starlette.requests import Request

from blanklogo.errors import ForbiddenError
from blanklogo.service.tokens.store import TokenStore, unauthorized
from blanklogo.service.tokens.token import Scope, Token

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="blanklogo"'}  # RFC 6750, 3: what a 401 answers with


def bearer(request: Request) -> Token:
    """The token that the request shows in its Authorization header (RFC 6750, 2.1).

    It talks to the database: FastAPI runs it, being no coroutine, in a thread.

    Raises:
        UnauthorizedError: none, more than one, or one that is not good.
    """
    store: TokenStore = request.app.state.tokens
    if len(request.headers.getlist("Authorization")) != 1:
        raise unauthorized()
    token = request.state.token = store.check(_credentials(request))  # for whoever counts requests
    return token


def require(scope: Scope) -> Callable[[Token], Awaitable[Token]]:
    """A dependency: the request's token, if it allows the scope.

    Raises:
        UnauthorizedError: as `bearer`.
        ForbiddenError: it does not.
    """

    async def allowed(token: Annotated[Token, Depends(bearer)]) -> Token:
        if not token.allows(scope):
            raise ForbiddenError(f"token {token.id} lacks the scope {scope}", hint=f"a token made with --scope {scope}")
        return token

    return allowed


def _credentials(request: Request) -> str:
    """What stands after the scheme; of another scheme, nothing."""
    scheme, _, shown = request.headers["Authorization"].partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else ""
