"""Tokens: who is admitted, and what an entry may be."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.engines.bearer import Tokens, new_token
from blanklogo.errors import OptionError


def test_whoever_shows_the_secret_is_admitted_by_its_id() -> None:
    (first, entry), (second, other) = new_token("first"), new_token("second.device-2")
    tokens = Tokens.parse(f"{entry},\n {other} ")
    assert tokens.admitted(f"Bearer {first}") == "first"
    assert tokens.admitted(f"bearer  {second}") == "second.device-2"
    assert tokens.admitted(f"Bearer first:{second.partition(':')[2]}") is None


def test_an_entry_holds_no_secret_and_is_not_shown() -> None:
    shown, entry = new_token("me")
    secret = shown.partition(":")[2]
    assert len(secret) >= 43, "256 random bits"
    assert entry == f"me:{hashlib.sha256(secret.encode()).hexdigest()}"
    assert entry.partition(":")[2] not in repr(Tokens.parse(entry))


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer ", "Bearer :", "Bearer me", "Bearer me:", "Basic me:secret", "me:secret"]
)
def test_anything_else_is_not_admitted(header: str | None) -> None:
    empty_secret = f"me:{hashlib.sha256(b'').hexdigest()}"
    secret = f"you:{hashlib.sha256(b'secret').hexdigest()}"
    assert Tokens.parse(f"{empty_secret} {secret}").admitted(header) is None


@given(st.text(max_size=60))
def test_of_no_tokens_nobody_is_admitted(shown: str) -> None:
    assert Tokens.parse("").admitted(f"Bearer {shown}") is None


@pytest.mark.parametrize("entry", ["me", "me:secret", "me:" + "G" * 64, ":" + "0" * 64, "m e:" + "0" * 64])
def test_an_entry_that_is_none_is_refused_without_being_repeated(entry: str) -> None:
    with pytest.raises(OptionError, match="never the secret") as caught:
        Tokens.parse(entry)
    assert "secret" not in str(caught.value).replace("never the secret", "").replace("the secret's SHA-256", "")


def test_a_signature_is_of_one_token_and_one_text() -> None:
    (_, first), (_, second) = new_token("first"), new_token("second")
    tokens = Tokens.parse(f"{first} {second}")
    signatures = {tokens.signature(who, text) for who in ("first", "second") for text in ("fc-1", "fc-2")}
    assert len(signatures) == 4
    assert tokens.signature("first", "fc-1") in signatures


def test_an_id_that_does_not_fit_is_refused() -> None:
    with pytest.raises(OptionError, match="token ID"):
        new_token("me and you")
