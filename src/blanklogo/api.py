"""What a program calls: `remove`, `detect`, `estimate_matte`, `preview`.

At three heights::

    blanklogo.remove("clip.mp4")                                          # writes clip.clean.mp4

    report = blanklogo.remove("clip.mp4", "clean.mp4", marks=["logo.png"], on_event=print)

    detection = blanklogo.detect("clip.mp4")                              # in steps
    matte = blanklogo.estimate_matte("clip.mp4", box=detection.tracks[0].box)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from blanklogo.engines.base import Engine
from blanklogo.engines.open import open_engine
from blanklogo.engines.removal import check_chunks_here, run_on
from blanklogo.engines.spec import EngineSpec
from blanklogo.errors import SourceError
from blanklogo.media.probe import probe
from blanklogo.pipeline.look import look
from blanklogo.pipeline.marks import write_matte
from blanklogo.pipeline.plan import check_times
from blanklogo.pipeline.preview import learn_marks, write_preview
from blanklogo.pipeline.run import run
from blanklogo.types import Box, Detection, Event, Job, Matte, Mode, Networks, Platform, Report, TimeRange

OnEvent = Callable[[Event], None]
Cancelled = Callable[[], bool]


def remove(
    source: str | Path,
    target: str | Path | None = None,
    *,
    mode: str | Mode = Mode.AUTO,
    platform: str | Platform | None = None,
    marks: Sequence[str | Path] = (),
    boxes: Sequence[Box] = (),
    within: TimeRange | None = None,
    codec: str | None = None,
    quality: float | None = None,
    networks: Networks | None = None,
    overwrite: bool = False,
    dry_run: bool = False,
    engine: str | Engine = "inline",
    spec: EngineSpec | None = None,
    chunks: int | None = None,
    on_event: OnEvent | None = None,
    cancelled: Cancelled | None = None,
) -> Report:
    """Takes the marks out of a video; see `types.Job` for the options.

    Args:
        networks: which take part; None: the shipped ones, on what is there.
        target: the result; None: the source's name with `.clean` before its suffix.
        engine: where it runs: "inline" (here, at once), "pool", "modal", "ray", or an engine that is open already; see
            `engines.open`. One that is named is opened for this removal and closed after it.
        spec: the limits of an engine that is named; None: none of this thread's own when inline, else the defaults,
            among them ten minutes for a removal.
        chunks: restores the video in so many parts, as many at once as the engine has workers; None: in one, and in
            parts only if that takes longer than one call may. See docs/fallback.md.
        on_event: hears `Progress` and `Notice`.
        cancelled: asked before every frame (inline) or ten times a second; true stops the work.

    Raises:
        CallerError: the source, an option or the target does not fit; nothing was done.
        ProcessingError: decoding, encoding, writing or the verification failed; nothing was kept.
        EngineError: the engine could not be had, or let the work down; nothing was kept.
        CancelledError: stopped; nothing was kept.
    """
    source = Path(source)
    job = Job(
        source,
        Path(target) if target is not None else clean_name(source),
        mode=Mode(mode),
        platform=Platform(platform) if platform else None,
        marks=tuple(Path(mark) for mark in marks),
        boxes=tuple(boxes),
        within=within or TimeRange(),
        codec=codec,
        quality=quality,
        networks=networks or Networks(),
        overwrite=overwrite,
        dry_run=dry_run,
    )
    return _run_where(engine, spec, job, chunks, on_event or _ignore, cancelled or _never)


def detect(
    source: str | Path,
    *,
    platform: str | Platform | None = None,
    within: TimeRange | None = None,
    networks: Networks | None = None,
    on_event: OnEvent | None = None,
    cancelled: Cancelled | None = None,
) -> Detection:
    """Where marks are and when; writes nothing. Raises as `remove`."""
    probe(source)
    place = Platform(platform) if platform else None
    job = _job(source, platform=place, within=within or TimeRange(), networks=networks or Networks())
    seen = look(job, on_event or _ignore, cancelled or _never)
    check_times(job, seen)
    return seen.detection


def estimate_matte(
    source: str | Path,
    *,
    box: Box | None = None,
    platform: str | Platform | None = None,
    within: TimeRange | None = None,
    networks: Networks | None = None,
    on_event: OnEvent | None = None,
    cancelled: Cancelled | None = None,
) -> Matte:
    """The matte of the mark in a box, or of the first mark found.

    Raises:
        SourceError: there is no mark to learn.
        As `remove` otherwise.
    """
    job = _job(
        source,
        boxes=(box,) if box else (),
        platform=Platform(platform) if platform else None,
        within=within or TimeRange(),
        networks=networks or Networks(),
    )
    learnt = learn_marks(job, on_event or _ignore, cancelled or _never)
    if not learnt.mattes:
        raise SourceError(f"no mark was found in {source}", hint="give its place by --box X,Y,W,H")
    return learnt.mattes[0]


def save_matte(matte: Matte, path: str | Path) -> None:
    """A matte as a PNG with alpha that `remove(marks=[…])` takes. Raises WriteError when the disk refuses."""
    write_matte(matte, Path(path))


def preview(
    source: str | Path,
    target: str | Path,
    *,
    platform: str | Platform | None = None,
    marks: Sequence[str | Path] = (),
    boxes: Sequence[Box] = (),
    within: TimeRange | None = None,
    networks: Networks | None = None,
    on_event: OnEvent | None = None,
    cancelled: Cancelled | None = None,
) -> Path:
    """A before/after picture (PNG) of one frame, boxes and matte drawn; the path written. Raises as `remove`."""
    job = _job(
        source,
        platform=Platform(platform) if platform else None,
        marks=tuple(Path(mark) for mark in marks),
        boxes=tuple(boxes),
        within=within or TimeRange(),
        networks=networks or Networks(),
    )
    write_preview(job, Path(target), on_event or _ignore, cancelled or _never)
    return Path(target)


def _run_where(
    engine: str | Engine, spec: EngineSpec | None, job: Job, chunks: int | None, on_event: OnEvent, cancelled: Cancelled
) -> Report:
    if isinstance(engine, Engine):
        return run_on(engine, job, on_event, cancelled, chunks)
    if engine == "inline" and spec is None:
        check_chunks_here(chunks)
        return run(job, on_event, cancelled)
    with open_engine(engine, spec) as opened:
        return run_on(opened, job, on_event, cancelled, chunks)


def clean_name(source: Path) -> Path:
    """The default target: `clip.mp4` gives `clip.clean.mp4`."""
    return source.with_name(f"{source.stem}.clean{source.suffix}")


def _job(source: str | Path, **options) -> Job:
    return Job(Path(source), clean_name(Path(source)), **options)


def _ignore(event: Event) -> None:
    del event


def _never() -> bool:
    return False
