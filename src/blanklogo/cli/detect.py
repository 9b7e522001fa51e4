"""`blanklogo detect`: where a mark is, and when."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from blanklogo.cli import options
from blanklogo.cli.output import Output
from blanklogo.cli.words import detection_words

if TYPE_CHECKING:
    from blanklogo.types import Detection, TimeRange, Track

EPILOG = """\b
Examples:
  blanklogo detect clip.mp4
  blanklogo detect clip.mp4 --preview found.png      a picture with the boxes drawn
  blanklogo detect clip.mp4 --json | tail -n 1 | jq '.tracks[].box'"""


def detect(
    context: typer.Context,
    source: options.Source,
    picture: Annotated[
        Path | None,
        typer.Option("--preview", metavar="PNG", help="Draw what was found, before and after.", show_default=False),
    ] = None,
    platform: options.Platform = None,
    detector: options.Detector = None,
    device: options.Device = None,
    start: options.Start = None,
    end: options.End = None,
    is_json: options.Json = False,
    is_quiet: options.Quiet = False,
) -> int:
    """Say where a mark is, and when; write nothing but the picture asked for.

    Exit code 0 whether or not there is a mark.
    """
    chosen = options.parse_platform(platform)
    within = options.parse_range(start, end)
    networks = options.networks(detector, device=device)
    if picture:
        options.check_new_picture(picture, source, overwrite=True, option="--preview")
    with Output(context.obj, is_json=is_json, is_quiet=is_quiet) as output:
        from blanklogo import api

        hears = {"on_event": output.event, "cancelled": context.obj}
        found = api.detect(source, platform=chosen, within=within, networks=networks, **hears)
        if picture and found.tracks:
            boxes = tuple(track.box for track in found.tracks)
            api.preview(source, picture, boxes=boxes, within=within, **hears)
    drawn = picture if found.tracks else None
    output.result(detection_fields(found, drawn), detection_words(found, source), is_data=True)
    return 0


def detection_fields(found: Detection, picture: Path | None) -> dict[str, Any]:
    """The fields of the last NDJSON line."""
    return {
        "tracks": [track_fields(track) for track in found.tracks],
        "shots": [range_fields(shot) for shot in found.shots],
        "abstained": found.abstained,
        "preview": None if picture is None else str(picture),
    }


def track_fields(track: Track) -> dict[str, Any]:
    """One track, named as in a report."""
    return {
        "box": track.box.as_list(),
        "start_seconds": round(track.start_seconds, 3),
        "end_seconds": round(track.end_seconds, 3),
        "ranges": [range_fields(part) for part in track.ranges],
        "confidence": round(track.confidence, 3),
        "method": track.method,
        "mark_index": track.mark_index,
    }


def range_fields(part: TimeRange) -> list[float]:
    """[start, end] in seconds."""
    return [round(part.start_seconds, 3), round(part.end_seconds, 3)]
