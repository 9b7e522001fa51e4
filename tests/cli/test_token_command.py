"""`blanklogo token …`, as typed; and a secret that is on stdout once and nowhere else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from blanklogo.cli.token import parse_duration
from blanklogo.errors import OptionError, UnauthorizedError
from blanklogo.service.database import open_database
from blanklogo.service.storage.keyring import from_folder
from blanklogo.service.tokens.store import TokenStore
from blanklogo.service.webhooks.signing import KEY_FILE, Secrets

WEBHOOK_SECRET = re.compile(r"whsec_[A-Za-z0-9_-]{43}")
BEARER = re.compile(r"(tok_[0-9a-f]{12}):([A-Za-z0-9_-]{43})\n")
HOURS = 3600


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees the tokens of whoever runs it."""
    monkeypatch.delenv("BLANKLOGO_SERVICE_DATABASE", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "blanklogo"


@pytest.fixture
def is_good(data_folder: Path) -> Callable[[str], bool]:
    """Whether the service would take what a caller shows."""

    def asked(shown: str) -> bool:
        database = open_database(f"sqlite:///{data_folder / 'service.db'}")
        try:
            TokenStore(database).check(shown)
        except UnauthorizedError:
            return False
        finally:
            database.dispose()
        return True

    return asked


def made(blank, *words: str) -> str:
    done = blank("token", *words)
    assert done.code == 0, done.stderr
    return done.stdout.strip()


def test_a_new_token_is_alone_on_stdout_and_told_of_on_stderr(blank, is_good) -> None:
    done = blank("token", "new", "--name", "website")
    token_id, secret = BEARER.fullmatch(done.stdout).groups()
    assert f"made {token_id} (website): read, submit; owner own_" in done.stderr
    assert "never expires" in done.stderr
    assert "not shown again" in done.stderr
    assert secret not in done.stderr
    assert is_good(done.stdout.strip())


def test_scopes_owner_and_end_are_as_asked(blank) -> None:
    words = ("--name", "n", "--scope", "submit", "--scope", "admin", "--owner", "alice", "--expires", "90d")
    (result,) = blank("token", "new", *words, "--json").messages
    token = result["token"]
    assert (token["scopes"], token["owner"], token["state"]) == (["admin", "submit"], "alice", "good")
    assert token["expires_seconds"] - token["created_seconds"] == pytest.approx(90 * 24 * HOURS)
    assert BEARER.fullmatch(result["bearer"] + "\n")[1] == token["id"]


def test_rotation_gives_a_new_one_and_leaves_the_old_one_its_overlap(blank, is_good) -> None:
    old = made(blank, "new", "--name", "website")
    new = made(blank, "rotate", old.partition(":")[0], "--overlap", "12h")
    assert old != new
    assert (is_good(old), is_good(new)) == (True, True)
    rows = blank("token", "list", "--json").messages[0]["tokens"]
    assert [(row["id"], row["replaces"]) for row in rows] == [
        (old.partition(":")[0], None),
        (new.partition(":")[0], old.partition(":")[0]),
    ]
    assert rows[0]["expires_seconds"] == pytest.approx(rows[1]["created_seconds"] + 12 * HOURS)
    assert rows[0]["owner"] == rows[1]["owner"]


def test_rotation_with_no_overlap_ends_the_old_one(blank, is_good) -> None:
    old = made(blank, "new", "--name", "website")
    new = made(blank, "rotate", old.partition(":")[0], "--overlap", "0s")
    assert (is_good(old), is_good(new)) == (False, True)


def test_what_is_revoked_is_refused_and_stays_on_the_list(blank, is_good) -> None:
    shown = made(blank, "new", "--name", "website")
    token_id = shown.partition(":")[0]
    done = blank("token", "revoke", token_id)
    assert (done.code, done.stderr) == (0, f"revoked {token_id} (website)\n")
    assert not is_good(shown)
    assert re.search(rf"^{token_id}  revoked  read submit  - ", blank("token", "list").stdout, re.MULTILINE)
    assert blank("token", "revoke", token_id, "--json").messages[0]["token"]["state"] == "revoked"


def test_the_list_tells_all_but_secrets(blank, is_good, data_folder: Path) -> None:
    assert blank("token", "list").stdout == f"no tokens in sqlite:///{data_folder / 'service.db'}\n"
    shown = [made(blank, "new", "--name", name) for name in ("one", "two")]
    assert is_good(shown[0])
    listed = blank("token", "list")
    head, *rows = listed.stdout.splitlines()
    assert head.split() == ["id", "state", "scopes", "last", "used", "expires", "owner", "name"]
    assert [row.split()[-1] for row in rows] == ["one", "two"]
    assert [bool(re.search(r"\d{4}-\d\d-\d\d \d\d:\d\dZ", row)) for row in rows] == [True, False], "last used, or -"
    everything = listed.stdout + listed.stderr + blank("token", "list", "--json").stdout
    kept = b"".join(path.read_bytes() for path in data_folder.iterdir())
    for one in shown:
        assert one.partition(":")[2] not in everything
        assert one.partition(":")[2].encode() not in kept


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("new",), "Missing option '--name'"),
        (("new", "--name", "n", "--scope", "write"), "'write' is not a valid Scope"),
        (("new", "--name", "n", "--expires", "soon"), "--expires 'soon'"),
        (("new", "--name", "n", "--owner", "../x"), "owner '../x'"),
        (("rotate", "tok_000000000000"), "no token 'tok_000000000000'"),
        (("rotate", "tok_000000000000", "--overlap", "-1d"), "--overlap '-1d'"),
        (("revoke", "tok_000000000000"), "no token 'tok_000000000000'"),
        (("list", "--database", "mysql://u:geheim@h/n"), "a database of kind mysql"),
    ],
)
def test_what_does_not_fit_is_told(blank, words: tuple[str, ...], told: str) -> None:
    done = blank("token", *words)
    assert (done.code, done.stdout) == (2, "")
    assert told in done.stderr
    assert "geheim" not in done.stderr


def test_the_database_is_the_options_or_the_variables_or_the_usual_one(
    blank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data_folder: Path
) -> None:
    by_option, by_variable = tmp_path / "option.db", tmp_path / "variable.db"
    made(blank, "new", "--name", "n")
    monkeypatch.setenv("BLANKLOGO_SERVICE_DATABASE", f"sqlite:///{by_variable}")
    made(blank, "new", "--name", "n")
    made(blank, "new", "--name", "n", "--database", f"sqlite:///{by_option}")
    for path in (data_folder / "service.db", by_variable, by_option):
        assert len(blank("token", "list", "--json", "--database", f"sqlite:///{path}").messages[0]["tokens"]) == 1


def test_a_server_that_is_not_there_is_the_services_fault_and_its_password_not_told(blank) -> None:
    done = blank("token", "list", "--database", "postgresql://u:geheim@127.0.0.1:9/n")
    assert done.code == 1
    assert "127.0.0.1:9/n let us down" in done.stderr
    assert "geheim" not in done.stderr


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("30m", 1800), ("1.5h", 5400), ("90d", 7_776_000), ("0s", 0)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text, "--expires") == seconds


@pytest.mark.parametrize("text", ["", "90", "d", "-1d", "1w", "1d12h", "infd", "nand", "1e9d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(OptionError, match="accepted: a number with s, m, h or d"):
        parse_duration(text, "--expires")


def test_without_the_extra_one_line_says_what_to_install() -> None:
    hide = "import sys; sys.modules['sqlalchemy'] = None; sys.argv = ['blanklogo', 'token', 'list']; "
    program = hide + "from blanklogo.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program], env=os.environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "blanklogo: the service needs sqlalchemy, not installed here\n  try: pip install 'blanklogo[service]'\n"
    )


def test_what_it_pipes_is_the_token_and_nothing_else() -> None:
    program = [sys.executable, "-m", "blanklogo", "token", "new", "--name", "n"]
    done = subprocess.run(program, env=os.environ, capture_output=True, text=True, check=True)
    assert BEARER.fullmatch(done.stdout)


def test_a_webhook_secret_is_alone_on_stdout_and_the_one_that_the_service_signs_with(blank, data_folder: Path) -> None:
    made(blank, "new", "--name", "website", "--owner", "ann")
    first = made(blank, "webhook-secret", "ann")
    done = blank("token", "webhook-secret", "ann", "--overlap", "2d")
    second = done.stdout.strip()
    assert WEBHOOK_SECRET.fullmatch(first)
    assert WEBHOOK_SECRET.fullmatch(second)
    assert "those before it sign until" in done.stderr
    assert second not in done.stderr
    database = open_database(f"sqlite:///{data_folder / 'service.db'}")
    good = Secrets(database, from_folder(data_folder, KEY_FILE)).good("ann")
    database.dispose()
    assert [secret.reveal() for secret in good] == [second, first]


def test_a_webhook_secret_in_the_folder_of_a_service(blank, tmp_path: Path) -> None:
    folder = tmp_path / "served"
    url = f"sqlite:///{folder / 'service.db'}"
    made(blank, "new", "--name", "website", "--owner", "ann", "--database", url)
    told = json.loads(made(blank, "webhook-secret", "ann", "--data", str(folder), "--json"))
    assert WEBHOOK_SECRET.fullmatch(told["secret"])
    assert told["others_end_seconds"] is None
    assert sorted(path.name for path in folder.iterdir() if "-" not in path.name or path.name == KEY_FILE) == [
        "service.db",
        KEY_FILE,
    ]


def test_a_webhook_secret_of_nobody(blank) -> None:
    done = blank("token", "webhook-secret", "nobody")
    assert done.code == 2
    assert "no owner 'nobody'" in done.stderr
