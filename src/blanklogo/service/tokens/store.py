"""Tokens in the database: made, checked, rotated, revoked. Any number of processes may do so at once.

A rotation makes a new token, with an id of its own, of the same owner: so one can see by `last_used_seconds` whether
anyone still shows the old one. Rows are never deleted: what was revoked stays revoked, and stays on the list.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import fields
from typing import Any

from sqlalchemy import Column, Connection, Engine, Float, ForeignKey, String, Table, Text, insert, or_, select, update

from blanklogo.errors import OptionError, UnauthorizedError
from blanklogo.service.database import lock_schema, metadata, reading, shown_url, writing
from blanklogo.service.tokens.secret import FORM as SECRET_FORM
from blanklogo.service.tokens.secret import Secret
from blanklogo.service.tokens.token import (
    ID_FORM,
    Scope,
    Token,
    checked_name,
    checked_owner,
    checked_scopes,
    new_id,
    new_owner,
)

LAST_USED_STEP_SECONDS = 60.0  # how exact `last_used_seconds` is: one write a minute and token, not one a request
MAX_SECONDS = 100 * 365 * 86400.0  # of a lifetime; longer is none, and a calendar ends somewhere
FIRST_NAME = "first run"

tokens = Table(
    "tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("name", Text, nullable=False),
    Column("scopes", String(64), nullable=False),  # words, with spaces between
    Column("digest", String(64), nullable=False),
    Column("created_seconds", Float(53), nullable=False),
    Column("expires_seconds", Float(53)),
    Column("last_used_seconds", Float(53)),
    Column("revoked_seconds", Float(53)),
    Column("replaces", ForeignKey("tokens.id"), unique=True),  # unique: a token is rotated once
)
_COLUMNS = tuple(tokens.c[field.name] for field in fields(Token))
_BEARER = re.compile(f"({ID_FORM.pattern}):({SECRET_FORM.pattern})")
_NOBODY = "0" * 64  # compared with where there is no such id, so that both take as long; the digest of nothing known


class TokenStore:
    """The tokens of one service.

    Args:
        database: with its tables made (`create_tables`).
        clock: the moment, in seconds since 1970.
    """

    def __init__(self, database: Engine, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    @property
    def place(self) -> str:
        """The database they are in, for people."""
        return shown_url(self._database)

    def new(
        self, name: str, scopes: Iterable[str], owner: str | None = None, lifetime_seconds: float | None = None
    ) -> tuple[Token, Secret]:
        """A token and its secret, which is nowhere else and cannot be asked for again.

        Args:
            owner: whose it will be; None: a new owner's.
            lifetime_seconds: None: until it is revoked.

        Raises:
            OptionError: a name, scope, owner or lifetime that does not fit.
        """
        token = self._made(name, scopes, owner, lifetime_seconds)
        secret = Secret.random()
        with writing(self._database) as connection:
            _insert(connection, token, secret)
        return token, secret

    def first_run(self) -> tuple[Token, Secret] | None:
        """An admin's token where there never was any token, a revoked one included; else None.

        Of many processes that start at once, one makes it.
        """
        with writing(self._database) as connection:
            lock_schema(connection)
            if connection.scalar(select(tokens.c.id).limit(1)) is not None:
                return None
            token, secret = self._made(FIRST_NAME, [Scope.ADMIN], None, None), Secret.random()
            _insert(connection, token, secret)
        return token, secret

    def check(self, bearer: str) -> Token:
        """The token of whoever shows `ID:SECRET`.

        The same is done, in the same order, whether there is such an id or not.

        Raises:
            UnauthorizedError: it is none, unknown, wrong, expired or revoked; which of these is not said.
        """
        match = _BEARER.fullmatch(bearer)
        token_id, shown = (match[1], Secret(match[2])) if match else ("", Secret(""))
        del bearer, match  # a traceback that shows locals must not show the secret
        now_seconds = self._clock()
        with reading(self._database) as connection:
            row = connection.execute(select(tokens.c.digest, *_COLUMNS).where(tokens.c.id == token_id)).first()
        is_same = shown.matches(row.digest if row else _NOBODY)
        if not (row and is_same):
            raise unauthorized()
        token = _token(row)
        if not token.is_good(now_seconds):
            raise unauthorized()
        self._note_use(token, now_seconds)
        return token

    def rotate(self, token_id: str, overlap_seconds: float) -> tuple[Token, Secret]:
        """A new token for the same owner, of the same name, scopes and lifetime; the old one ends with the overlap.

        Raises:
            OptionError: there is no such token, it was revoked or rotated before, or the overlap is negative.
        """
        _check_seconds("overlap", overlap_seconds, accepts_zero=True)
        secret = Secret.random()
        with writing(self._database) as connection:
            old = _locked(connection, token_id)
            _check_rotatable(connection, old)
            lifetime_seconds = None if old.expires_seconds is None else old.expires_seconds - old.created_seconds
            token = self._made(old.name, old.scopes, old.owner, lifetime_seconds, old.id)
            end_seconds = token.created_seconds + overlap_seconds
            if old.expires_seconds is not None:
                end_seconds = min(end_seconds, old.expires_seconds)
            connection.execute(update(tokens).where(tokens.c.id == old.id).values(expires_seconds=end_seconds))
            _insert(connection, token, secret)
        return token, secret

    def revoke(self, token_id: str) -> Token:
        """Ends a token at once and for good; one that was revoked before stays as it is.

        Raises:
            OptionError: there is no such token.
        """
        with writing(self._database) as connection:
            _locked(connection, token_id)
            is_it = (tokens.c.id == token_id) & tokens.c.revoked_seconds.is_(None)
            connection.execute(update(tokens).where(is_it).values(revoked_seconds=self._clock()))
            return _locked(connection, token_id)

    def listed(self) -> tuple[Token, ...]:
        """All tokens, the oldest first."""
        with reading(self._database) as connection:
            rows = connection.execute(select(*_COLUMNS).order_by(tokens.c.created_seconds, tokens.c.id)).all()
        return tuple(map(_token, rows))

    def _made(
        self,
        name: str,
        scopes: Iterable[str],
        owner: str | None,
        lifetime_seconds: float | None,
        replaces: str | None = None,
    ) -> Token:
        now_seconds = self._clock()
        if lifetime_seconds is not None:
            _check_seconds("lifetime", lifetime_seconds, accepts_zero=False)
        return Token(
            new_id(),
            new_owner() if owner is None else checked_owner(owner),
            checked_name(name),
            checked_scopes(scopes),
            now_seconds,
            None if lifetime_seconds is None else now_seconds + lifetime_seconds,
            replaces=replaces,
        )

    def _note_use(self, token: Token, now_seconds: float) -> None:
        before_seconds = now_seconds - LAST_USED_STEP_SECONDS
        if token.last_used_seconds is not None and token.last_used_seconds > before_seconds:
            return
        used = tokens.c.last_used_seconds
        is_due = (tokens.c.id == token.id) & or_(used.is_(None), used <= before_seconds)
        with writing(self._database) as connection:
            connection.execute(update(tokens).where(is_due).values(last_used_seconds=now_seconds))


def unauthorized() -> UnauthorizedError:
    """The one refusal, whatever was wrong."""
    return UnauthorizedError(
        "no token that is good here", accepted="Authorization: Bearer ID:SECRET", hint="blanklogo token new"
    )


def _insert(connection: Connection, token: Token, secret: Secret) -> None:
    values: dict[str, Any] = {field.name: getattr(token, field.name) for field in fields(token)}
    values |= {"scopes": " ".join(sorted(token.scopes)), "digest": secret.digest()}
    connection.execute(insert(tokens).values(values))


def _locked(connection: Connection, token_id: str) -> Token:
    """The token, which nobody else changes until the transaction ends."""
    row = connection.execute(select(*_COLUMNS).where(tokens.c.id == token_id).with_for_update()).first()
    if row is None:
        raise OptionError(f"no token {token_id[:80]!r}", accepted="the id of a token", hint="blanklogo token list")
    return _token(row)


def _check_rotatable(connection: Connection, old: Token) -> None:
    again = f"blanklogo token new --owner {old.owner}"
    if old.revoked_seconds is not None:
        raise OptionError(f"token {old.id} was revoked", accepted="one that was not", hint=again)
    successor = connection.scalar(select(tokens.c.id).where(tokens.c.replaces == old.id))
    if successor is not None:
        raise OptionError(f"token {old.id} was rotated to {successor}", hint=f"blanklogo token rotate {successor}")


def _check_seconds(what: str, seconds: float, *, accepts_zero: bool) -> None:
    if not 0 <= seconds <= MAX_SECONDS or (seconds == 0 and not accepts_zero):
        least = "0" if accepts_zero else "more than 0"
        raise OptionError(f"{what} of {seconds:g} s", accepted=f"{least}, up to {MAX_SECONDS:g} s")


def _token(row) -> Token:
    values: dict[str, Any] = {field.name: getattr(row, field.name) for field in fields(Token)}
    values["scopes"] = frozenset(map(Scope, values["scopes"].split()))
    return Token(**values)
