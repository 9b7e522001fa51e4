"""A secret shows itself when asked to reveal, and never otherwise."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import pickle
import traceback
from dataclasses import asdict, dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blanklogo.service.tokens.secret import FORM, Secret

TEXT = "geheim-geheim"


@dataclass(frozen=True)
class Holder:
    secret: Secret


@pytest.mark.parametrize(
    "said",
    [
        repr,
        str,
        ascii,
        "{}".format,
        "{!r:>40}".format,
        "{:>40}".format,
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031
        lambda secret: f"{secret} {secret=} {[secret]} { ({'a': secret}) } {Holder(secret)}",
        lambda secret: str(ValueError("came", secret)),
        lambda secret: json.dumps({"secret": secret}, default=str),
    ],
)
def test_nothing_that_makes_a_text_of_it_shows_it(said) -> None:
    told = said(Secret(TEXT))
    assert "Secret(" in told
    assert TEXT not in told


@pytest.mark.parametrize(
    "copied",
    [
        pickle.dumps,
        lambda secret: pickle.dumps(secret, 0),
        copy.copy,
        copy.deepcopy,
        lambda secret: asdict(Holder(secret)),
        lambda secret: secret.__getstate__(),
        lambda secret: secret.__reduce__(),
        json.dumps,
        vars,
        bytes,
        list,
        hash,
    ],
)
def test_nothing_that_would_take_it_elsewhere_works(copied) -> None:
    with pytest.raises(TypeError) as caught:
        copied(Secret(TEXT))
    assert TEXT not in str(caught.value)


def test_it_is_frozen() -> None:
    with pytest.raises(AttributeError, match="frozen"):
        Secret(TEXT).text = "another"
    with pytest.raises(AttributeError, match="frozen"):
        Secret(TEXT)._text = "another"


def test_a_log_and_a_traceback_with_locals_do_not_show_it(caplog: pytest.LogCaptureFixture) -> None:
    secret = Secret(TEXT)
    try:
        raise ValueError(secret)
    except ValueError as error:
        logging.getLogger("test").exception("it broke: %s %r", secret, secret, extra={"secret": secret})
        told = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "Secret(…)" in told
    assert TEXT not in told + caplog.text


def test_a_random_one_is_256_bits_and_never_the_same() -> None:
    made = {Secret.random().reveal() for _ in range(1000)}
    assert len(made) == 1000
    assert all(FORM.fullmatch(text) for text in made)
    assert 43 * 6 >= 256, "characters of base64 hold 6 bits each"


@settings(max_examples=50, deadline=None)
@given(st.text(), st.text())
def test_it_matches_its_own_digest_and_no_other(one: str, other: str) -> None:
    secret = Secret(one)
    assert secret.reveal() == one
    assert secret.digest() == hashlib.sha256(one.encode()).hexdigest()
    assert secret.matches(Secret(one).digest())
    assert secret.matches(Secret(other).digest()) == (one == other)
    assert (secret == Secret(other)) == (one == other)
    assert secret != one
