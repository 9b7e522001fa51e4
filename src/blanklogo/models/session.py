"""Sessions, opened once a process.

session = open_session("marks.onnx")
boxes, = session.run(pictures)
close_sessions()
"""

from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path
from threading import Lock

from blanklogo.errors import EngineError, LoadError, OptionError, ProcessingError, UnavailableError, WeightsError
from blanklogo.models.device import Device, Placement
from blanklogo.models.formats import ACCEPTED, format_of
from blanklogo.models.onnx_session import OnnxSession
from blanklogo.models.ports import Port, Session
from blanklogo.models.torch_session import TorchScriptSession
from blanklogo.models.weights import Format

__all__ = ["Port", "Session", "SessionCache", "close_sessions", "load_session", "open_session"]

_Key = tuple[str, int, int, Device, int]


def load_session(path: Path | str, device: Device | str = Device.AUTO, num_threads: int = 1) -> Session:
    """A session of its own, loaded and warmed up; see `open_session`."""
    path, device = Path(path), Device(device)
    if num_threads < 1:
        raise OptionError(f"{num_threads} threads", accepted="1 or more")
    kind = OnnxSession if format_of(path) is Format.ONNX else TorchScriptSession
    try:
        return _warm(kind(path, device, num_threads))
    except EngineError as error:
        if device is not Device.AUTO or isinstance(error, UnavailableError) or not kind.is_cuda_offered():
            raise
        session = _warm(kind(path, Device.CPU, num_threads))
        session.placement = Placement(Device.CPU, f"CUDA is there, but {error}")
        return session


def _warm(session: Session) -> Session:
    """The session after a first run, which also proves that it runs at all."""
    try:
        session.warm_up()
    except ProcessingError as error:
        session.close()
        raise LoadError(f"at its first run {error}") from error
    return session


class SessionCache:
    """Sessions by file, device and number of threads. A file that was replaced since is another file.

    However many threads ask for one at once, it is loaded once, and those who wait hold up nobody who asks for another.
    A load that failed is forgotten, so that the next to ask tries again.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._sessions: dict[_Key, Future[Session]] = {}

    def open(self, path: Path | str, device: Device | str = Device.AUTO, num_threads: int = 1) -> Session:
        """See `open_session`."""
        key = _key(Path(path), Device(device), num_threads)
        with self._lock:
            found = self._sessions.get(key)
            mine = self._sessions[key] = Future() if found is None else found
        if found is None:
            self._load(key, mine)
        return mine.result()

    def _load(self, key: _Key, into: Future[Session]) -> None:
        path, _, _, device, num_threads = key
        try:
            into.set_result(load_session(path, device, num_threads))
        except BaseException as error:
            with self._lock:
                self._sessions.pop(key, None)
            into.set_exception(error)

    def close(self) -> None:
        """Closes every session. One that is being loaded meanwhile is closed as soon as it is there."""
        with self._lock:
            sessions, self._sessions = self._sessions, {}
        for loaded in sessions.values():
            loaded.add_done_callback(_close)


def _key(path: Path, device: Device, num_threads: int) -> _Key:
    try:
        path = path.resolve(strict=True)
        status = path.stat()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}", accepted=ACCEPTED) from error
    return str(path), status.st_mtime_ns, status.st_size, device, num_threads


def _close(loaded: Future[Session]) -> None:
    if loaded.exception() is None:
        loaded.result().close()


_SESSIONS = SessionCache()


def open_session(path: Path | str, device: Device | str = Device.AUTO, num_threads: int = 1) -> Session:
    """This process's session of a network, loaded at the first call.

    Args:
        path: an ONNX file or a TorchScript archive; which one, its content says.
        device: auto, cpu or cuda.
        num_threads: of the CPU, for one run. One is best where several frames are under way at once anyway.

    Raises:
        WeightsError: the file is missing, a pickle, or of another format that is refused.
        LoadError: it is damaged, of operators that are not known, or fails at its first run.
        MemoryLimitError: it does not fit into memory.
        UnavailableError: CUDA is asked for and not there; PyTorch is needed and not installed.
        OptionError: another device, or fewer than one thread.
    """
    return _SESSIONS.open(path, device, num_threads)


def close_sessions() -> None:
    """Lets go all that `open_session` holds; whoever still has one of these gets `UnavailableError` from its runs."""
    _SESSIONS.close()
