"""What a clip will take: figures by hand, who is listed, and what is advised."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blanklogo.engines.spec import GIB, EngineSpec
from blanklogo.engines.throughput import Rate, Throughput
from blanklogo.errors import OptionError, SourceError
from blanklogo.estimate import Estimate, estimate, frames_of
from blanklogo.media.info import MediaInfo
from blanklogo.media.probe import probe
from blanklogo.testbed.clips import write_clip
from blanklogo.testbed.scenes import Scene

MEASURED = Throughput("another machine", "2026-11-24", 0.5, (Rate(1, 1.0, 100_000, 0.1), Rate(2, 1.0, 160_000, 0.1)))
SPEC = EngineSpec(cpu_cores=2, memory_bytes=4 * GIB)  # on Modal 0.1264 an hour


@pytest.fixture(scope="module")
def info(tmp_path_factory: pytest.TempPathFactory) -> MediaInfo:
    """50 frames of 160x90: 720 000 pixels, which two cores of the table above do in 1 + 4.5 s."""
    path = tmp_path_factory.mktemp("estimate") / "clip.mp4"
    scene = Scene("sky", 160, 90, 50)
    write_clip(path, scene.frames(), scene.rate, "libx264", {"preset": "ultrafast"})
    return probe(path)


def of(info: MediaInfo, spec: EngineSpec = SPEC, provider: str | None = None) -> Estimate:
    return estimate(info, spec, provider, MEASURED)


def test_a_line_by_hand(info: MediaInfo) -> None:
    (line,) = of(info, provider="modal").lines
    assert line.run_seconds == pytest.approx(5.5)
    assert line.cold_start_seconds == 0.5
    assert line.usd_warm == pytest.approx(0.1264 * 5.5 / 3600)
    assert line.usd_cold == pytest.approx(0.1264 * 6.0 / 3600)
    assert line.usd_idle == pytest.approx(0.1264 / 60)
    assert line.break_even_calls_per_hour == pytest.approx(3600 / 66)
    assert (line.basis, line.price_date, line.is_floor) == ("assumed", "mid 2026", False)


def test_this_machine_comes_first_and_charges_nothing(info: MediaInfo) -> None:
    here, *others = of(info).lines
    assert (here.provider, here.run_seconds, here.usd_warm, here.usd_cold) == (None, pytest.approx(5.5), None, None)
    assert [(line.provider, line.gpu) for line in others] == [("modal", None)]


def test_a_gpu_is_priced_beside_the_same_worker_without_one_and_advised_against(info: MediaInfo) -> None:
    told = of(info, replace(SPEC, gpu=("A10G",)))
    assert [(line.provider, line.gpu) for line in told.lines] == [
        (None, None),
        ("modal", None),
        ("modal", "A10"),
        ("runpod", "A10"),
        ("replicate", "A10"),
        ("aws", "A10"),
    ]
    assert len({line.run_seconds for line in told.lines}) == 1, "the removal uses the CPU only"
    assert [line.is_floor for line in told.lines] == [False] * 5 + [True]
    assert "no faster: take a worker without one, at modal" in told.advice[0]


def test_where_no_worker_without_a_gpu_is_to_be_had_another_provider_is_advised(info: MediaInfo) -> None:
    told = of(info, replace(SPEC, gpu=("A10",)), "replicate")
    assert [(line.provider, line.gpu) for line in told.lines] == [("replicate", "A10")]
    assert "a provider that rents it out" in told.advice[0]


def test_a_clip_over_the_budget_is_told_which_budget_would_do(info: MediaInfo) -> None:
    assert of(info).advice == ()
    (advice,) = of(info, replace(SPEC, timeout_seconds=5)).advice
    assert advice == "6 s is over a call's budget of 5 s: BLANKLOGO_TIMEOUT_SECONDS=60 leaves room"


@pytest.mark.parametrize(("provider", "gpu"), [("nobody", ()), ("runpod", ()), ("replicate", ("H100",))])
def test_what_has_no_price_is_refused_with_what_has_one(info: MediaInfo, provider: str, gpu: tuple[str, ...]) -> None:
    with pytest.raises(OptionError) as caught:
        of(info, replace(SPEC, gpu=gpu), provider)
    assert caught.value.accepted


def test_frames_are_counted_by_the_header_else_by_rate_and_duration(info: MediaInfo) -> None:
    assert frames_of(info) == 50
    silent = replace(info, video=replace(info.video, num_frames_from_header=None, average_rate=Fraction(30000, 1001)))
    assert frames_of(replace(silent, duration_seconds=10.01)) == 300
    for broken in (
        replace(silent, duration_seconds=None),
        replace(silent, video=replace(silent.video, average_rate=None)),
    ):
        with pytest.raises(SourceError, match="how long it is"):
            frames_of(broken)


@given(st.integers(1, 10**7), st.integers(1, 10**7))
def test_a_longer_clip_never_costs_less(info: MediaInfo, one: int, other: int) -> None:
    least, most = (
        of(replace(info, video=replace(info.video, num_frames_from_header=count)), provider="modal").lines[0]
        for count in sorted((one, other))
    )
    assert least.run_seconds <= most.run_seconds
    assert least.usd_warm <= most.usd_warm <= most.usd_cold


def test_the_page_on_reports_explains_every_field(info: MediaInfo) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "report.md").read_text()
    part = page.partition("## `result` of `estimate`")[2].partition("\n## ")[0]
    told = of(info).as_dict()
    assert [name for name in (*told, *told["lines"][0]) if f"`{name}`" not in part] == []
