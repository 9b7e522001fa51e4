"""The Ray engine: the contract, and what is Ray's alone. One Ray serves the whole file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from engine_contract import DRILL, EngineContract, MakeEngine, quick_spec

from blanklogo.engines.base import REMOVER, Message
from blanklogo.engines.ray import RayEngine
from blanklogo.engines.ray.border import foreign_errors
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import CrashError, MemoryLimitError, OptionError, SourceError, TargetError, UnavailableError
from blanklogo.remover import Remover
from blanklogo.testbed.burn import UPSCALE
from blanklogo.types import Box, Order

ray = pytest.importorskip("ray")

HEAD_CPUS = 4
BIG_CPUS = 6  # of a node that can hold what the head cannot
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
            "RAY_USAGE_STATS_ENABLED": "0",
            "BLANKLOGO_DRILL_CLOSED": str(closed_path),
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
            with _kept_signals():
                ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
            yield made
        finally:
            ray.shutdown()
            made.shutdown()
            shutil.rmtree(folder, ignore_errors=True)


def _kept_signals() -> Any:
    from blanklogo.engines.ray.cluster import _own_sigterm

    return _own_sigterm()


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
from blanklogo.engines.ray import RayEngine
from blanklogo.engines.spec import EngineSpec
engine = RayEngine(EngineSpec(cpu_cores=0.25), {DRILL!r}, {cluster.address!r})
"""
        monkeypatch.setattr(type(self), "parent_script", script)
