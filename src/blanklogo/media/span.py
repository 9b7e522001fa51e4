"""Some of a video's frames, without decoding all that come before them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from blanklogo.errors import DecodeError
from blanklogo.media.frames import Frame
from blanklogo.media.reader import VideoReader

# Frames to go back for a key frame, in turn (an index may speak of decoding times, or be missing), then to the start.
_STEPS_BACK = (0, 64, 512)


@dataclass(frozen=True, eq=False)
class Stamps:
    """When a video's frames are shown, in the order of presentation.

    Attributes:
        pts: int64 [N], growing, in ticks of the video's time base.
        durations: int64 [N], in ticks; 0 where unknown.
    """

    pts: NDArray[np.int64]
    durations: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.pts)

    def __repr__(self) -> str:
        return f"Stamps({len(self)} frames)"


def frames_of(path: Path, stamps: Stamps, start_index: int, stop_index: int) -> Generator[Frame]:
    """The frames from `start_index` up to `stop_index`, with the index that each has in the whole video.

    Decoding begins at a key frame at or before the first; what an open GOP shows before that key frame is not used.

    Raises:
        DecodeError: the file does not give the frames of these stamps.
    """
    entry = _entry(path, stamps, start_index)
    with VideoReader(path) as reader, closing(_from(reader, stamps, entry)) as frames:
        wanted = stamps.pts[start_index:stop_index].tolist()
        index = 0
        for frame in frames:
            if frame.pts < wanted[0]:
                continue
            if frame.pts != wanted[index]:
                raise DecodeError(f"{path}: frame {start_index + index} is not where it was when all were decoded")
            yield replace(frame, index=start_index + index)
            index += 1
            if index == len(wanted):
                return
    raise DecodeError(f"{path} ends before frame {start_index + index}, which was there when all were decoded")


def _entry(path: Path, stamps: Stamps, start_index: int) -> int:
    """The index of a frame to seek to, so that the first key frame decoded is not past the first frame wanted."""
    for steps in _STEPS_BACK:
        entry = start_index - steps
        if entry <= 0:
            break
        with VideoReader(path) as reader, closing(_from(reader, stamps, entry)) as frames:
            try:
                first = next(frames, None)
            except DecodeError:  # the seek led to where no key frame follows
                continue
            if first is not None and first.pts <= stamps.pts[start_index]:
                return entry
    return 0


def _from(reader: VideoReader, stamps: Stamps, entry: int) -> Generator[Frame]:
    """Frames after a seek, from the first key frame on."""
    if entry:
        reader.seek(int(stamps.pts[entry]))
    is_clean = not entry
    for frame in reader:
        is_clean = is_clean or frame.is_key
        if is_clean:
            yield frame
