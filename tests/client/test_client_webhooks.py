"""What a receiver checks; signatures are recomputed by hand."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from blanklogo.client.webhooks import read_event, verify
from blanklogo.errors import ForbiddenError, OptionError

NOW = 1_800_000_000.0
STAMP = str(int(NOW))
SECRET, NEXT = "whsec_one", "whsec_two"
BODY = json.dumps({"id": "evt_1", "event": "job.completed", "timestamp": "T", "data": {"jobId": "job_1"}}).encode()


def signed(secret: str = SECRET, body: bytes = BODY, timestamp: str = STAMP) -> str:
    return "sha256=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()


def headers(signature: str = "", timestamp: str = STAMP) -> dict[str, str]:
    return {"X-Webhook-Timestamp": timestamp, "X-Webhook-Signature": signature or signed()}


def test_what_is_signed_is_read() -> None:
    event = read_event(BODY, headers(), SECRET, now_seconds=NOW)
    assert (event.id, event.name, event.timestamp, event.data) == ("evt_1", "job.completed", "T", {"jobId": "job_1"})
    lower = {name.lower(): value for name, value in headers().items()}
    assert read_event(BODY, lower, SECRET, now_seconds=NOW) == event


def test_the_scheme_is_the_one_of_the_page() -> None:
    """The page's own figures, computed with nothing of ours."""
    page = (Path(__file__).parents[2] / "docs" / "service" / "webhooks.md").read_text()
    secret, stamp, body = "whsec_example", "1800000000", b'{"id":"evt_1"}'
    wanted = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    for text in (secret, stamp, body.decode(), f"sha256={wanted}"):
        assert text in page
    verify(body, stamp, f"sha256={wanted}", secret, now_seconds=1_800_000_000)


@pytest.mark.parametrize(
    ("signature", "secrets"),
    [
        (f"{signed(NEXT)},{signed(SECRET)}", [SECRET]),
        (f"{signed(NEXT)},{signed(SECRET)}", [NEXT]),
        (signed(NEXT), [SECRET, NEXT]),
        (f"v9=else, {signed(SECRET)}", [SECRET]),
    ],
)
def test_one_pair_that_fits_will_do(signature: str, secrets: list[str]) -> None:
    assert read_event(BODY, headers(signature), secrets, now_seconds=NOW).id == "evt_1"


@pytest.mark.parametrize(
    "signature",
    [
        signed(NEXT),
        signed().upper(),
        signed().removeprefix("sha256="),
        signed()[:-1],
        signed(body=BODY + b" "),
        signed(timestamp=str(int(NOW) + 1)),
        "sha256=" + hmac.new(SECRET.encode(), BODY, hashlib.sha256).hexdigest(),
        "sha1=" + hmac.new(SECRET.encode(), STAMP.encode() + b"." + BODY, hashlib.sha1).hexdigest(),
        "sha256=",
        "é",
        ",".join(["sha256=" + "0" * 64] * 16 + [signed()]),
    ],
)
def test_what_is_not_signed_so_is_refused(signature: str) -> None:
    with pytest.raises(ForbiddenError, match="no known secret"):
        read_event(BODY, headers(signature), [SECRET], now_seconds=NOW)


def test_without_the_headers_it_is_refused() -> None:
    for left_out in headers():
        said = {name: value for name, value in headers().items() if name != left_out}
        with pytest.raises(ForbiddenError):
            read_event(BODY, said, SECRET, now_seconds=NOW)


@pytest.mark.parametrize("timestamp", ["", "-1", "1.5", "1e9", "now", "9" * 13, "\uff11", " 1"])
def test_a_timestamp_that_is_none_is_refused(timestamp: str) -> None:
    with pytest.raises(ForbiddenError, match="timestamp"):
        read_event(BODY, headers(signed(timestamp=timestamp), timestamp), SECRET, now_seconds=NOW)


@pytest.mark.parametrize(
    ("away_seconds", "is_good"), [(0, True), (299, True), (-299, True), (301, False), (-301, False)]
)
def test_clocks_may_differ_by_so_much(away_seconds: float, is_good: bool) -> None:
    if is_good:
        verify(BODY, STAMP, signed(), SECRET, now_seconds=NOW + away_seconds)
    else:
        with pytest.raises(ForbiddenError, match="301 s away"):
            verify(BODY, STAMP, signed(), SECRET, now_seconds=NOW + away_seconds)
    verify(BODY, STAMP, signed(), SECRET, now_seconds=NOW + away_seconds, tolerance_seconds=400)


def test_without_a_time_it_is_now() -> None:
    with pytest.raises(ForbiddenError, match="away"):
        verify(BODY, "1000000000", signed(timestamp="1000000000"), SECRET)


@pytest.mark.parametrize("secrets", ["", [], [SECRET, ""], ()])
def test_an_empty_secret_is_a_slip_and_no_lock(secrets: str | list[str]) -> None:
    with pytest.raises(OptionError, match="no webhook secret"):
        verify(BODY, STAMP, signed(""), secrets, now_seconds=NOW)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"x"', b"{}", b'{"id":1,"event":2,"timestamp":3,"data":4}', b"\xff", b"[" * 9999]
)
def test_what_is_signed_and_no_event_is_told_apart(body: bytes) -> None:
    with pytest.raises(OptionError, match="no event"):
        read_event(body, headers(signed(body=body)), SECRET, now_seconds=NOW)


def test_errors_repeat_neither_secret_nor_signature() -> None:
    with pytest.raises(ForbiddenError) as caught:
        read_event(BODY, headers(signed(NEXT)), [SECRET], now_seconds=NOW)
    told = str(caught.value)
    assert SECRET not in told
    assert signed(NEXT)[7:] not in told
    assert signed()[7:] not in told
