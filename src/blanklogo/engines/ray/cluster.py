"""Joining and leaving Ray. A process has one Ray at a time, so the engines of a process share it."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType

from blanklogo.engines.ray.border import joining
from blanklogo.errors import OptionError, UnavailableError

_STORE_BYTES = 128 << 20  # of the local object store; larger things go through the disk
_LOGS_SECONDS = 5.0  # in which Ray's last processes have written their last lines

_lock = threading.Lock()
_members: set[Membership] = set()
_ours: _Joined | None = None  # None: Ray was there before us, or is not there


class Membership:
    """An engine's part in Ray."""

    def leave(self) -> None:
        """Ray stays while other engines use it, and if it was there before them. Again is harmless."""
        global _ours
        with _lock:
            _members.discard(self)
            if _ours is not None and not _members:
                ray = _ray()
                ray.shutdown()
                _let_print(ray, True)
                _remove(_ours.folder)
                _ours = None


@dataclass(frozen=True)
class _Joined:
    """What we joined: a cluster at an address, or a Ray of our own with a folder."""

    address: str | None
    folder: str | None


def join(address: str | None) -> Membership:
    """Connects this process, or starts a Ray on this machine when there is no address.

    A Ray that the process has already is used as it is.

    Raises:
        OptionError: a Ray Client address.
        UnavailableError: Ray is not installed, the cluster does not answer, or the process is connected to another.
    """
    global _ours
    if address and address.startswith("ray://"):
        raise OptionError(
            f"address {address}",
            accepted="HOST:6379 of a cluster that this machine is a node of, or auto",
            hint="run in the cluster (`ray job submit`): Ray Client streams nothing back",
        )
    with _lock:
        ray = _ray()
        if ray.is_initialized():
            _check_same(ray, address)
        else:
            _ours = _connected(ray, address)
            _let_print(ray, False)
        member = Membership()
        _members.add(member)
        return member


def joined_ray() -> ModuleType:
    """Ray, as long as this process has one: its functions would start another without being asked.

    Raises:
        ConnectionError: it has none any more.
    """
    ray = _ray()
    if not ray.is_initialized():
        raise ConnectionError("this process has left Ray")
    return ray


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise UnavailableError("Ray is not installed", hint="pip install 'blanklogo[ray]'") from error
    return ray


def _check_same(ray: ModuleType, address: str | None) -> None:
    present = ray.get_runtime_context().gcs_address
    is_other = address not in (None, "auto", present)
    if is_other or (address is None and _ours is not None and _ours.address is not None):
        raise UnavailableError(
            f"this process is connected to the Ray at {present}, not to {address or 'one of its own'}",
            hint="a process for each",
        )


def _connected(ray: ModuleType, address: str | None) -> _Joined:
    with joining(f"the Ray at {address}" if address else "a Ray of its own"), _own_sigterm():
        if address:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            return _Joined(address, None)
        folder = tempfile.mkdtemp(prefix="bl-ray-")  # short: it ends up in the names of sockets
        try:
            with _no_usage_statistics():
                ray.init(
                    address="local",
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="ERROR",
                    object_store_memory=_STORE_BYTES,
                    _temp_dir=folder,
                )
        except BaseException:
            _remove(folder)
            raise
        return _Joined(None, folder)


def _let_print(ray: ModuleType, may: bool) -> None:
    """Ray prints that a worker died on our stdout, which is for data; there is no public switch for it."""
    ray._private.worker._worker_logs_enabled = may


def _remove(folder: str | None) -> None:
    """Ray's last processes may still be writing their logs there, so it may take more than one go."""
    end = time.monotonic() + _LOGS_SECONDS
    while folder and os.path.exists(folder) and time.monotonic() < end:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """`ray.init` takes SIGTERM for itself; how this process stops is not Ray's to decide."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _no_usage_statistics() -> Iterator[None]:
    """Videos are private, and so is the fact that someone works on them."""
    before = os.environ.get("RAY_USAGE_STATS_ENABLED")
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["RAY_USAGE_STATS_ENABLED"]
        else:
            os.environ["RAY_USAGE_STATS_ENABLED"] = before
