"""The networks that a job asks for, opened once for the process."""

from __future__ import annotations

from dataclasses import dataclass

from blanklogo.detection.finders import finder_of
from blanklogo.detection.glances import Finder
from blanklogo.models.files import WeightsFile, locate
from blanklogo.models.session import open_session
from blanklogo.types import Job

SHIPPED_DETECTOR = "blanklogo-detector-1"


@dataclass(frozen=True, eq=False)
class Detector:
    """A network that finds marks, and the file that it came from."""

    finder: Finder
    file: WeightsFile


def detector_for(job: Job, notes: list[str]) -> Detector | None:
    """The detector that looks for a job's marks; None where nothing is searched for, or by evidence alone.

    Args:
        notes: where it puts what the user should know, while it looks.

    Raises:
        WeightsError: the name is not known, or its file is not there or no network.
        ModelError: the file is damaged.
        LoadError: the network cannot be loaded, or is no detector.
        UnavailableError: the device is not there.
    """
    chosen = job.networks
    if chosen.detector == "none" or job.marks or job.boxes:
        return None
    if chosen.detector == "auto":
        return shipped_detector(chosen.device)
    file = locate(chosen.detector, chosen.folder, chosen.own_list)
    session = open_session(file.path, chosen.device)
    return Detector(finder_of(session, lambda shrunk: notes.append(str(shrunk))), file)


def shipped_detector(device: str = "auto") -> Detector:
    """The detector that comes with the package. Raises as `detector_for`."""
    file = locate(SHIPPED_DETECTOR)
    return Detector(finder_of(open_session(file.path, device)), file)
