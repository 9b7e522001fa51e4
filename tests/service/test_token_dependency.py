"""Tokens at FastAPI's routes: who is let in, who is refused and how."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.responses import JSONResponse

from blanklogo.errors import BlankLogoError
from blanklogo.service.database import create_tables, open_database
from blanklogo.service.tokens.dependency import CHALLENGE, bearer, require
from blanklogo.service.tokens.store import TokenStore
from blanklogo.service.tokens.token import Scope, Token
from blanklogo.wire import http_status


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: str


def an_app(store: TokenStore) -> FastAPI:
    app = FastAPI()
    app.state.tokens = store

    @app.exception_handler(BlankLogoError)
    async def told(_request, error: BlankLogoError) -> JSONResponse:
        status = http_status(error)
        return JSONResponse(error.as_dict(), status, CHALLENGE if status == 401 else None)

    @app.get("/who")
    def who(token: Annotated[Token, Depends(bearer)]) -> str:
        return token.owner

    for scope in Scope:
        app.add_api_route(f"/{scope}", who, dependencies=[Depends(require(scope))])
    return app


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenStore]:
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('tokens') / 'service.db'}")
    create_tables(database)
    yield TokenStore(database)
    database.dispose()


@pytest.fixture(scope="module")
def app(store: TokenStore) -> FastAPI:
    return an_app(store)


def ask(app: FastAPI, path: str, *authorizations: str) -> Answer:
    """One request, as a server hands it to the application (ASGI 3)."""
    headers = [(b"authorization", text.encode("latin-1")) for text in authorizations]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return Answer(sent[0]["status"], dict(sent[0]["headers"]), body.decode())


def header(store: TokenStore, *scopes: str) -> tuple[Token, str]:
    token, secret = store.new("n", scopes)
    return token, f"Bearer {token.id}:{secret.reveal()}"


def test_who_shows_a_good_token_is_known(app: FastAPI, store: TokenStore) -> None:
    token, shown = header(store, "read")
    answer = ask(app, "/who", shown)
    assert (answer.status, answer.body) == (200, f'"{token.owner}"')
    assert ask(app, "/who", shown.replace("Bearer ", "bearer  ")).status == 200, "a scheme's case does not matter"


def test_without_a_good_token_the_answer_is_401_and_says_what_is_wanted(app: FastAPI, store: TokenStore) -> None:
    _, shown = header(store, "admin")
    refused = [
        (),
        ("",),
        ("Bearer",),
        ("Bearer ",),
        (shown.replace("Bearer", "Basic"),),
        (shown + "x",),
        (shown, shown),
    ]
    refused += [(shown.removeprefix("Bearer "),), ("Bearer \xff\xfe",), (f"Bearer {'x' * 100_000}",)]
    answers = [ask(app, "/who", *one) for one in refused]
    ((status, challenged, body),) = {(one.status, one.headers[b"www-authenticate"], one.body) for one in answers}
    assert (status, challenged) == (401, b'Bearer realm="blanklogo"')
    assert "UnauthorizedError" in body


def test_a_missing_scope_is_403_and_named(app: FastAPI, store: TokenStore) -> None:
    token, shown = header(store, "submit")
    answer = ask(app, "/read", shown)
    assert answer.status == 403
    assert f"token {token.id} lacks the scope read" in answer.body
    assert ask(app, "/submit", shown).status == 200


def test_admin_may_do_all_and_nobody_else_what_is_admins(app: FastAPI, store: TokenStore) -> None:
    _, admin = header(store, "admin")
    _, other = header(store, "read", "submit")
    assert [ask(app, f"/{scope}", admin).status for scope in Scope] == [200, 200, 200]
    assert [ask(app, f"/{scope}", other).status for scope in Scope] == [200, 200, 403]


def test_a_revoked_token_is_refused_by_the_next_request(app: FastAPI, store: TokenStore) -> None:
    token, shown = header(store, "read")
    assert ask(app, "/read", shown).status == 200
    store.revoke(token.id)
    assert ask(app, "/read", shown).status == 401


def test_a_database_that_is_gone_is_503_and_no_refusal(tmp_path: Path) -> None:
    path = tmp_path / "service.db"
    database = open_database(f"sqlite:///{path}")
    create_tables(database)
    app = an_app(TokenStore(database))
    _, shown = header(app.state.tokens, "read")
    database.dispose()
    path.write_bytes(b"no database any more" * 1000)
    assert ask(app, "/read", shown).status == 503
    database.dispose()
