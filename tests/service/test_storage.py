"""The storage in a local folder: what is put is there whole or not at all."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from storages import KEYS, MEDIA, ServiceUrls, files_under, local_storage, pieces

from blanklogo.errors import (
    ConflictError,
    NotFoundError,
    OptionError,
    TooLargeError,
    UnavailableError,
    WriteError,
)
from blanklogo.service.storage import Storage, Stored, open_storage

KEY = "own_1/job_1/input.mp4"
SHA256 = hashlib.sha256(MEDIA).hexdigest()


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return local_storage(tmp_path / "files")


def breaking(after: int) -> Iterator[bytes]:
    yield from list(pieces(MEDIA))[:after]
    raise TimeoutError("the line broke")


async def from_network(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        await asyncio.sleep(0)
        yield chunk


def test_what_was_put_is_read_in_whole_and_in_parts(storage: Storage) -> None:
    assert storage.put(KEY, pieces(MEDIA)) == Stored(len(MEDIA), SHA256)
    assert b"".join(storage.read(KEY)) == MEDIA
    assert b"".join(storage.read(KEY, 1_000_000, 2_500_001)) == MEDIA[1_000_000:2_500_001]
    assert b"".join(storage.read(KEY, 2_999_999)) == MEDIA[-1:]
    assert b"".join(storage.read(KEY, 5, 5)) == b""
    assert storage.digest(KEY) == Stored(len(MEDIA), SHA256)
    stat = storage.stat(KEY)
    assert (stat.key, stat.num_bytes) == (KEY, len(MEDIA))
    assert abs(stat.modified_seconds - time.time()) < 60


def test_what_comes_from_a_network_is_put_alike(storage: Storage) -> None:
    assert asyncio.run(storage.put_async(KEY, from_network(pieces(MEDIA)))) == Stored(len(MEDIA), SHA256)
    assert b"".join(storage.read(KEY)) == MEDIA


def test_objects_are_made_of_others_several_at_once(storage: Storage) -> None:
    storage.put(KEY, pieces(MEDIA))
    keys = [f"own_1/job_{number}/copy.mp4" for number in range(2, 10)]
    with ThreadPoolExecutor(len(keys)) as threads:
        copies = list(threads.map(lambda key: storage.put(key, storage.read(KEY)), keys))
    assert set(copies) == {Stored(len(MEDIA), SHA256)}


def test_an_empty_object_is_one(storage: Storage) -> None:
    assert storage.put(KEY, []).num_bytes == 0
    assert b"".join(storage.read(KEY)) == b""
    assert storage.stat(KEY).num_bytes == 0


def test_nothing_there(storage: Storage) -> None:
    for ask in (storage.stat, storage.read, storage.digest):
        with pytest.raises(NotFoundError, match=KEY):
            ask(KEY)
    storage.delete(KEY)
    assert storage.delete_prefix("own_1") == 0


@pytest.mark.parametrize("is_async", [False, True])
def test_what_breaks_off_leaves_what_was_there(storage: Storage, tmp_path: Path, is_async: bool) -> None:
    def put() -> None:
        if is_async:
            asyncio.run(storage.put_async(KEY, from_network(breaking(40))))
        else:
            storage.put(KEY, breaking(40))

    storage.put(KEY, [b"before"])
    with pytest.raises(TimeoutError, match="the line broke"):
        put()
    assert b"".join(storage.read(KEY)) == b"before"
    assert files_under(tmp_path / "files") == [KEY]


def test_too_much_is_refused_while_it_comes(storage: Storage, tmp_path: Path) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while True:
            taken += 65536
            yield bytes(65536)

    with pytest.raises(TooLargeError, match="up to 1 MB"):
        storage.put(KEY, endless(), max_bytes=1_000_000)
    assert taken < 1_100_000
    assert files_under(tmp_path / "files") == []


def test_another_digest_is_refused(storage: Storage, tmp_path: Path) -> None:
    storage.put(KEY, pieces(MEDIA), sha256=SHA256)
    with pytest.raises(OptionError, match="SHA-256"):
        storage.put("own_1/job_1/other.mp4", pieces(MEDIA[1:]), sha256=SHA256)
    assert files_under(tmp_path / "files") == [KEY]


def test_of_two_who_create_one_succeeds(storage: Storage) -> None:
    storage.create(KEY, b"first")
    with pytest.raises(ConflictError):
        storage.create(KEY, b"second")
    assert b"".join(storage.read(KEY)) == b"first"


def test_an_object_that_is_replaced_is_not_mixed_with_the_old_one(storage: Storage) -> None:
    storage.put(KEY, pieces(MEDIA))
    seen = storage.stat(KEY)
    reading = storage.opened(seen)
    begun = next(reading)
    storage.put(KEY, pieces(MEDIA[::-1]))
    assert begun + b"".join(reading) == MEDIA
    with pytest.raises(ConflictError):
        storage.opened(seen)
    assert storage.stat(KEY).e_tag != seen.e_tag


def test_a_copy_is_there_on_its_own(storage: Storage) -> None:
    storage.put(KEY, pieces(MEDIA))
    storage.copy(KEY, "own_1/job_2/a/output.mp4")
    storage.put(KEY, iter([b"another"]))
    assert storage.digest("own_1/job_2/a/output.mp4") == Stored(len(MEDIA), SHA256)
    storage.delete_prefix("own_1/job_2/")
    assert b"".join(storage.read(KEY)) == b"another"
    with pytest.raises(NotFoundError):
        storage.copy("own_1/job_3/input.mp4", KEY)
    assert b"".join(storage.read(KEY)) == b"another"


def test_a_prefix_is_of_whole_parts(storage: Storage) -> None:
    for key in ("own_1/job_1/a", "own_1/job_1/b", "own_1/job_12/a", "own_2/job_1/a"):
        storage.put(key, [b"x"])
    assert sorted(storage.listed("own_1/job_1")) == sorted(storage.listed("own_1/job_1/"))
    assert sorted(storage.listed("own_1/job_1/")) == ["own_1/job_1/a", "own_1/job_1/b"]
    assert len(list(storage.listed())) == 4
    assert storage.delete_prefix("own_1/job_1/") == 2
    assert sorted(storage.listed()) == ["own_1/job_12/a", "own_2/job_1/a"]


HOSTILE = (
    "",
    "/",
    "/etc/passwd",
    "..",
    "../x",
    "own/../../x",
    "own/./x",
    "own//x",
    "own/x/",
    "own/x\0.mp4",
    "own/x\n",
    "own\\x",
    "own/%2e%2e/x",
    "own%2Fx",
    "own/x#1",
    "own/x?y",
    "own/.hidden",
    "own/x..y",
    "own/x.",
    "own/ x",
    "C:/x",
    "own/é",
    "own/\uff0e\uff0e/x",  # full-width dots, that some normal form makes plain
    "own\u2215x",  # a slash that is none
    "own/x\u202emp4",
    "a/b/c/d/e/f/g/h/i",
    "x" * 600,
)


@pytest.mark.parametrize("key", HOSTILE)
def test_a_key_that_could_mean_anything_else_is_refused(storage: Storage, tmp_path: Path, key: str) -> None:
    for use in (
        lambda: storage.put(key, [b"x"]),
        lambda: storage.create(key, b"x"),
        lambda: storage.read(key),
        lambda: storage.stat(key),
        lambda: storage.delete(key),
        lambda: storage.sign_get(key, 60),
        lambda: storage.sign_put(key, 60),
    ):
        with pytest.raises(OptionError):
            use()
    if key not in ("own/x/",):  # what is a prefix, with its slash
        with pytest.raises(OptionError):
            storage.delete_prefix(key)
    assert files_under(tmp_path / "files") == []
    assert not (tmp_path / "x").exists()


# What disks and kills do

WRITER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from storages import local_storage
def slowly():
    for number in range(10_000):
        yield bytes(1 << 20)
        if number == 20:
            print("half", flush=True)
        if number >= 20:
            time.sleep(0.05)
local_storage(Path(sys.argv[1])).put("own_1/job_1/input.mp4", slowly(), max_bytes=10**12)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9")
def test_a_killed_writer_leaves_a_temporary_file_that_a_sweep_removes(storage: Storage, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path / "files"), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "half\n"
        assert storage.sweep(older_than_seconds=60) == 0, "somebody is writing to it"
        writer.send_signal(signal.SIGKILL)
    assert files_under(tmp_path / "files") == [f"{KEY}#1"]
    assert list(storage.listed()) == []
    with pytest.raises(NotFoundError):
        storage.stat(KEY)
    assert storage.sweep(older_than_seconds=-1) == 1
    assert list((tmp_path / "files").iterdir()) == []


def test_what_is_half_written_goes_with_what_is_beside_it(storage: Storage, tmp_path: Path) -> None:
    storage.put(KEY, iter([b"whole"]))
    folder, other = KEY.rpartition("/")[0], "own_1/job_other"
    for place in (folder, other):
        (tmp_path / "files" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "files" / place / "output.mp4#1").write_bytes(b"half")
    assert storage.sweep(0.0, f"{folder}/") == 1
    assert files_under(tmp_path / "files") == [KEY, f"{other}/output.mp4#1"]
    assert storage.delete_prefix("own_1/") == 1
    assert list((tmp_path / "files").iterdir()) == []


FILLER = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from blanklogo.errors import WriteError
from storages import local_storage
storage = local_storage(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, 3 << 20))
for put in (
    lambda: storage.put("own_1/job_1/input.mp4", (bytes(1 << 20) for _ in range(30))),
    lambda: storage.create("own_1/job_1/part", bytes(8 << 20)),
):
    try:
        put()
    except WriteError as error:
        print(error)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits a file's size")
def test_a_disk_that_is_full_is_told_and_left_clean(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FILLER, str(tmp_path / "files"), str(Path(__file__).parent)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said.count("no room left on the storage's disk") == 2
    assert said.count("free some space") == 2
    assert files_under(tmp_path / "files") == []


def test_a_disk_is_not_filled_into_its_reserve(tmp_path: Path) -> None:
    storage = local_storage(tmp_path / "files", reserve_bytes=1 << 60)
    with pytest.raises(WriteError, match="no room left"):
        storage.put(KEY, [b"x"])
    with pytest.raises(WriteError, match="no room left"):
        storage.create(KEY, b"x")
    with pytest.raises(WriteError, match=r"500\.0 MB more"):
        storage.check_room(500_000_000)
    assert files_under(tmp_path / "files") == []


@pytest.mark.parametrize("url", ["files", "ftp://host/x", "file://elsewhere/x", "s3://", "s3://bucket?x=1"])
def test_a_storage_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(OptionError, match="s3://BUCKET"):
        open_storage(url, ServiceUrls(KEYS, "http://service.test"))


def test_an_object_store_without_its_settings_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(UnavailableError, match="Account must be specified"):
        open_storage("az://container", ServiceUrls(KEYS, "http://service.test"))


def test_a_folder_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    open_storage(f"file://{tmp_path}/a%20b/files", ServiceUrls(KEYS, "http://service.test"))
    assert (tmp_path / "a b" / "files").stat().st_mode & 0o077 == 0
