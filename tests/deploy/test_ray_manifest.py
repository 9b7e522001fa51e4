"""What Kubernetes is told agrees with the lock and with the engine's figures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from runners import DEPLOY

from blanklogo.engines.spec import GIB, EngineSpec

yaml = pytest.importorskip("yaml")


@pytest.fixture
def cluster() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "ray.yaml").read_text())["spec"]


def test_every_node_has_the_ray_of_the_lock(cluster: dict[str, Any]) -> None:
    lock = (DEPLOY.parent / "requirements" / "dev.lock").read_text()
    version = re.search(r"^ray==(\S+)", lock, re.MULTILINE)[1]
    assert cluster["rayVersion"] == version
    assert f"FROM rayproject/ray:{version}-py" in (DEPLOY / "ray.Dockerfile").read_text()


def test_workers_come_from_none_and_hold_what_a_spec_asks_for(cluster: dict[str, Any]) -> None:
    spec = EngineSpec()
    assert cluster["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0", "no worker on the head"
    assert cluster["enableInTreeAutoscaling"] is True
    for group in cluster["workerGroupSpecs"]:
        assert (group["replicas"], group["minReplicas"]) == (0, 0)
        (container,) = group["template"]["spec"]["containers"]
        has = container["resources"]["limits"]
        assert float(has["cpu"]) >= spec.cpu_cores
        assert int(has["memory"].removesuffix("Gi")) * GIB > spec.memory_bytes
        assert ("nvidia.com/gpu" in has) == (group["groupName"] == "gpu")


@pytest.mark.parametrize("provider", ["runpod", "lambda"])
def test_an_image_takes_only_what_is_there(provider: str) -> None:
    _check_copies(DEPLOY / provider / "Dockerfile")


def test_the_ray_image_takes_only_what_is_there() -> None:
    _check_copies(DEPLOY / "ray.Dockerfile")


def _check_copies(dockerfile: Path) -> None:
    copies = re.findall(r"^COPY (.+) \S+$", dockerfile.read_text(), re.MULTILINE)
    sources = [source for line in copies for source in line.split()]
    assert sources
    assert not [source for source in sources if not (DEPLOY.parent / source).exists()]
