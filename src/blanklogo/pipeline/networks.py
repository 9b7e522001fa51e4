"""The networks that a job asks for, opened once for the process, when they are first needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from blanklogo.detection.classifier import Classifier
from blanklogo.detection.finders import finder_of
from blanklogo.detection.glances import Finder
from blanklogo.models.files import WeightsFile, locate
from blanklogo.models.inpainter import Inpainter
from blanklogo.models.lama import Lama
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
    if chosen.detector == "none" or job.marks or job.boxes:
        return None
    if chosen.detector == "auto":
        return shipped_detector(chosen.device)
    file = locate(chosen.detector, chosen.folder, chosen.own_list)
    session = open_session(file.path, chosen.device)
    return Detector(finder_of(session, lambda shrunk: notes.append(str(shrunk))), (file,))


def shipped_detector(device: str = "auto") -> Detector:
    """The detector that comes with the package, and its classifier. Raises as `detector_for`."""
    files = locate(SHIPPED_DETECTOR), locate(SHIPPED_CLASSIFIER)
    first, second = (open_session(file.path, device) for file in files)
    return Detector(finder_of(first, classifier=Classifier(second)), files)


@dataclass(frozen=True)
class Inventor:
    """Makes up what lies behind a mark where the scene stands still; its network is opened when it is first called.

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
        session = open_session(self.file.path, self.networks.device)
        if self.file.name != SHIPPED_INPAINTER:
            return _filled_by_lama(Lama(session), picture, hole)
        net = Inpainter(session)
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
    """
    if networks.inpainter == "none":
        return Inventor(networks, None)
    name = SHIPPED_INPAINTER if networks.inpainter == "auto" else networks.inpainter
    return Inventor(networks, locate(name, networks.folder, networks.own_list))


def _filled_by_lama(lama: Lama, picture: Values, hole: Mask) -> Values:
    """By way of R'G'B'; outside the hole the picture stays as it is, to the last bit."""
    if not hole.any():
        return picture
    (filled,) = lama.inpaint([yuv_to_rgb(picture, "bt709", is_full_range=False)], [hole])
    return np.where(hole[..., None], rgb_to_yuv(filled, "bt709", is_full_range=False), picture)
