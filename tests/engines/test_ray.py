"""The Ray engine: the contract, and what is Ray's alone. One Ray serves the whole file."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from engine_contract import DRILL, EngineContract, MakeEngine, quick_spec

from blanklogo.engines.base import REMOVER
from blanklogo.engines.ray import RayEngine, border
from blanklogo.errors import (
    BlankLogoError,
    CrashError,
    LoadError,
    OptionError,
    SourceError,
    TargetError,
    UnavailableError,
)
from blanklogo.testbed.cases import Burning, Case, make_case
from blanklogo.testbed.marks import draw_mark
from blanklogo.testbed.scenes import Scene
from blanklogo.types import Order

ray = pytest.importorskip("ray")

HEAD_CPUS = 4
ALONE_SECONDS = 120  # for a process that starts a Ray of its own on a busy machine


@pytest.fixture(scope="module")
def closed_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ray") / "closed"


@pytest.fixture(scope="module")
def cluster(closed_path: Path) -> Iterator[Any]:
    """A cluster of one small node, to which this process is connected; tests may add nodes."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="bl-")  # short: sockets live in it
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "RAY_TMPDIR": folder,
            "TMPDIR": folder,  # what workers leave when their node or their caller is killed goes with it
            "RAY_USAGE_STATS_ENABLED": "0",
            "BLANKLOGO_DRILL_CLOSED": str(closed_path),
            "PYTHONPATH": os.pathsep.join(sys.path),  # workers import what this folder has
        }.items():
            patch.setenv(name, value)
        made = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": HEAD_CPUS,
                "include_dashboard": False,
                "_system_config": {"health_check_period_ms": 500, "health_check_failure_threshold": 4},
            },
        )
        try:
            before = signal.getsignal(signal.SIGTERM)
            ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
            signal.signal(signal.SIGTERM, before)  # Ray takes it for itself
            yield made
        finally:
            ray.shutdown()
            made.shutdown()
            _until(lambda: shutil.rmtree(folder, ignore_errors=True) or not Path(folder).exists())


@pytest.fixture
def make_engine(cluster: Any) -> Iterator[MakeEngine]:
    made: list[RayEngine] = []

    def make(spec_overrides: dict[str, Any], workload: str = DRILL, address: str | None = None) -> RayEngine:
        made.append(RayEngine(quick_spec(spec_overrides), workload, address))
        return made[-1]

    yield make
    for engine in made:
        engine.close(is_patient=False)


class TestRay(EngineContract):
    @pytest.fixture
    def closed_log(self, cluster: Any, closed_path: Path) -> Path:
        """Workers have the environment in which Ray was started, so the file is the same for all tests."""
        closed_path.unlink(missing_ok=True)
        return closed_path

    @pytest.fixture(autouse=True)
    def _parent_joins_this_cluster(self, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        script = f"""
from blanklogo.engines.ray import RayEngine, border
from blanklogo.engines.spec import EngineSpec
engine = RayEngine(EngineSpec(cpu_cores=0.25), {DRILL!r}, {cluster.address!r})
"""
        monkeypatch.setattr(type(self), "parent_script", script)


# Removals


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> Case:
    scene = Scene("walk", 160, 120, 24, seed=3)
    return make_case(scene, draw_mark("bug"), tmp_path_factory.mktemp("small"), Burning(scale=1.0, crf=20))


@pytest.fixture(scope="module")
def cleaned(case: Case) -> bytes:
    """What the command makes of it, which like a worker gives OpenBLAS one thread: else what it adds up varies."""
    target, (box,) = case.folder / "clean.mp4", _boxes(case)
    place = f"{box.x0},{box.y0},{box.width},{box.height}"
    command = [sys.executable, "-m", "blanklogo", "remove", case.marked, "-o", target, "--box", place, "--quiet"]
    subprocess.run(command, check=True, timeout=ALONE_SECONDS)
    return target.read_bytes()


@pytest.mark.parametrize("sees_our_disk", [True, False], ids=["one disk", "other disks"])
def test_a_file_becomes_the_same_file_as_without_ray(
    cluster: Any, make_engine: MakeEngine, case: Case, cleaned: bytes, tmp_path: Path, sees_our_disk: bool
) -> None:
    engine = make_engine({}, REMOVER, None if sees_our_disk else cluster.address)
    target = tmp_path / "clean.mp4"
    call = engine.submit(Order(str(case.marked), str(target), boxes=_boxes(case)))
    stages = {event["stage"] for event in call.events() if event["type"] == "progress"}
    result = call.result(60)
    assert (result["output"], result["report"]["verify"]["frames_match"]) == (str(target), True)
    assert target.read_bytes() == cleaned
    assert {"learn", "restore", "verify"} <= stages
    assert [path.name for path in tmp_path.iterdir()] == ["clean.mp4"], "nothing but the result"


def test_bytes_become_the_same_bytes_as_without_ray(make_engine: MakeEngine, case: Case, cleaned: bytes) -> None:
    engine = make_engine({}, REMOVER)
    assert engine.submit(Order(case.marked.read_bytes(), boxes=_boxes(case))).result(180)["output"] == cleaned


def test_what_cannot_travel_is_the_callers_own_error(
    cluster: Any, make_engine: MakeEngine, case: Case, tmp_path: Path
) -> None:
    engine = make_engine({}, REMOVER, cluster.address)
    (tmp_path / "there.mp4").touch()
    for order, kind in (
        (Order(str(tmp_path / "missing.mp4")), SourceError),
        (Order(str(case.marked), str(tmp_path / "there.mp4")), TargetError),
    ):
        with pytest.raises(kind):
            engine.submit(order).result(60)
    assert engine.stats.num_started == 0, "no worker is started for that"


# The cluster


def test_a_killed_worker_leaves_no_file(make_engine: MakeEngine) -> None:
    engine = make_engine({"cpu_cores": 2}, "pool_workloads:Odd")
    names = {name: engine.submit({"do": "environment", "name": name}) for name in ("TMPDIR", "OPENBLAS_NUM_THREADS")}
    told = {name: call.result(60)["output"] for name, call in names.items()}
    assert told["OPENBLAS_NUM_THREADS"] == "1"
    assert Path(told["TMPDIR"]).is_dir()
    engine.close(is_patient=False)
    assert not Path(told["TMPDIR"]).exists()


def test_a_call_on_a_lost_gpu_node_is_done_on_another(cluster: Any, make_engine: MakeEngine) -> None:
    for _ in range(2):
        cluster.add_node(num_cpus=1, num_gpus=1)  # Ray takes our word for the GPU, and the head has none
    engine = make_engine({"gpu": ("A10",), "retries": 1})
    call = engine.submit({"do": "work", "seconds": 4, "num_events": 40})
    next(call.events())
    lost, (kept,) = _apart(cluster.worker_nodes)
    try:
        cluster.remove_node(lost, allow_graceful=False)
        answer = call.result(60)
        assert call.stats.num_attempts == 2
        assert _raylet_of(answer["pid"]) == _raylet(kept)
    finally:
        engine.close(is_patient=False)
        cluster.remove_node(kept)


def test_a_worker_that_no_node_has_room_for_is_waited_for_no_longer_than_its_call(make_engine: MakeEngine) -> None:
    engine = make_engine({"cpu_cores": 999, "max_queue_seconds": 1.0})
    with pytest.raises(UnavailableError, match="no worker was free for 1"):
        engine.submit({"do": "work"}).result(30)
    _until(lambda: engine.stats.num_workers == 0)


def test_engines_share_the_process_s_ray_and_leave_it_as_it_was(make_engine: MakeEngine) -> None:
    first, second = make_engine({}), make_engine({})
    first.submit({"do": "work"}).result(60)
    first.close()
    second.submit({"do": "work"}).result(60)
    second.close()
    assert ray.is_initialized()


@pytest.mark.parametrize("address", ["ray://127.0.0.1:10001", "127.0.0.1:1"])
def test_an_address_that_cannot_do_is_refused_by_name(make_engine: MakeEngine, address: str) -> None:
    with pytest.raises((OptionError, UnavailableError), match=address):
        make_engine({}, DRILL, address)


def test_a_workload_that_is_not_there_is_named(make_engine: MakeEngine) -> None:
    engine = make_engine({}, "blanklogo.engines.drill:Nobody")
    with pytest.raises(LoadError, match="Nobody"):
        engine.submit({"do": "work"}).result(60)


_ALONE = f"""
import json, os, signal, sys
before = signal.getsignal(signal.SIGTERM)
from blanklogo.engines.ray import RayEngine, border
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import CrashError
with RayEngine(EngineSpec(cpu_cores=0.25), {DRILL!r}) as engine:
    try:
        engine.submit({{"do": "crash"}}).result(60)
    except CrashError as error:
        told = str(error)
    worker = engine.submit({{"do": "work"}}).result(60)["pid"]
kept = signal.getsignal(signal.SIGTERM) is before
print(json.dumps({{"told": told, "worker": worker, "kept": kept}}))
"""


def test_a_ray_of_its_own_comes_and_goes_quietly(tmp_path: Path) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bl-"))  # short: sockets live in it
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ALONE],
            env=os.environ | {"TMPDIR": str(folder)},
            capture_output=True,
            text=True,
            timeout=ALONE_SECONDS,
            check=True,
        )
        said = json.loads(done.stdout)  # and nothing else: stdout is for data
        assert done.stderr == ""
        assert "actor" in said["told"]
        assert said["kept"], "SIGTERM is as it was"
        assert not [command for _, command in _commands() if str(folder) in command]
        assert not Path(f"/proc/{said['worker']}").exists()
        assert list(folder.iterdir()) == []
    finally:
        shutil.rmtree(folder)


# The border


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        ("NodeDiedError('m')", CrashError),
        ("ActorDiedError()", CrashError),
        ("ActorUnavailableError('m', None)", CrashError),
        ("OutOfMemoryError('m')", CrashError),
        ("RayTaskError('f', 't', ModuleNotFoundError('m'))", LoadError),
        ("RaySystemError('m')", LoadError),
    ],
)
def test_what_ray_raises_while_a_worker_starts(raised: str, kind: type[BlankLogoError]) -> None:
    error = eval(raised, vars(ray.exceptions))
    with pytest.raises(kind, match=type(error).__name__), border.starting():
        raise error


def test_what_a_page_of_ray_s_says_in_a_line() -> None:
    page = "The actor died.\n\tclass_name: A\n\tpid: 7\n\tip: h\nIt was killed. Some common causes include: (1)"
    assert border.gist(ConnectionError(page)) == "ConnectionError: The actor died. It was killed."


def _boxes(case: Case) -> tuple:
    return tuple(place.box for place in case.places)


def _apart(nodes: Any) -> tuple[Any, list[Any]]:
    """The node that has an actor, and the others."""
    raylets = {_raylet_of(pid) for pid, command in _commands() if command.startswith("ray::Actor")}
    (busy,) = [node for node in nodes if _raylet(node) in raylets]
    return busy, [node for node in nodes if node is not busy]


def _raylet(node: Any) -> int:
    return node.all_processes["raylet"][0].process.pid


def _raylet_of(pid: int) -> int:
    """A worker's parent, proc_pid_stat(5)."""
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def _commands() -> Iterator[tuple[int, str]]:
    """Every process with its command line."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it ended meanwhile
            yield int(path.parent.name), path.read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _until(is_so: Any, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < end, "not within the time allowed"
        time.sleep(0.05)
