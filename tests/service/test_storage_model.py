"""The storage is a dict: whatever is done to both, in whatever order, they hold the same."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from storages import files_under, local_storage

from blanklogo.errors import ConflictError, NotFoundError, OptionError, TooLargeError

NAMES = st.sampled_from(["a", "b", "input.mp4"])
KEYS = st.builds("/".join, st.tuples(st.sampled_from(["own_1", "own_2"]), st.sampled_from(["job_1", "job_12"]), NAMES))
DATA = st.binary(max_size=300)


class StorageMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.storage = local_storage(self.folder)
        self.model: dict[str, bytes] = {}

    def teardown(self) -> None:
        shutil.rmtree(self.folder)

    keys = Bundle("keys")

    @rule(target=keys, key=KEYS, data=DATA)
    def put(self, key: str, data: bytes) -> str:
        stored = self.storage.put(key, [data[:100], data[100:]])
        assert (stored.num_bytes, stored.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        self.model[key] = data
        return key

    @rule(key=KEYS, data=DATA)
    def create(self, key: str, data: bytes) -> None:
        if key in self.model:
            with pytest.raises(ConflictError):
                self.storage.create(key, data)
        else:
            self.storage.create(key, data)
            self.model[key] = data

    @rule(key=KEYS, data=DATA)
    def break_off(self, key: str, data: bytes) -> None:
        def broken() -> Iterator[bytes]:
            yield data
            raise KeyError("the source broke")

        with pytest.raises(KeyError):
            self.storage.put(key, broken())

    @rule(key=KEYS, data=DATA.filter(len))
    def put_too_much(self, key: str, data: bytes) -> None:
        with pytest.raises(TooLargeError):
            self.storage.put(key, [data], max_bytes=len(data) - 1)

    @rule(key=KEYS, data=DATA)
    def put_another(self, key: str, data: bytes) -> None:
        with pytest.raises(OptionError):
            self.storage.put(key, [data], sha256="0" * 64)

    @rule(key=keys)
    def delete(self, key: str) -> None:
        self.storage.delete(key)
        self.model.pop(key, None)

    @rule(owner=st.sampled_from(["own_1", "own_2"]), job=st.sampled_from(["", "/job_1", "/job_12"]))
    def delete_prefix(self, owner: str, job: str) -> None:
        under = [key for key in self.model if key.startswith(f"{owner}{job}/")]
        assert self.storage.delete_prefix(f"{owner}{job}/") == len(under)
        for key in under:
            del self.model[key]

    @rule(key=KEYS, start=st.integers(0, 350), length=st.integers(0, 350))
    def read(self, key: str, start: int, length: int) -> None:
        if key not in self.model:
            with pytest.raises(NotFoundError):
                self.storage.read(key, start, start + length)
        else:
            read = b"".join(self.storage.read(key, start, start + length))
            assert read == self.model[key][start : start + length]

    @rule()
    def sweep(self) -> None:
        assert self.storage.sweep(older_than_seconds=-1) == 0

    @invariant()
    def they_hold_the_same(self) -> None:
        assert {stat.key: stat.num_bytes for stat in self.storage.stats()} == {
            key: len(data) for key, data in self.model.items()
        }
        assert files_under(self.folder) == sorted(self.model), "no file that is no object"


TestStorageIsADict = StorageMachine.TestCase
TestStorageIsADict.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
