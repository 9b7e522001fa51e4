"""The pool engine, held to the contract and to what is its own."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_contract import DRILL, EngineContract, MakeEngine, is_alive, quick_spec

from blanklogo.engines.call import LocalCall
from blanklogo.engines.pool.engine import PoolEngine
from blanklogo.engines.pool.gpu import Gpu, gpus
from blanklogo.errors import (
    CrashError,
    EngineError,
    LoadError,
    MemoryLimitError,
    OptionError,
    ProcessingError,
    UnavailableError,
)


@pytest.fixture
def make_engine() -> Iterator[MakeEngine]:
    made: list[PoolEngine] = []

    def make(spec_overrides: dict, workload: str = DRILL) -> PoolEngine:
        made.append(PoolEngine(quick_spec(spec_overrides), workload))
        return made[-1]

    yield make
    for engine in made:
        engine.close(is_patient=False)


class TestPool(EngineContract):
    parent_script = f"""
from blanklogo.engines.pool.engine import PoolEngine
from blanklogo.engines.pool.gpu import Gpu, gpus
from blanklogo.engines.spec import EngineSpec
engine = PoolEngine(EngineSpec(max_workers=1), {DRILL!r})
"""


ODD = "pool_workloads:Odd"
PATIENCE_SECONDS = 30  # for the slowest machine


def output(engine: PoolEngine, order: dict[str, Any]) -> Any:
    return engine.submit(order).result(PATIENCE_SECONDS)["output"]


def until(is_so: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def test_what_a_worker_prints_goes_to_stderr(capfd: pytest.CaptureFixture[str], make_engine: MakeEngine) -> None:
    with make_engine({}, ODD) as engine:
        assert output(engine, {"do": "chatter"}) == "quiet"
    said = capfd.readouterr()
    assert said.out == ""
    assert all(words in said.err for words in ("loading", "x" * 100_000, "raw", "from a child", "closing"))


def test_large_messages_pass_both_ways(make_engine: MakeEngine) -> None:
    engine = make_engine({}, ODD)
    got = output(engine, {"do": "large", "num_bytes": 100_000_000})
    assert got == b"\0\1\2\3" * 25_000_000
    assert output(engine, {"do": "length", "source": got}) == 100_000_000


def test_only_plain_values_travel(make_engine: MakeEngine) -> None:
    engine = make_engine({}, ODD)
    with pytest.raises(OptionError, match="cannot travel"):
        output(engine, {"do": "length", "source": Path("/a")})
    with pytest.raises(ProcessingError, match="unmarshallable"):
        output(engine, {"do": "classy"})
    with pytest.raises(ProcessingError, match="without a result"):
        output(engine, {"do": "silent"})
    assert engine.stats.num_started == 1, "none of it cost the worker"


@pytest.mark.parametrize(
    ("workload", "said"),
    [("nowhere:Thing", "No module named 'nowhere'"), ("pool_workloads:Thing", "no Thing"), ("Thing", "module:Class")],
)
def test_a_workload_that_is_not_there(make_engine: MakeEngine, workload: str, said: str) -> None:
    with pytest.raises(LoadError, match=said):
        make_engine({}, workload).submit({}).result(PATIENCE_SECONDS)


def test_loading_has_a_limit_and_is_tried_again_when_asked_again(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(LoadError, match=r"within 0\.5 s"):
        make_engine({"startup_timeout_seconds": 0.5}, "pool_workloads:Sleepy").submit({}).result(PATIENCE_SECONDS)
    mood = tmp_path / "good"
    monkeypatch.setenv("BLANKLOGO_TEST_MOOD", str(mood))
    engine = make_engine({"min_workers": 1}, "pool_workloads:Moody")
    with pytest.raises(LoadError, match="FileNotFoundError"):
        output(engine, {"do": "length", "source": b""})
    until(lambda: engine.stats.num_workers == 0)
    mood.touch()
    assert output(engine, {"do": "length", "source": b""}) == 0


def test_workers_that_die_loading_are_tried_again_before_callers_are_told(make_engine: MakeEngine) -> None:
    engine = make_engine({}, "pool_workloads:Deadly")
    with pytest.raises(LoadError, match=r"died while it loaded \(exit code 7\)"):
        engine.submit({}).result(PATIENCE_SECONDS)
    assert engine.stats.num_started == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_in_looking_after_a_worker_ends_the_call_too(make_engine: MakeEngine) -> None:
    engine = make_engine({})
    call = engine.submit({"do": "work", "seconds": 5})
    next(call.events())
    engine.spec.__dict__["timeout_seconds"] = "soon"  # no number to compare with
    with pytest.raises(EngineError, match="TypeError"):
        call.result(PATIENCE_SECONDS)
    until(lambda: engine.stats.num_workers == 0)


def test_children_count_and_go_with_their_worker(make_engine: MakeEngine) -> None:
    engine = make_engine({"memory_bytes": 250 << 20}, ODD)
    call = engine.submit({"do": "family"})
    child = int(next(call.events())["message"])
    with pytest.raises(MemoryLimitError, match="over its limit of 262 MB"):
        call.result(PATIENCE_SECONDS)
    until(lambda: not is_alive(child))


def test_a_gpu_out_of_memory_is_a_memory_limit(make_engine: MakeEngine) -> None:
    with pytest.raises(MemoryLimitError, match="CUDA out of memory"):
        make_engine({}).submit({"do": "gpu_oom"}).result(PATIENCE_SECONDS)


def test_a_worker_killed_while_idle_costs_no_call(make_engine: MakeEngine) -> None:
    engine = make_engine({"min_workers": 1})
    first = engine.submit({"do": "work", "seconds": 0}).result(PATIENCE_SECONDS)["pid"]
    os.kill(first, signal.SIGKILL)
    call = engine.submit({"do": "work", "seconds": 0})
    assert call.result(PATIENCE_SECONDS)["pid"] != first
    assert call.stats.num_attempts == 1
    os.kill(call.result()["pid"], signal.SIGKILL)
    until(lambda: engine.stats.num_started == 3 and engine.stats.num_idle == 1)


def test_a_crash_tells_how_the_worker_ended(make_engine: MakeEngine) -> None:
    engine = make_engine({})
    with pytest.raises(CrashError, match="exit code 3"):
        engine.submit({"do": "crash", "exit_code": 3}).result(PATIENCE_SECONDS)
    pid = engine.submit({"do": "work", "seconds": 0}).result(PATIENCE_SECONDS)["pid"]
    call = engine.submit({"do": "hang"})
    next(call.events())
    os.kill(pid, signal.SIGSEGV)
    with pytest.raises(CrashError, match="SIGSEGV"):
        call.result(PATIENCE_SECONDS)


def test_a_worker_has_the_environment_and_scratch_of_its_own(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    for name in usual:
        monkeypatch.delenv(name, raising=False)
    with make_engine({}, ODD) as engine:
        assert {name: output(engine, {"do": "environment", "name": name}) for name in usual} == usual
        scratch = Path(output(engine, {"do": "environment", "name": "TMPDIR"}))
        assert scratch.is_dir()
    assert not scratch.exists()
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert output(make_engine({}, ODD), {"do": "environment", "name": "OPENBLAS_NUM_THREADS"}) == "2"


def test_what_a_killed_pool_left_goes_with_the_next_worker_of_another(
    make_engine: MakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    living = make_engine({}, ODD)
    kept = Path(output(living, {"do": "environment", "name": "TMPDIR"}))
    script = TestPool.parent_script + "engine.submit({'do': 'work'}).result(60); print('there', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(
        [sys.executable, "-c", script], env=os.environ | {"TMPDIR": str(tmp_path)}, **pipes
    ) as killed:
        assert killed.stdout.readline() == b"there\n"
        assert len(os.listdir(tmp_path)) == 2
        killed.kill()
    new = Path(output(make_engine({}, ODD), {"do": "environment", "name": "TMPDIR"}))
    assert {path.name for path in tmp_path.iterdir()} == {kept.name, new.name}


def test_a_pool_that_is_forgotten_takes_its_workers_along() -> None:
    script = TestPool.parent_script + "print(engine.submit({'do': 'work'}).result(60)['pid'])"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    until(lambda: not is_alive(int(said.stdout)))


def test_a_gpu_is_each_workers_own(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,GPU-5")
    engine = make_engine({"gpu": "T4", "max_workers": 2}, ODD)
    running = engine.submit({"do": "wait", "seconds": 2})
    next(running.events())
    assert output(engine, {"do": "environment", "name": "CUDA_VISIBLE_DEVICES"}) == "GPU-5"
    running.result(PATIENCE_SECONDS)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(UnavailableError, match="no GPU"):
        make_engine({"gpu": "T4"})


@pytest.mark.parametrize("num_calls", [40, pytest.param(200, marks=pytest.mark.slow)])
def test_calls_end_once_though_workers_are_killed_at_random(make_engine: MakeEngine, num_calls: int) -> None:
    engine = make_engine({"max_workers": 2, "retries": 1})
    rng = random.Random(num_calls)
    calls = [engine.submit({"do": "work", "seconds": 0.2 * rng.random()}) for _ in range(num_calls)]
    endings = [count_endings(call) for call in calls]
    num_killed = 0
    while not all(call.is_over for call in calls):
        time.sleep(0.2 + 0.8 * rng.random())
        for pid in rng.sample(workers := worker_pids(), min(1, len(workers))):
            os.kill(pid, signal.SIGKILL)
            num_killed += 1
    assert num_killed > 2
    heard = [ended() for ended in endings]
    assert [len(words) for words in heard] == [1] * num_calls
    assert heard.count(["result"]) > 0.8 * num_calls
    engine.close()
    assert worker_pids() == []


def count_endings(call: LocalCall) -> Callable[[], list[str]]:
    """Hears a call out; the function waits for its end, and gives every end that came."""
    heard: list[str] = []

    def hear() -> None:
        heard.extend("result" for event in call.events() if event["type"] == "result")
        try:
            call.result(0)
        except (CrashError, LoadError) as error:  # its worker was killed twice, or while it started
            heard.append(type(error).__name__)

    thread = threading.Thread(target=hear)
    thread.start()

    def ended() -> list[str]:
        thread.join(PATIENCE_SECONDS)
        return heard

    return ended


def worker_pids() -> list[int]:
    """Our children that run a worker."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == os.getpid() and b"blanklogo.engines.pool.worker" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return sorted(found)


def test_without_a_driver_the_gpus_are_not_known_and_nothing_is_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if Path("/dev/nvidiactl").exists():
        utilisation, num_bytes = gpus()[0].sample()
        assert 0 <= utilisation <= 1
        assert num_bytes > 0
    else:
        with pytest.raises(UnavailableError, match="NVIDIA"):
            gpus()
        assert Gpu("0").sample() == (None, None)
