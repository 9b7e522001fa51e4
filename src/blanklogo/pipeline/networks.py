"""The networks that a job asks for, opened once for the process, when they are first needed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from blanklogo.detection.classifier import Classifier
from blanklogo.detection.finders import finder_of
from blanklogo.detection.glances import Finder
from blanklogo.models.batches import OnShrink, Shrunk
from blanklogo.models.files import WeightsFile, locate
from blanklogo.models.inpainter import Inpainter
from blanklogo.models.lama import Lama
from blanklogo.models.ports import Session
from blanklogo.models.session import open_session
from blanklogo.ops.colour import rgb_to_yuv, yuv_to_rgb
from blanklogo.ops.patch_fill import fill_from_patches
from blanklogo.ops.proven_fill import harmonic, proven_fill
from blanklogo.types import Job, Networks
from blanklogo.types.arrays import Mask, Values

SHIPPED_DETECTOR = "blanklogo-detector"
SHIPPED_CLASSIFIER = "blanklogo-classifier"
SHIPPED_INPAINTER = "blanklogo-inpainter"


@dataclass(frozen=True, eq=False)
class Detector:
    """What finds marks, and the files of its networks."""

    finder: Finder
    files: tuple[WeightsFile, ...]


def detector_for(job: Job, notes: list[str]) -> Detector | None:
    """The detector that looks for a job's marks; None where nothing is searched for, or by evidence alone.

    Args:
        notes: where it puts what the user should know, while it looks.

    Raises:
        WeightsError: the name is not known, or its file is not there or no network.
        ModelError: the file is damaged.
        LoadError: the network cannot be loaded.
        ModelError: it is no detector.
        UnavailableError: the device is not there.
    """
    chosen = job.networks
    is_searched = not (job.marks or job.boxes)

    def tell(shrunk: Shrunk) -> None:
        notes.append(str(shrunk))

    if chosen.detector == "none" or (chosen.detector == "auto" and not is_searched):
        return None
    if chosen.detector == "auto":
        return shipped_detector(chosen.device, tell)
    file = locate(chosen.detector, chosen.folder, chosen.own_list)
    detector = Detector(finder_of(open_session(file.path, chosen.device), tell), (file,))
    return detector if is_searched else None  # what was asked for and cannot be had is told, needed or not


def shipped_detector(device: str = "auto", on_shrink: OnShrink | None = None) -> Detector:
    """The detector that comes with the package, and its classifier. Raises as `detector_for`.

    Args:
        on_shrink: told when memory ran out and a batch was halved.
    """
    files = locate(SHIPPED_DETECTOR), locate(SHIPPED_CLASSIFIER)
    first, second = (open_session(file.path, device) for file in files)
    return Detector(finder_of(first, on_shrink, Classifier(second, on_shrink)), files)


@dataclass(frozen=True)
class Inventor:
    """Makes up what lies behind a mark where the scene stands still.

    The shipped network is opened when it is first called, as most videos never need it.

    Attributes:
        networks: as asked for.
        file: the network's; None: none takes part.
    """

    networks: Networks
    file: WeightsFile | None

    def __call__(self, picture: Values, hole: Mask) -> Values:
        """The picture [h, w, 3] (Y, U, V at luma's size, 8-bit code values) with its hole [h, w] filled.

        Raises:
            LoadError: the network cannot be loaded.
            ModelError: it is no inpainter.
            UnavailableError: the device is not there.
            ProcessingError, MemoryLimitError: the network failed.
        """
        if self.file is None:
            return proven_fill(picture, hole, (fill_from_patches,))
        net = _opened(self.file, self.networks.device)
        if isinstance(net, Lama):
            return _filled_by_lama(net, picture, hole)
        if self.networks.inpainter != "auto":
            return net(picture, hole, harmonic(picture, hole))
        return proven_fill(picture, hole, (fill_from_patches, net))

    @property
    def weights(self) -> tuple[dict[str, str], ...]:
        """Of the network, as a report has them."""
        return (self.file.as_dict(),) if self.file else ()


def inventor_for(networks: Networks) -> Inventor:
    """Who makes up what is hidden where the scene stands still.

    Raises:
        WeightsError: the name is not known, or its file is not there or no network.
        ModelError: the file is damaged.
        LoadError, UnavailableError, ProcessingError: the network that was chosen does not run, needed or not.
    """
    if networks.inpainter == "none":
        return Inventor(networks, None)
    if networks.inpainter == "auto":
        return Inventor(networks, locate(SHIPPED_INPAINTER))
    file = locate(networks.inpainter, networks.folder, networks.own_list)
    _opened(file, networks.device)
    return Inventor(networks, file)


def _opened(file: WeightsFile, device: str) -> Inpainter | Lama:
    session = open_session(file.path, device)
    return Inpainter(session) if file.name == SHIPPED_INPAINTER else _lama(session)


@lru_cache(maxsize=1)
def _lama(session: Session) -> Lama:
    """Made once, as it runs a probe."""
    return Lama(session)


def _filled_by_lama(lama: Lama, picture: Values, hole: Mask) -> Values:
    """By way of R'G'B'; outside the hole the picture stays as it is, to the last bit."""
    if not hole.any():
        return picture
    (filled,) = lama.inpaint([yuv_to_rgb(picture, "bt709", is_full_range=False)], [hole])
    return np.where(hole[..., None], rgb_to_yuv(filled, "bt709", is_full_range=False), picture)
