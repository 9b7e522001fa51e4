"""`blanklogo token`: who may ask the service, and for what."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output, print_lines
from blanklogo.errors import OptionError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from blanklogo.service.tokens.secret import Secret
    from blanklogo.service.tokens.store import TokenStore
    from blanklogo.service.tokens.token import Token
    from blanklogo.service.webhooks.signing import Renewed

token = typer.Typer(
    name="token", help="The service's tokens: make, rotate, list, revoke; and webhook secrets.", rich_markup_mode=None
)

Id = Annotated[str, typer.Argument(metavar="ID", help="As `token list` says it.", show_default=False)]
Database = Annotated[
    str | None,
    typer.Option(
        "--database",
        metavar="URL",
        help="sqlite:///PATH or postgresql://…; default: BLANKLOGO_SERVICE_DATABASE, or a SQLite "
        "file in your data folder.",
        show_default=False,
    ),
]
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_SHOWN_ONCE = "not shown again; a caller sends it as: Authorization: Bearer ID:SECRET"


@token.command(
    epilog="""\b
Examples:
  blanklogo token new --name website
  blanklogo token new --name drop-box --scope submit --expires 90d | secret-manager put blanklogo"""
)
def new(
    context: typer.Context,
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What you call it.", show_default=False)],
    scopes: Annotated[
        list[str] | None,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="submit, read or admin (which holds both). May be given again; default: submit and read.",
            show_default=False,
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(
            "--expires", metavar="T", help="After this long: 90d, 12h, 30m, 45s; default: never.", show_default=False
        ),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option(
            "--owner", metavar="OWNER", help="One more token for this owner; default: a new owner.", show_default=False
        ),
    ] = None,
    database: Database = None,
    is_json: options.Json = False,
) -> int:
    """Make a token. ID:SECRET goes to stdout, once; it is kept nowhere and cannot be asked for again."""
    lifetime_seconds = None if expires is None else parse_duration(expires, "--expires")
    with _store(database) as store:
        made = store.new(name, scopes or ("submit", "read"), owner, lifetime_seconds)
    return _show_once(Output(context.obj, is_json=is_json), made, is_json=is_json)


@token.command(epilog="Rotation without downtime, step by step: docs/service/tokens.md.")
def rotate(
    context: typer.Context,
    identifier: Id,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="T", help="How long the old one still works; 0s ends it at once.")
    ] = "1d",
    database: Database = None,
    is_json: options.Json = False,
) -> int:
    """Make a token's successor: same owner, name, scopes and lifetime. The old one works until the overlap ends.

    ID:SECRET of the new one goes to stdout, once.
    """
    with _store(database) as store:
        made = store.rotate(identifier, parse_duration(overlap, "--overlap"))
    return _show_once(Output(context.obj, is_json=is_json), made, is_json=is_json)


@token.command(name="list")
def list_(context: typer.Context, database: Database = None, is_json: options.Json = False) -> int:
    """Say which tokens there are, whose, what for, and when each was last used; never a secret."""
    with _store(database) as store:
        found, place = store.listed(), store.place
    fields = {"database": place, "tokens": [_fields(one) for one in found]}
    words = _table(found) or [f"no tokens in {place}"]
    Output(context.obj, is_json=is_json).result(fields, words, is_data=True)
    return 0


@token.command()
def revoke(context: typer.Context, identifier: Id, database: Database = None, is_json: options.Json = False) -> int:
    """End a token at once and for good."""
    with _store(database) as store:
        revoked = store.revoke(identifier)
    Output(context.obj, is_json=is_json).result({"token": _fields(revoked)}, [f"revoked {revoked.id} ({revoked.name})"])
    return 0


@token.command(
    name="webhook-secret",
    epilog="What a receiver does with it: docs/service/webhooks.md.",
)
def webhook_secret(
    context: typer.Context,
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="As `token list` says it.", show_default=False)],
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="T", help="How long the secrets before it go on signing; 0s ends them.")
    ] = "1d",
    database: Database = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", help="The service's folder, where its keys are; default: as `serve` finds it.", show_default=False
        ),
    ] = None,
    is_json: options.Json = False,
) -> int:
    """Make the secret by which an owner's receivers check webhooks: the first, or the next one.

    It goes to stdout, once; it is kept nowhere and cannot be asked for again.
    """
    seconds = parse_duration(overlap, "--overlap")
    made = _renewed(owner, seconds, _database_url(database, data), data)
    output = Output(context.obj, is_json=is_json)
    ends = made.others_end_seconds
    if is_json:
        output.result({"owner": owner, "secret": made.secret.reveal(), "others_end_seconds": ends}, [])
    else:
        others = "the first" if ends is None else f"those before it sign until {_moment(ends)}"
        print_lines([f"made a webhook secret of owner {owner}; {others}", "not shown again"], is_data=False)
        print_lines([made.secret.reveal()], is_data=True)
    return 0


def parse_duration(text: str, option: str) -> float:
    """ "90d" → 7776000 seconds; s, m, h and d are understood.

    Raises:
        OptionError: the text is none.
    """
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise OptionError(f"{option} {text!r}", accepted="a number with s, m, h or d, such as 90d or 12h")
    return float(match[1]) * _UNIT_SECONDS[match[2]]


@contextmanager
def _store(url: str | None) -> Iterator[TokenStore]:
    """The tokens of the database that was named. Raises UnavailableError without the extra `service`."""
    _need_extra()
    from blanklogo.service.database import usual_url
    from blanklogo.service.tokens.store import TokenStore

    with _database(url or usual_url(os.environ)) as database:
        yield TokenStore(database)


@contextmanager
def _database(url: str) -> Iterator[Engine]:
    """With the tables of what has been loaded before."""
    from blanklogo.service.database import create_tables, open_database

    database = open_database(url)
    try:
        create_tables(database)
        yield database
    finally:
        database.dispose()


def _need_extra() -> None:
    from blanklogo.service.extra import need_extra

    need_extra()


def _database_url(url: str | None, data: Path | None) -> str:
    """The database that was named, or else as `serve --data` finds it."""
    _need_extra()
    from blanklogo.service.database import VARIABLE, usual_url

    if url is None and data is not None and not os.environ.get(VARIABLE):
        return f"sqlite:///{data.absolute() / 'service.db'}"
    return url or usual_url(os.environ)


def _renewed(owner: str, overlap_seconds: float, url: str, data: Path | None) -> Renewed:
    """Raises OptionError: there is no such owner, or the overlap does not fit."""
    from blanklogo.service.settings import read_settings
    from blanklogo.service.storage.keyring import from_either
    from blanklogo.service.webhooks.signing import KEY_FILE, Secrets

    settings = read_settings(database=url, data=data)
    with _database(url) as database:
        _check_owner(database, owner)
        ring = from_either(settings.webhook_keys, settings.folder, KEY_FILE)
        return Secrets(database, ring).renew(owner, overlap_seconds)


def _check_owner(database: Engine, owner: str) -> None:
    from blanklogo.service.tokens.store import TokenStore

    if owner not in {one.owner for one in TokenStore(database).listed()}:
        raise OptionError(f"no owner {owner[:80]!r}", accepted="one who has a token", hint="blanklogo token list")


def _show_once(output: Output, made: tuple[Token, Secret], *, is_json: bool) -> int:
    """The one place where a secret is revealed. Alone on its line, so that it can be piped on."""
    token, secret = made
    shown = f"{token.id}:{secret.reveal()}"
    if is_json:
        output.result({"token": _fields(token), "bearer": shown}, [])
    else:
        print_lines([_sentence(token), _SHOWN_ONCE], is_data=False)
        print_lines([shown], is_data=True)
    return 0


def _sentence(token: Token) -> str:
    end = "never expires" if token.expires_seconds is None else f"expires {_moment(token.expires_seconds)}"
    return f"made {token.id} ({token.name}): {', '.join(sorted(token.scopes))}; owner {token.owner}; {end}"


def _fields(token: Token) -> dict[str, Any]:
    return token.as_dict() | {"state": _state(token)}


def _state(token: Token) -> str:
    if token.revoked_seconds is not None:
        return "revoked"
    return "good" if token.is_good(time.time()) else "expired"


def _table(tokens: Sequence[Token]) -> list[str]:
    rows = [("id", "state", "scopes", "last used", "expires", "owner", "name")]
    rows += [
        (
            token.id,
            _state(token),
            " ".join(sorted(token.scopes)),
            _moment(token.last_used_seconds),
            _moment(token.expires_seconds),
            token.owner,
            token.name + (f" (after {token.replaces})" if token.replaces else ""),
        )
        for token in tokens
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(part.ljust(width) for part, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return lines if tokens else []


def _moment(seconds: float | None) -> str:
    """UTC, as everything the service keeps."""
    return "-" if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ")
