"""Tokens: what is good, what is refused, rotation, revocation; and that no secret is anywhere but with its holder."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import PIPE, Popen

import pytest
from at_once import in_processes, in_threads
from hypothesis import given, settings
from hypothesis import strategies as st
from postgres import Cluster
from sqlalchemy import Engine, event

from blanklogo.errors import OptionError, UnauthorizedError, UnavailableError
from blanklogo.service.database import create_tables, open_database
from blanklogo.service.tokens.secret import Secret
from blanklogo.service.tokens.store import LAST_USED_STEP_SECONDS, TokenStore
from blanklogo.service.tokens.token import Scope, Token, checked_scopes

DAY_SECONDS = 86400.0
START_SECONDS = 1_790_000_000.0

FIRST_RUN = """
import sys
from blanklogo.service.database import create_tables, open_database
from blanklogo.service.tokens.store import TokenStore
print("ready", flush=True)
sys.stdin.readline()
database = open_database(sys.argv[1])
create_tables(database)
made = TokenStore(database).first_run()
print(made[0].id if made else "none")
"""
ROTATE = """
import sys
from blanklogo.errors import OptionError
from blanklogo.service.database import open_database
from blanklogo.service.tokens.store import TokenStore
store = TokenStore(open_database(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
try:
    print(store.rotate(sys.argv[2], 60)[0].id)
except OptionError:
    print("refused")
"""
CHECK_UNTIL_REFUSED = """
import sys
from blanklogo.errors import UnauthorizedError
from blanklogo.service.database import open_database
from blanklogo.service.tokens.store import TokenStore
store = TokenStore(open_database(sys.argv[1]))
print("ready", flush=True)
bearer = sys.stdin.readline().strip()
store.check(bearer)
print("good", flush=True)
sys.stdin.readline()
try:
    store.check(bearer)
except UnauthorizedError:
    print("refused")
"""


class Clock:
    """The moment, as the test wants it."""

    def __init__(self) -> None:
        self.now_seconds = START_SECONDS

    def __call__(self) -> float:
        return self.now_seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Engine, clock: Clock) -> TokenStore:
    return TokenStore(database, clock)


@pytest.fixture(scope="module")
def lasting_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenStore]:
    """One for many examples."""
    database = open_database(f"sqlite:///{tmp_path_factory.mktemp('tokens') / 'service.db'}")
    create_tables(database)
    yield TokenStore(database)
    database.dispose()


def bearer(made: tuple[Token, Secret]) -> str:
    return f"{made[0].id}:{made[1].reveal()}"


def is_good(store: TokenStore, shown: str) -> bool:
    try:
        store.check(shown)
    except UnauthorizedError:
        return False
    return True


# What is good


def test_a_new_token_is_good_and_known(store: TokenStore) -> None:
    made = store.new("website", ["read", "submit"], lifetime_seconds=90 * DAY_SECONDS)
    token = made[0]
    assert store.check(bearer(made)) == token
    assert (token.name, token.scopes) == ("website", {Scope.READ, Scope.SUBMIT})
    assert token.created_seconds == START_SECONDS
    assert token.expires_seconds == START_SECONDS + 90 * DAY_SECONDS
    assert store.listed() == (replace(token, last_used_seconds=START_SECONDS),)


def test_an_owner_may_have_several_tokens(store: TokenStore) -> None:
    first, second = store.new("a", ["read"], "alice"), store.new("b", ["submit"], "alice")
    assert store.check(bearer(first)).owner == store.check(bearer(second)).owner == "alice"
    assert store.new("c", ["read"])[0].owner != store.new("d", ["read"])[0].owner


@given(st.sets(st.sampled_from(Scope), min_size=1), st.sampled_from(Scope))
def test_admin_holds_the_other_scopes_and_they_hold_none(scopes: set[Scope], wanted: Scope) -> None:
    token = Token("tok_000000000000", "own", "n", checked_scopes(scopes), 0.0)
    assert token.allows(wanted) == (wanted in scopes or Scope.ADMIN in scopes)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "two\nlines"},
        {"name": "x" * 101},
        {"scopes": []},
        {"scopes": ["write"]},
        {"owner": "../etc"},
        {"owner": "A"},
        {"owner": ""},
        {"lifetime_seconds": 0.0},
        {"lifetime_seconds": -1.0},
        {"lifetime_seconds": float("nan")},
        {"lifetime_seconds": float("inf")},
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_made(store: TokenStore, wrong: dict) -> None:
    with pytest.raises(OptionError) as caught:
        store.new(**{"name": "n", "scopes": ["read"]} | wrong)
    assert caught.value.accepted
    assert store.listed() == ()


# What is refused


def test_every_refusal_is_the_same(store: TokenStore, clock: Clock) -> None:
    good, revoked = store.new("good", ["read"]), store.new("revoked", ["read"])
    expired = store.new("expired", ["read"], lifetime_seconds=1)
    store.revoke(revoked[0].id)
    clock.now_seconds += 1
    shown = [
        bearer(revoked),
        bearer(expired),
        f"{good[0].id}:{revoked[1].reveal()}",
        f"tok_{'0' * 12}:{good[1].reveal()}",
        good[0].id,
        good[1].reveal(),
        f"{good[0].id}:",
        f":{good[1].reveal()}",
        bearer(good) + "\n",
        bearer(good) + ":",
        " " + bearer(good),
        bearer(good).replace("tok_", "TOK_"),
        "",
        "x" * 1_000_000,
    ]
    told = set()
    for text in shown:
        with pytest.raises(UnauthorizedError) as caught:
            store.check(text)
        told.add(str(caught.value))
    assert told == {"no token that is good here; accepted: Authorization: Bearer ID:SECRET; try: blanklogo token new"}
    assert is_good(store, bearer(good))


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=80))
def test_no_text_that_somebody_makes_up_is_good(lasting_store: TokenStore, text: str) -> None:
    assert not is_good(lasting_store, text)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_good_token_with_one_letter_changed_is_not(lasting_store: TokenStore, data: st.DataObject) -> None:
    shown = bearer(lasting_store.new("n", ["read"]))
    place = data.draw(st.integers(0, len(shown) - 1))
    letter = data.draw(st.characters(codec="ascii").filter(lambda letter: letter != shown[place]))
    # The last letter of 43 holds four bits of the secret and two that are always 0; as text, it differs all the same.
    assert not is_good(lasting_store, shown[:place] + letter + shown[place + 1 :])
    assert is_good(lasting_store, shown)


def test_the_same_is_done_whether_there_is_such_an_id_or_not(store: TokenStore, database: Engine) -> None:
    token, secret = store.new("n", ["read"])
    wrong = Secret.random().reveal()
    assert wrong != secret.reveal()
    known, unknown = (done_in(store, database, f"{token_id}:{wrong}") for token_id in (token.id, f"tok_{'0' * 12}"))
    assert known == unknown
    assert [call for call in known if call.endswith("compare_digest")]
    assert len([call for call in known if call.startswith("SELECT")]) == 1
    assert not [call for call in known if call.startswith("UPDATE")], "a wrong secret is no use of the token"


def done_in(store: TokenStore, database: Engine, shown: str) -> list[str]:
    """Every call made by this package's own code, and every statement, in order, until the refusal."""
    done: list[str] = []

    def hear(frame, kind: str, called) -> None:
        if kind in ("call", "c_call") and "/blanklogo/" in frame.f_code.co_filename:
            done.append(f"{frame.f_code.co_qualname} {called.__qualname__ if kind == 'c_call' else ''}")

    def hear_statement(_connection, _cursor, statement: str, *_rest) -> None:
        done.append(statement)

    event.listen(database, "before_cursor_execute", hear_statement)
    sys.setprofile(hear)
    try:
        assert not is_good(store, shown)
    finally:
        sys.setprofile(None)
        event.remove(database, "before_cursor_execute", hear_statement)
    return done


# Moments


def test_it_expires_to_the_moment(store: TokenStore, clock: Clock) -> None:
    made = store.new("n", ["read"], lifetime_seconds=10)
    clock.now_seconds += 9.999
    assert is_good(store, bearer(made))
    clock.now_seconds = START_SECONDS + 10
    assert not is_good(store, bearer(made))


def test_a_use_is_written_once_a_minute(store: TokenStore, database: Engine, clock: Clock) -> None:
    made = store.new("n", ["read"])
    written = []

    def hear(_connection, _cursor, statement: str, *_rest) -> None:
        if statement.startswith("UPDATE"):
            written.append(clock.now_seconds - START_SECONDS)

    event.listen(database, "before_cursor_execute", hear)
    for seconds in (0, 1, 30, 59.9, 60, 61, 119, 121, 500):
        clock.now_seconds = START_SECONDS + seconds
        store.check(bearer(made))
    event.remove(database, "before_cursor_execute", hear)
    assert LAST_USED_STEP_SECONDS == 60
    assert written == [0, 60, 121, 500]
    assert store.listed()[0].last_used_seconds == START_SECONDS + 500


def test_a_use_seen_late_does_not_set_the_clock_back(store: TokenStore, clock: Clock) -> None:
    made = store.new("n", ["read"])
    clock.now_seconds += 1000
    store.check(bearer(made))
    clock.now_seconds -= 500  # another machine, whose clock is behind
    store.check(bearer(made))
    assert store.listed()[0].last_used_seconds == START_SECONDS + 1000


# Rotation


def test_old_and_new_are_good_until_the_overlap_ends(store: TokenStore, clock: Clock) -> None:
    old = store.new("website", ["read", "submit"], lifetime_seconds=90 * DAY_SECONDS)
    clock.now_seconds += 80 * DAY_SECONDS
    new = store.rotate(old[0].id, DAY_SECONDS)
    assert new[0] == replace(
        old[0],
        id=new[0].id,
        created_seconds=clock.now_seconds,
        expires_seconds=clock.now_seconds + 90 * DAY_SECONDS,
        replaces=old[0].id,
    )
    assert store.check(bearer(old)).owner == store.check(bearer(new)).owner == old[0].owner
    clock.now_seconds += DAY_SECONDS
    assert not is_good(store, bearer(old))
    assert is_good(store, bearer(new))


def test_an_overlap_of_nothing_ends_the_old_one_at_once(store: TokenStore) -> None:
    old = store.new("n", ["read"])
    new = store.rotate(old[0].id, 0)
    assert (is_good(store, bearer(old)), is_good(store, bearer(new))) == (False, True)
    assert new[0].expires_seconds is None


def test_an_overlap_never_makes_the_old_one_last_longer(store: TokenStore, clock: Clock) -> None:
    old = store.new("n", ["read"], lifetime_seconds=10)
    store.rotate(old[0].id, DAY_SECONDS)
    clock.now_seconds += 10
    assert not is_good(store, bearer(old))


def test_one_that_has_expired_can_be_rotated_and_stays_dead(store: TokenStore, clock: Clock) -> None:
    old = store.new("n", ["read"], lifetime_seconds=10)
    clock.now_seconds += 100
    new = store.rotate(old[0].id, DAY_SECONDS)
    assert new[0].expires_seconds == clock.now_seconds + 10
    assert (is_good(store, bearer(old)), is_good(store, bearer(new))) == (False, True)


def test_it_is_rotated_once_and_the_successor_named(store: TokenStore) -> None:
    old = store.new("n", ["read"])
    new = store.rotate(old[0].id, 60)
    with pytest.raises(OptionError, match=f"was rotated to {new[0].id}; try: blanklogo token rotate {new[0].id}"):
        store.rotate(old[0].id, 60)
    assert store.rotate(new[0].id, 60)[0].owner == old[0].owner


def test_a_revoked_one_is_not_rotated(store: TokenStore) -> None:
    old, _ = store.new("n", ["read"])
    store.revoke(old.id)
    with pytest.raises(OptionError, match=f"was revoked; .*token new --owner {old.owner}"):
        store.rotate(old.id, 60)
    assert len(store.listed()) == 1


@pytest.mark.parametrize("overlap_seconds", [-1.0, float("nan"), float("inf")])
def test_an_overlap_that_is_none_is_refused(store: TokenStore, overlap_seconds: float) -> None:
    old = store.new("n", ["read"])
    with pytest.raises(OptionError, match="overlap of"):
        store.rotate(old[0].id, overlap_seconds)
    assert is_good(store, bearer(old))


# Revocation


def test_it_ends_at_once_for_good_and_alone(store: TokenStore, clock: Clock) -> None:
    old = store.new("n", ["read"])
    new = store.rotate(old[0].id, 60)
    assert store.revoke(old[0].id).revoked_seconds == START_SECONDS
    assert (is_good(store, bearer(old)), is_good(store, bearer(new))) == (False, True)
    clock.now_seconds += 5
    assert store.revoke(old[0].id).revoked_seconds == START_SECONDS, "the first time counts"


@pytest.mark.parametrize(
    "act", [lambda store, token_id: store.revoke(token_id), lambda store, token_id: store.rotate(token_id, 1)]
)
def test_one_that_is_not_there_is_told(store: TokenStore, act: Callable) -> None:
    with pytest.raises(OptionError, match=r"no token 'tok_nothing'; .*try: blanklogo token list"):
        act(store, "tok_nothing")


def test_another_process_knows_at_once(store: TokenStore, database_url: str) -> None:
    made = store.new("n", ["read"])
    command = [sys.executable, "-c", CHECK_UNTIL_REFUSED, database_url]
    with Popen(command, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        print(bearer(made), file=process.stdin, flush=True)
        assert process.stdout.readline() == "good\n"
        store.revoke(made[0].id)
        assert process.communicate("go\n")[0] == "refused\n"


# Many at once


def test_of_many_processes_that_start_at_once_one_makes_the_first_token(database_url: str) -> None:
    said = in_processes(FIRST_RUN, [database_url], 4)
    assert sorted(said)[:3] == ["none"] * 3
    database = open_database(database_url)
    (token,) = TokenStore(database).listed()
    database.dispose()
    assert token.id in said
    assert token.scopes == {Scope.ADMIN}


def test_of_many_threads_one_makes_the_first_token(store: TokenStore) -> None:
    said = in_threads(lambda _index: store.first_run(), 8)
    (made,) = [one for one in said if one is not None]
    assert store.listed() == (made[0],)
    assert is_good(store, bearer(made))


def test_there_is_no_first_run_after_any_token_even_a_revoked_one(store: TokenStore) -> None:
    token, _ = store.new("n", ["read"])
    store.revoke(token.id)
    assert store.first_run() is None


def test_of_many_threads_that_rotate_a_token_one_does(store: TokenStore) -> None:
    old, _ = store.new("n", ["read"])
    said = in_threads(lambda _index: store.rotate(old.id, 60), 8)
    assert len([one for one in said if isinstance(one, tuple)]) == 1
    assert len([one for one in said if isinstance(one, OptionError)]) == 7
    assert len(store.listed()) == 2


def test_of_several_processes_that_rotate_a_token_one_does(store: TokenStore, database_url: str) -> None:
    old, _ = store.new("n", ["read"])
    said = in_processes(ROTATE, [database_url, old.id], 3)
    assert said.count("refused") == 2
    assert {token.id for token in store.listed()} == {old.id, *said} - {"refused"}


def test_checks_rotations_and_revocations_at_once_disturb_nobody(store: TokenStore) -> None:
    made = [store.new(f"n{index}", ["read"]) for index in range(4)]

    def live(index: int) -> bool:
        current = made[index]
        for _ in range(5):
            store.check(bearer(current))
            successor = store.rotate(current[0].id, 60)
            store.check(bearer(current))
            store.revoke(current[0].id)
            assert not is_good(store, bearer(current))
            current = successor
        return is_good(store, bearer(current))

    assert in_threads(live, 4) == [True] * 4


def test_many_first_uses_at_once_are_all_good_and_written_once(store: TokenStore, database: Engine) -> None:
    made = store.new("n", ["read"])
    num_written = []

    def hear(_connection, cursor, statement: str, *_rest) -> None:
        if statement.startswith("UPDATE"):
            num_written.append(cursor.rowcount)

    event.listen(database, "after_cursor_execute", hear)
    said = in_threads(lambda _index: store.check(bearer(made)), 8)
    event.remove(database, "after_cursor_execute", hear)
    assert {token.id for token in said} == {made[0].id}
    assert sum(num_written) == 1
    assert store.listed()[0].last_used_seconds == START_SECONDS


# No secret anywhere


def test_no_secret_is_kept_logged_or_shown(
    database_url: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name in ("", "sqlalchemy.engine", "sqlalchemy.pool"):  # which then tell every statement and row
        caplog.set_level(logging.DEBUG, name)
    database = open_database(database_url)
    create_tables(database)
    store = TokenStore(database)
    made = [store.first_run(), store.new("n", ["read"])]
    made += [store.rotate(made[1][0].id, 60)]
    for one in made:
        store.check(bearer(one))
        assert not is_good(store, f"tok_{'0' * 12}:{one[1].reveal()}")
    shown = f"{made} {store.listed()} {vars(store)} {[token.as_dict() for token in store.listed()]}"
    store.revoke(made[1][0].id)
    assert not is_good(store, bearer(made[1]))
    folder = tmp_path if database_url.startswith("sqlite") else kept_by(request.getfixturevalue("postgres"))
    kept = b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
    database.dispose()
    told = shown + caplog.text + "".join(capfd.readouterr())
    assert "FROM tokens" in caplog.text, "the logs were heard"
    for token, secret in made:
        assert token.id.encode() in kept, "what was read holds the tokens"
        assert secret.digest().encode() in kept
        for text in (secret.reveal(), secret.reveal()[:12], secret.reveal()[-12:]):
            assert text.encode() not in kept
            assert text not in told


def kept_by(postgres: Cluster) -> Path:
    """The server's files, with all that it holds in memory written to them."""
    postgres.administer("CHECKPOINT")
    return postgres.folder


def test_no_secret_is_in_a_tracebacks_locals_when_the_database_fails(tmp_path: Path) -> None:
    path = tmp_path / "service.db"
    database = open_database(f"sqlite:///{path}")
    create_tables(database)
    store = TokenStore(database)
    made = store.new("n", ["read"])
    database.dispose()
    path.write_bytes(b"no database any more" * 1000)
    Path(f"{path}-wal").unlink(missing_ok=True)
    with pytest.raises(UnavailableError) as caught:
        store.check(f"{made[0].id}:{made[1].reveal()}")
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "in check" in told
    assert "shown = Secret(…)" in told
    assert made[1].reveal() not in told.replace(traceback_of_this_test(told), "")
    database.dispose()


def traceback_of_this_test(told: str) -> str:
    """The frames of this file, which knows the secret."""
    return "".join(part for part in told.split("  File ") if __file__ in part)
