"""Marks that a network sees: windows joined into tracks, beside the marks of evidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.detection.marked_scenes import RATE, burn, cutting, lettering, panning, samples, tripod
from tests.detection.scripted_finder import Script, ScriptedFinder

from blanklogo.detection import LumaSample, detect_marks
from blanklogo.detection.glances import MOST_WINDOWS, Glance, Scored, glances
from blanklogo.detection.record import record
from blanklogo.types import Box, Detection

MARK = lettering("DEMO")
PLACE = Box(30, 20, 30 + MARK.shape[1], 20 + MARK.shape[0])
OTHER = Box(300, 200, 300 + MARK.shape[1], 200 + MARK.shape[0])


def seen(box: Box, score: float = 0.8, off_px: float = 0.0) -> Scored:
    return Scored((box.x0 + off_px, box.y0 + off_px, box.x1 + off_px, box.y1 + off_px), score)


def found_on_tripod(script: Script, num_samples: int = 50) -> Detection:
    frames = tripod(num_samples)
    burn(frames, MARK, PLACE.x0, PLACE.y0)
    return detect_marks(samples(frames), finder=ScriptedFinder(script))


def test_without_a_network_a_tripod_shot_says_nothing() -> None:
    frames = tripod(50)
    burn(frames, MARK, PLACE.x0, PLACE.y0)
    found = detect_marks(samples(frames))
    assert not found.tracks
    assert found.abstained


def test_what_every_window_shows_is_a_mark_throughout() -> None:
    found = found_on_tripod(lambda index: [seen(PLACE, off_px=0.3 * (index % 3))])
    (track,) = found.tracks
    assert found.abstained is None
    assert track.method == "network"
    assert track.box.contains(PLACE)
    assert track.box.area < 1.3 * PLACE.area
    assert len(track.ranges) == 1
    assert track.ranges[0].start_seconds == 0
    assert track.ranges[0].end_seconds == float("inf")
    assert track.confidence == pytest.approx(0.8)


def test_one_wrong_window_makes_no_mark() -> None:
    found = found_on_tripod(lambda index: [seen(PLACE, 0.99)] if index == 3 else [])
    assert not found.tracks
    assert found.abstained


def test_one_missed_window_loses_no_mark() -> None:
    (track,) = found_on_tripod(lambda index: [] if index == 3 else [seen(PLACE)]).tracks
    assert len(track.ranges) == 1


def test_an_unsure_network_makes_no_mark() -> None:
    assert not found_on_tripod(lambda index: [seen(PLACE, 0.3)]).tracks


def walk_over(frames: list[np.ndarray], *, is_behind: bool) -> None:
    """Lays the mark there for good, and a plain thing that walks over the place, in front of it or behind."""
    if not is_behind:
        burn(frames, MARK, PLACE.x0, PLACE.y0)
    for index, frame in enumerate(frames):
        x = PLACE.x0 - 40 + 6 * (index - 10)
        if index >= 10:
            frame[:100, max(0, x) : max(0, x + 30)] = 90
    if is_behind:
        burn(frames, MARK, PLACE.x0, PLACE.y0)


@pytest.mark.parametrize(("passes_behind", "score", "num_marks"), [(True, 0.6, 1), (False, 0.6, 0), (False, 0.8, 1)])
def test_what_something_passes_in_front_of_must_be_seen_more_surely(
    passes_behind: bool, score: float, num_marks: int
) -> None:
    frames = [tripod(1)[0].copy() for _ in range(100)]
    walk_over(frames, is_behind=passes_behind)
    found = detect_marks(samples(frames), finder=ScriptedFinder(lambda index: [seen(PLACE, score)]))
    assert len(found.tracks) == num_marks


def test_boxes_that_jump_about_make_no_mark() -> None:
    assert not found_on_tripod(lambda index: [seen(PLACE, 0.9, off_px=35.0 * index)]).tracks


def test_two_marks_are_two() -> None:
    found = found_on_tripod(lambda index: [seen(PLACE), seen(OTHER, 0.7)])
    assert sorted(track.mark_index for track in found.tracks) == [0, 1]


def test_a_mark_that_evidence_found_is_not_found_again() -> None:
    frames = panning(60)
    burn(frames, MARK, PLACE.x0, PLACE.y0, 0.8)
    alone = detect_marks(samples(frames))
    both = detect_marks(samples(frames), finder=ScriptedFinder(lambda index: [seen(PLACE)]))
    assert [track.method for track in alone.tracks] == ["evidence"]
    assert both.tracks == alone.tracks


def test_a_network_alone_finds_what_hops_on_a_tripod() -> None:
    frames = tripod(60)
    for start, place in ((0, PLACE), (20, OTHER), (40, PLACE)):
        burn(frames[start : start + 20], MARK, place.x0, place.y0, 0.9)
    record_of = record(samples(frames))
    assert record_of is not None
    spans = [glance.span for glance in glances(record_of, ScriptedFinder(lambda index: []))]

    def script(index: int) -> list[Scored]:
        middle = (spans[index].start_seconds + spans[index].end_seconds) / 2
        return [seen(OTHER if 20 <= middle * RATE < 40 else PLACE)]

    tracks = sorted(detect_marks(samples(frames), finder=ScriptedFinder(script)).tracks, key=lambda track: track.box.x0)
    assert [track.mark_index for track in tracks] == [0, 0]
    first, second = tracks
    assert [first.is_present(at) for at in (1.0, 6.0, 11.0)] == [True, False, True]
    assert [second.is_present(at) for at in (1.0, 6.0, 11.0)] == [False, True, False]


STAY = 8  # samples: longer than a window of the network, which shows two places then
PLACES = (PLACE, OTHER, Box(PLACE.x0 + 280, PLACE.y0 + 10, PLACE.x1 + 280, PLACE.y1 + 10))


def hopping(num_stays: int) -> list[np.ndarray]:
    frames = tripod(num_stays * STAY)
    for stay in range(num_stays):
        place = PLACES[stay % len(PLACES)]
        burn(frames[stay * STAY : (stay + 1) * STAY], MARK, place.x0, place.y0, 0.6)
    return frames


def _looks(frames: list[np.ndarray]) -> list[Glance]:
    kept = record(samples(frames))
    assert kept is not None
    return glances(kept, ScriptedFinder(lambda index: []))


def where_it_is(frames: list[np.ndarray], score: float) -> ScriptedFinder:
    """A network that sees it in each window for as long as the mark is at a place for a third of it."""
    looks = _looks(frames)

    def script(index: int) -> list[Scored]:
        first, stop = looks[index].picture_indices
        at = [picture // STAY % len(PLACES) for picture in range(first, stop)]
        return [seen(PLACES[place], score) for place in set(at) if at.count(place) * 3 >= len(at)]

    return ScriptedFinder(script)


def test_the_pictures_say_when_it_hops_more_exactly_than_the_networks_windows() -> None:
    frames = hopping(6)
    found = detect_marks(samples(frames), finder=where_it_is(frames, 0.35))  # less than a mark that stays needs
    assert [track.mark_index for track in found.tracks] == [0, 0, 0]
    for index, place in enumerate(PLACES):
        track = max(found.tracks, key=lambda track: track.box.iou(place))
        assert track.box.iou(place) > 0.7
        inside = [(stay * STAY + at) / RATE for stay in range(6) for at in (1.5, STAY - 2.5)]
        assert [track.is_present(at) for at in inside] == [k // 2 % 3 == index for k in range(12)]


def test_what_the_network_is_hardly_sure_of_is_no_mark_though_it_hops() -> None:
    frames = hopping(6)
    assert not detect_marks(samples(frames), finder=where_it_is(frames, 0.22)).tracks


def test_different_words_at_different_places_do_not_hop() -> None:
    frames = tripod(6 * STAY)
    for stay, word in enumerate(("SUNNY", "walk on", "7:30", "Lake?", "north", "Q&A")):
        place = PLACES[stay % 3]
        burn(frames[stay * STAY : (stay + 1) * STAY], lettering(word), place.x0, place.y0, 0.9)
    assert not detect_marks(samples(frames), finder=where_it_is(frames, 0.35)).tracks


def test_what_hops_is_one_though_it_looks_another_over_each_scene() -> None:
    frames = tripod(6 * STAY)
    for stay in range(6):
        word = ("DEMO", "OMED", "MODE")[stay % 3]  # as unlike as a mark that lets another scene through
        place = PLACES[stay % 3]
        burn(frames[stay * STAY : (stay + 1) * STAY], lettering(word), place.x0, place.y0, 0.9)
    found = detect_marks(samples(frames), finder=where_it_is(frames, 0.35))
    assert [track.mark_index for track in found.tracks] == [0, 0, 0]


def test_a_place_that_the_network_never_saw_is_found_by_the_times_between() -> None:
    frames = hopping(6)
    finder = where_it_is(frames, 0.5)
    shown = finder([np.zeros(1, np.uint8)] * len(_looks(frames)))
    blind = ScriptedFinder(lambda index: [one for one in shown[index] if one != seen(OTHER, 0.5)])
    tracks = detect_marks(samples(frames), finder=blind).tracks
    assert len(tracks) == 3
    assert max(track.box.iou(OTHER) for track in tracks) > 0.7


def test_what_drifts_is_no_mark() -> None:
    frames = tripod(6 * STAY)
    places = [Box(PLACE.x0 + 20 * stay, PLACE.y0, PLACE.x1 + 20 * stay, PLACE.y1) for stay in range(6)]
    for stay, place in enumerate(places):
        burn(frames[stay * STAY : (stay + 1) * STAY], MARK, place.x0, place.y0, 0.9)
    spans = [glance.picture_indices for glance in _looks(frames)]
    shown = [[seen(places[(first + stop) // 2 // STAY], 0.6)] for first, stop in spans]
    assert not detect_marks(samples(frames), finder=ScriptedFinder(lambda index: shown[index])).tracks


def test_a_sign_in_one_of_many_shots_is_no_mark() -> None:
    frames = cutting(60, every=10)
    found = detect_marks(samples(frames), finder=ScriptedFinder(lambda index: [seen(PLACE, 0.9)] if index < 2 else []))
    assert not found.tracks


def test_windows_stay_within_shots_and_are_bounded() -> None:
    seen_by = ScriptedFinder(lambda index: [])
    kept = record(samples(cutting(600, every=6)))
    assert kept is not None
    looked = glances(kept, seen_by)
    assert len(looked) <= MOST_WINDOWS
    for glance in looked:
        shot = kept.shots[glance.shot_index]
        assert shot.start_seconds <= glance.span.start_seconds < glance.span.end_seconds <= shot.end_seconds
    assert all(picture.shape == (3, *kept.small_size_px) for picture in seen_by.shown)


def test_a_finder_of_pictures_is_shown_frames_in_colour() -> None:
    red = np.zeros((270, 480, 3), np.uint8)
    red[..., 0] = 200
    in_colour = (replace(sample, colour=red) for sample in samples(tripod(20)))
    finder = ScriptedFinder(lambda index: [], wants_colour=True)
    detect_marks(in_colour, finder=finder)
    assert finder.shown
    for picture in finder.shown:
        assert picture.shape == (270, 480, 3)
        assert np.abs(picture.reshape(-1, 3).mean(0) - (200, 0, 0)).max() < 4


def test_a_clip_of_a_few_frames_is_judged_by_one_sure_window() -> None:
    frames = tripod(5)
    for score, num_tracks in ((0.6, 0), (0.9, 1)):
        found = detect_marks(samples(frames), finder=ScriptedFinder(lambda index, s=score: [seen(PLACE, s)]))
        assert len(found.tracks) == num_tracks


def test_samples_need_no_colour() -> None:
    assert LumaSample(0.0, np.zeros((4, 4), np.uint8)).colour is None


def test_a_scene_that_moves_asks_for_less_of_the_network() -> None:
    for frames, num_tracks in ((panning(60), 1), (tripod(60), 0)):
        found = detect_marks(samples(frames), finder=ScriptedFinder(lambda index: [seen(PLACE, 0.35)]))
        assert len(found.tracks) == num_tracks


@pytest.mark.parametrize(("as_lettering", "as_mark", "num_tracks"), [(0.8, 0.0, 0), (0.3, 0.0, 1), (0.6, 0.8, 1)])
def test_what_the_network_knows_as_lettering_is_no_mark(as_lettering: float, as_mark: float, num_tracks: int) -> None:
    frames = panning(60)
    burn(frames, MARK, PLACE.x0, PLACE.y0, 0.8)
    both = [replace(seen(PLACE, as_lettering), is_lettering=True)] + ([seen(PLACE, as_mark)] if as_mark else [])
    found = detect_marks(samples(frames), finder=ScriptedFinder(lambda index: both))
    assert len(found.tracks) == num_tracks
    assert bool(found.abstained) == (num_tracks == 0)
