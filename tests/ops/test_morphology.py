"""Masks grown and cleaned."""

from __future__ import annotations

import numpy as np

from blanklogo.ops.morphology import dilated, without_specks


def test_a_point_grows_to_a_disc() -> None:
    mask = np.zeros((15, 15), bool)
    mask[7, 7] = True
    grown = dilated(mask, 3)
    assert np.flatnonzero(grown.any(axis=0)).tolist() == list(range(4, 11))
    assert np.flatnonzero(grown.any(axis=1)).tolist() == list(range(4, 11))
    assert not grown[4, 4]  # a disc, not a square
    assert grown.dtype == bool


def test_nothing_wraps_round_the_edge() -> None:
    mask = np.zeros((9, 9), bool)
    mask[0, 0] = True
    assert not dilated(mask, 2)[:, 5:].any()
    assert not dilated(mask, 2)[5:].any()


def test_radius_nought_gives_a_copy() -> None:
    mask = np.eye(5, dtype=bool)
    same = dilated(mask, 0)
    same[0, 0] = False
    assert mask[0, 0]


def test_specks_and_hair_go_and_squares_stay() -> None:
    mask = np.zeros((12, 12), bool)
    mask[1, 1] = True
    mask[3, 2:10] = True  # a line of one pixel
    mask[6:8, 6:8] = True
    cleaned = without_specks(mask)
    assert not cleaned[:5].any()
    assert cleaned[6:8, 6:8].all()
    assert cleaned.sum() == 4


def test_cleaning_never_adds_nor_moves() -> None:
    mask = dilated(np.random.default_rng(1).random((40, 40)) < 0.03, 2)
    cleaned = without_specks(mask)
    assert not (cleaned & ~mask).any()
    assert (without_specks(mask[::-1, ::-1])[::-1, ::-1] == cleaned).all()


def test_cleaning_keeps_what_touches_the_edge() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:2, :2] = mask[6:, 6:] = True
    assert (without_specks(mask) == mask).all()
