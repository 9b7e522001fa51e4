"""Tokens lived through at random, and compared with the plainest thing that could be true of them."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from blanklogo.errors import OptionError, UnauthorizedError
from blanklogo.service.database import create_tables, open_database
from blanklogo.service.tokens.store import TokenStore
from blanklogo.service.tokens.token import Scope

SECONDS = st.integers(1, 200)  # whole: every sum is then exact


@dataclass
class Known:
    """One token as its holder would know it."""

    bearer: str
    owner: str
    scopes: frozenset[Scope]
    lifetime_seconds: float | None
    end_seconds: float
    is_revoked: bool = False
    is_rotated: bool = False

    @property
    def id(self) -> str:
        return self.bearer.partition(":")[0]


class TokenLife(RuleBasedStateMachine):
    """What the store says against a list of what was done."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="blanklogo-tokens-"))
        self.database = open_database(f"sqlite:///{self.folder / 'service.db'}")
        create_tables(self.database)
        self.now_seconds = 1_000_000.0
        self.store = TokenStore(self.database, lambda: self.now_seconds)
        self.all: list[Known] = []

    def teardown(self) -> None:
        self.database.dispose()
        shutil.rmtree(self.folder)

    @rule(target=known, scopes=st.sets(st.sampled_from(Scope), min_size=1), lifetime=st.none() | SECONDS)
    def new(self, scopes: set[Scope], lifetime: int | None) -> Known:
        return self.remember(self.store.new("n", scopes, None, lifetime), lifetime)

    @rule(target=known, old=known, overlap=st.integers(0, 200))
    def rotate(self, old: Known, overlap: int) -> Known:
        try:
            made = self.store.rotate(old.id, overlap)
        except OptionError:
            assert old.is_revoked or old.is_rotated
            return old
        assert (old.is_revoked, old.is_rotated) == (False, False)
        old.is_rotated = True
        old.end_seconds = min(old.end_seconds, self.now_seconds + overlap)
        new = self.remember(made, old.lifetime_seconds)
        assert (new.owner, new.scopes) == (old.owner, old.scopes)
        return new

    @rule(token=known)
    def revoke(self, token: Known) -> None:
        assert self.store.revoke(token.id).revoked_seconds is not None
        token.is_revoked = True

    @rule(seconds=SECONDS)
    def wait(self, seconds: int) -> None:
        self.now_seconds += seconds

    @invariant()
    def each_is_good_when_it_should_be(self) -> None:
        for token in self.all:
            assert self.is_good(token.bearer) == (not token.is_revoked and self.now_seconds < token.end_seconds)

    @invariant()
    def the_list_holds_them_all(self) -> None:
        assert {token.id for token in self.store.listed()} == {token.id for token in self.all}

    def remember(self, made, lifetime_seconds: float | None) -> Known:
        token, secret = made
        end_seconds = float("inf") if lifetime_seconds is None else self.now_seconds + lifetime_seconds
        shown = f"{token.id}:{secret.reveal()}"
        self.all.append(Known(shown, token.owner, token.scopes, lifetime_seconds, end_seconds))
        return self.all[-1]

    def is_good(self, shown: str) -> bool:
        try:
            self.store.check(shown)
        except UnauthorizedError:
            return False
        return True


TestTokenLife = TokenLife.TestCase
TestTokenLife.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
