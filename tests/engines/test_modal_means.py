"""An EngineSpec in Modal's words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from blanklogo.engines.modal.means import PINNED_VERSION, carried, class_options, spec_digest, variant_options
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import OptionError

SPEC = EngineSpec(gpu=("A10",), memory_bytes=(1 << 30) + 1, timeout_seconds=1.5)


def test_figures_are_rounded_up_and_memory_is_a_limit() -> None:
    options = class_options(SPEC)
    assert (options["gpu"], options["timeout"], options["memory"]) == ("A10", 2, (1025, 1025))


def test_every_figure_but_those_of_the_caller_makes_another_deployment() -> None:
    others = [
        *({"gpu": ("L4",)}, {"cpu_cores": 1.0}, {"memory_bytes": 1 << 30}, {"timeout_seconds": 9}),
        *({"startup_timeout_seconds": 9}, {"scaledown_window_seconds": 9}, {"min_workers": 1}),
        *({"max_workers": 9}, {"retries": 1}),
    ]
    digests = {spec_digest(replace(SPEC, **other)) for other in others} | {spec_digest(SPEC)}
    assert len(digests) == len(others) + 1
    assert spec_digest(replace(SPEC, grace_seconds=9, max_queue_seconds=9)) == spec_digest(SPEC)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"scaledown_window_seconds": 1}, {"scaledown_window_seconds": 3601}),
        *({"timeout_seconds": 86401}, {"max_calls": 9}),
    ],
)
def test_what_modal_does_not_take_is_refused_with_what_it_takes(wrong: dict[str, float]) -> None:
    with pytest.raises(OptionError, match=" on Modal"):
        class_options(replace(SPEC, **wrong))
    with pytest.raises(OptionError, match=" on Modal"):
        variant_options(replace(SPEC, **wrong))


def test_a_container_reads_the_spec_that_was_deployed() -> None:
    environment = {"BLANKLOGO_GPU": "L4", "BLANKLOGO_RETRIES": "2", "BLANKLOGO_REMOVE_MODE": "crop", "PATH": "/bin"}
    assert carried(environment) == {"BLANKLOGO_GPU": "L4", "BLANKLOGO_RETRIES": "2"}
    assert EngineSpec.from_environment(carried(environment)) == EngineSpec.from_environment(environment)


def test_the_pinned_version_is_the_extras() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'"modal=={PINNED_VERSION}"' in project
