"""Owners' secrets: derived, never stored, following one another; and the headers that they make."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest
from at_once import in_threads
from sqlalchemy import Engine, select

from blanklogo.client.webhooks import read_event
from blanklogo.errors import ConflictError, OptionError
from blanklogo.service.database import reading
from blanklogo.service.storage.keyring import KeyRing, from_folder
from blanklogo.service.webhooks.signing import KEY_FILE, Secrets, headers
from blanklogo.service.webhooks.table import webhook_secrets

KEY = bytes(range(32))
DAY = 86400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def secrets(database: Engine, clock: Clock) -> Secrets:
    return Secrets(database, KeyRing((("a", KEY),)), clock)


def shown(secrets: Secrets, owner: str = "own_ann") -> list[str]:
    return [secret.reveal() for secret in secrets.good(owner)]


def derived(owner: str, generation: int) -> str:
    message = json.dumps(["blanklogo-webhook-1", owner, generation], separators=(",", ":")).encode()
    return "whsec_" + base64.urlsafe_b64encode(hmac.new(KEY, message, hashlib.sha256).digest()).decode().rstrip("=")


def test_a_secret_is_derived_as_it_is_said(secrets: Secrets) -> None:
    made = secrets.renew("own_ann", DAY)
    assert made.secret.reveal() == derived("own_ann", 1)
    assert re.fullmatch(r"whsec_[A-Za-z0-9_-]{43}", made.secret.reveal())
    assert made.others_end_seconds is None
    assert shown(secrets) == [derived("own_ann", 1)]


def test_before_anybody_was_shown_one_there_is_one_that_nobody_knows(secrets: Secrets) -> None:
    assert shown(secrets) == [derived("own_ann", 0)]
    assert secrets.renew("own_ann", DAY).secret.reveal() != derived("own_ann", 0)


def test_owners_have_nothing_in_common(secrets: Secrets) -> None:
    ann, bob = (secrets.renew(owner, DAY).secret.reveal() for owner in ("own_ann", "own_bob"))
    assert ann != bob
    assert (shown(secrets), shown(secrets, "own_bob")) == ([ann], [bob])


def test_the_next_follows_with_an_overlap(secrets: Secrets, clock: Clock) -> None:
    first = secrets.renew("own_ann", DAY).secret.reveal()
    second = secrets.renew("own_ann", DAY)
    assert second.others_end_seconds == clock.now + DAY
    assert shown(secrets) == [second.secret.reveal(), first]
    clock.now += DAY - 1
    assert len(shown(secrets)) == 2
    clock.now += 1
    assert shown(secrets) == [second.secret.reveal()]


def test_a_secret_that_got_out_ends_at_once(secrets: Secrets) -> None:
    for _ in range(2):
        secrets.renew("own_ann", DAY)
    third = secrets.renew("own_ann", 0).secret.reveal()
    assert shown(secrets) == [third] == [derived("own_ann", 3)]


def test_none_comes_back(secrets: Secrets, clock: Clock) -> None:
    made = set()
    for _ in range(9):
        made.add(secrets.renew("own_ann", 1).secret.reveal())
        clock.now += 2
    assert len(made) == 9


def test_an_end_that_was_said_is_not_put_off(secrets: Secrets, clock: Clock) -> None:
    secrets.renew("own_ann", DAY)
    secrets.renew("own_ann", 10)
    secrets.renew("own_ann", 20 * DAY)
    clock.now += 10
    assert shown(secrets) == [derived("own_ann", 3), derived("own_ann", 2)]


def test_so_many_at_a_time(secrets: Secrets) -> None:
    for _ in range(4):
        secrets.renew("own_ann", DAY)
    with pytest.raises(ConflictError):
        secrets.renew("own_ann", DAY)
    assert len(shown(secrets)) == 4, "and nothing has changed"
    secrets.renew("own_ann", 0)
    assert len(shown(secrets)) == 1


def test_two_at_once_make_two(secrets: Secrets) -> None:
    made = in_threads(lambda _: secrets.renew("own_ann", DAY).secret.reveal(), 4)
    assert set(made) == set(shown(secrets))
    assert len(set(made)) == 4


@pytest.mark.parametrize("overlap_seconds", [-1, 31 * DAY, float("inf"), float("nan")])
def test_an_overlap_that_is_none(secrets: Secrets, overlap_seconds: float) -> None:
    with pytest.raises(OptionError):
        secrets.renew("own_ann", overlap_seconds)


def test_the_database_gives_none_away(secrets: Secrets, database: Engine) -> None:
    made = secrets.renew("own_ann", DAY)
    with reading(database) as connection:
        rows = connection.execute(select(webhook_secrets)).all()
    assert [tuple(row) for row in rows] == [("own_ann", 1, 1_000_000.0, None)]
    assert made.secret.reveal() not in repr(made)


def test_the_key_is_a_file_of_its_own_for_its_owner_alone(tmp_path: Path) -> None:
    ring = from_folder(tmp_path, KEY_FILE)
    assert ring == from_folder(tmp_path, KEY_FILE)
    assert ring != from_folder(tmp_path)
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_headers_are_what_the_receivers_side_reads(secrets: Secrets) -> None:
    body = json.dumps({"id": "evt_1", "event": "job.failed", "timestamp": "T", "data": {}}).encode()
    old = secrets.renew("own_ann", DAY).secret.reveal()
    new = secrets.renew("own_ann", DAY).secret.reveal()
    made = headers("evt_1", "job.failed", body, secrets.good("own_ann"), 1_000_000.9)
    assert made["X-Webhook-Timestamp"] == "1000000"
    wanted = [hmac.new(one.encode(), b"1000000." + body, hashlib.sha256).hexdigest() for one in (new, old)]
    assert made["X-Webhook-Signature"] == f"sha256={wanted[0]},sha256={wanted[1]}"
    assert (made["X-Webhook-Id"], made["X-Webhook-Event"]) == ("evt_1", "job.failed")
    for secret in (old, new):
        assert read_event(body, made, secret, now_seconds=1_000_010).name == "job.failed"
