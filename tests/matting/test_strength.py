"""The strength of a mark in single frames."""

from __future__ import annotations

import numpy as np
import pytest
from burned_crops import BurnedCrops, burned
from marked_stacks import texture

from blanklogo.matting.known import register
from blanklogo.matting.strength import StrengthMeter

STRENGTHS = (0.0, 0.3, 0.7, 1.0)


@pytest.fixture(scope="module", params=["wordmark", "letters"])
def crops(request: pytest.FixtureRequest) -> BurnedCrops:
    return burned(request.param, 0)


@pytest.fixture(scope="module")
def meter(crops: BurnedCrops) -> StrengthMeter:
    return StrengthMeter(register(crops.samples, crops.mark, crops.truth).planes[0])


@pytest.mark.parametrize("strength", STRENGTHS)
def test_strength_over_texture(crops: BurnedCrops, meter: StrengthMeter, strength: float) -> None:
    found = meter(crops.again(strength, texture(8, crops.alpha.shape, seed=50, speed_px=11)))
    assert found.values.mean() == pytest.approx(strength, abs=0.05)
    # Single frames stray by chance, and by about as much as they say.
    assert (np.abs(found.values - strength) < 5 * found.doubt + 0.02).all()


@pytest.mark.parametrize("strength", STRENGTHS)
def test_strength_over_a_flat_background(crops: BurnedCrops, meter: StrengthMeter, strength: float) -> None:
    flat = np.full((2, *crops.alpha.shape), 90, np.float32)
    assert meter(crops.again(strength, flat)).values == pytest.approx([strength, strength], abs=0.04)


def test_doubt_is_larger_on_texture(crops: BurnedCrops, meter: StrengthMeter) -> None:
    flat, rough = np.full((4, *crops.alpha.shape), 120, np.float32), texture(4, crops.alpha.shape, seed=51)
    assert meter(crops.again(0, rough)).doubt.min() > 5 * meter(crops.again(0, flat)).doubt.max()


def test_where_the_mark_cannot_be_told_from_its_background(crops: BurnedCrops, meter: StrengthMeter) -> None:
    """A frame of the mark's own colour: the measure must stay finite."""
    white = np.full((1, *crops.alpha.shape), 235, np.float32)
    assert np.isfinite(meter(white).values).all()
    assert np.isfinite(meter(white).doubt).all()
