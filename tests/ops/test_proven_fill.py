"""Each way to fill a hole counts as far as it is right beside the hole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blanklogo.ops.proven_fill import best_mixture, harmonic, proven_fill, second_hole
from blanklogo.types.arrays import Mask, Values

SHAPE = (60, 90)


def picture() -> Values:
    return np.random.default_rng(2).normal(128, 30, (*SHAPE, 3)).astype(np.float32)


def hole() -> Mask:
    mask = np.zeros(SHAPE, bool)
    mask[24:34, 20:70] = True
    return mask


def truthful(_: Values, mask: Mask, smooth: Values) -> Values:
    """Knows what is hidden."""
    return np.where(mask[..., None], picture(), smooth)


def absurd(_: Values, mask: Mask, smooth: Values) -> Values:
    return np.where(mask[..., None], 255 - picture(), smooth)


def damaged() -> Values:
    return np.where(hole()[..., None], 0, picture()).astype(np.float32)


def test_a_way_that_is_right_beside_the_hole_is_believed_in_it() -> None:
    assert np.abs(proven_fill(damaged(), hole(), (absurd, truthful)) - picture()).max() < 0.5


def test_a_way_that_is_wrong_beside_the_hole_is_left_out() -> None:
    assert np.allclose(proven_fill(damaged(), hole(), (absurd,)), harmonic(damaged(), hole()), atol=0.5)


def test_a_further_way_that_gains_little_is_left_out() -> None:
    def nearly(_: Values, mask: Mask, smooth: Values) -> Values:
        return np.where(mask[..., None], 0.8 * picture() + 0.2 * smooth, smooth)

    alone = proven_fill(damaged(), hole(), (nearly,))
    assert np.array_equal(proven_fill(damaged(), hole(), (nearly, absurd)), alone)
    assert np.abs(proven_fill(damaged(), hole(), (absurd, nearly)) - picture()).mean() < 3


def test_nothing_outside_the_hole_changes() -> None:
    filled = proven_fill(damaged(), hole(), (truthful,))
    assert np.array_equal(filled[~hole()], damaged()[~hole()])


def test_where_nothing_can_be_proven_the_fill_is_harmonic() -> None:
    mask = np.ones(SHAPE, bool)
    mask[0, :20] = False
    assert second_hole(mask) is None
    assert np.array_equal(proven_fill(picture(), mask, (truthful,)), harmonic(picture(), mask))


def test_the_second_hole_lies_on_known_ground_and_has_the_holes_size() -> None:
    second = second_hole(hole())
    assert second is not None
    assert not (second & hole()).any()
    assert second.sum() == pytest.approx(hole().sum(), rel=0.3)


@settings(deadline=None)
@given(st.lists(st.lists(st.floats(-9, 9), min_size=4, max_size=4), min_size=1, max_size=4))
def test_a_mixture_is_no_worse_than_its_best_part(errors: list[list[float]]) -> None:
    given_errors = np.array(errors)
    gram = given_errors @ given_errors.T
    weights = best_mixture(gram)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1)
    slack = 1e-5 * max(float(np.trace(gram)), 1e-6) + 1e-9  # what keeps ways apart that agree
    assert weights @ gram @ weights <= gram.diagonal().min() + slack
