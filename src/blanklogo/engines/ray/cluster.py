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
from types import ModuleType
from typing import Any

from blanklogo.engines.ray.border import foreign_errors
from blanklogo.errors import OptionError, UnavailableError

_STORE_BYTES = 128 << 20  # of the local object store; larger things go through the disk
_LOGS_SECONDS = 5.0
_SHARED = threading.Lock()
_joined: dict[str, Any] = {"num_engines": 0, "is_ours": False, "folder": None}


def join(address: str | None) -> None:
    """Connects this process, or starts a Ray on this machine when there is no address; `leave` undoes it.

    A Ray that the process has already is used as it is, and stays after `leave`.

    Raises:
        OptionError: a Ray Client address.
        UnavailableError: Ray is not installed, the cluster does not answer, or the process is connected to another.
    """
    if address and address.startswith("ray://"):
        raise OptionError(
            f"address {address}",
            accepted="HOST:6379 of a cluster that this machine is a node of, or auto",
            hint="run in the cluster (`ray job submit`): Ray Client streams nothing back",
        )
    with _SHARED:
        ray = _ray()
        if ray.is_initialized():
            _check_same(ray, address)
        else:
            _connect(ray, address)
            _joined["is_ours"] = True
            _let_print(ray, False)
        _joined["num_engines"] += 1


def leave() -> None:
    """Disconnects when the last engine leaves, if an engine had connected; stops the Ray that was started for it."""
    with _SHARED:
        _joined["num_engines"] -= 1
        if _joined["num_engines"] or not _joined["is_ours"]:
            return
        ray = _ray()
        ray.shutdown()
        _let_print(ray, True)
        _joined["is_ours"] = False
        _remove_folder()


def _ray() -> ModuleType:
    try:
        import ray
    except ImportError as error:
        raise UnavailableError("Ray is not installed", hint="pip install 'blanklogo[ray]'") from error
    return ray


def _check_same(ray: ModuleType, address: str | None) -> None:
    present = ray.get_runtime_context().gcs_address
    if address not in (None, "auto", present):
        raise UnavailableError(
            f"this process is connected to the Ray at {present}, not to {address}",
            hint="a process of its own for each cluster",
        )


def _connect(ray: ModuleType, address: str | None) -> None:
    with foreign_errors(f"reach the Ray at {address}" if address else "start Ray"), _own_sigterm():
        if address:
            ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            return
        _joined["folder"] = tempfile.mkdtemp(prefix="bl-ray-")  # short: it ends up in the names of sockets
        try:
            with _no_usage_statistics():
                ray.init(
                    address="local",
                    include_dashboard=False,
                    log_to_driver=False,
                    logging_level="ERROR",
                    object_store_memory=_STORE_BYTES,
                    _temp_dir=_joined["folder"],
                )
        except BaseException:
            _remove_folder()
            raise


def _let_print(ray: ModuleType, may: bool) -> None:
    """Ray prints that a worker died on our stdout, which is for data; there is no public switch for it."""
    ray._private.worker._worker_logs_enabled = may


def _remove_folder() -> None:
    """Ray's last processes may still be writing their logs there, so it may take more than one go."""
    end = time.monotonic() + _LOGS_SECONDS
    while _joined["folder"]:
        shutil.rmtree(_joined["folder"], ignore_errors=True)
        if not os.path.exists(_joined["folder"]) or time.monotonic() > end:
            _joined["folder"] = None
        else:
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
