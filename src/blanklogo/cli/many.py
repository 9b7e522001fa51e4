"""One removal or many: each video on its own, whatever becomes of the others, all by one engine."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from blanklogo.cli.output import Output, unexpected
from blanklogo.cli.stop import Stop
from blanklogo.cli.words import summary, tally
from blanklogo.errors import BlankLogoError, CancelledError, OptionError, TargetError

if TYPE_CHECKING:
    from blanklogo.engines.spec import EngineSpec
    from blanklogo.types import Report

NO_MARK_STRICT = 3  # the exit code of --strict when there was nothing to remove
BEST_FIRST = (0, NO_MARK_STRICT, 2, 1)  # exit codes; of many the worst holds
_DAY_SECONDS = 86_400.0

Pair = tuple[Path, Path]  # a source and its target


@dataclass(frozen=True)
class Removal:
    """What one command line asks for.

    Attributes:
        pairs: sources and their targets.
        how: arguments of `api.remove`; `engine` is a name.
        is_strict: a video without a mark counts in the exit code.
    """

    pairs: tuple[Pair, ...]
    how: dict[str, Any]
    is_strict: bool


def pairs_of(sources: Sequence[Path], target: Path | None) -> tuple[Pair, ...]:
    """Each source with its target: beside it, or in the folder `target`; the target of a single source is a file.

    Raises:
        TargetError: of several sources the target is no folder.
        OptionError: two would have the same target.
    """
    if len(sources) == 1:
        return ((sources[0], target or clean_name(sources[0])),)
    if target is not None and not target.is_dir():
        accepted = "of several videos a folder that exists"
        raise TargetError(f"{target} is no folder", accepted=accepted, hint=f"mkdir -p {target}")
    pairs = [(source, clean_name(source) if target is None else target / clean_name(source).name) for source in sources]
    for place, count in Counter(place for _, place in pairs).items():
        if count > 1:
            raise OptionError(f"{count} videos would be written to {place}", hint="one command for each folder")
    return tuple(pairs)


def clean_name(source: Path) -> Path:
    """clip.mp4 → clip.clean.mp4, beside it."""
    return source.with_name(f"{source.stem}.clean{source.suffix}") if source.name else source


def remove_all(removal: Removal, output: Output, stop: Stop) -> int:
    """Does it; the exit code. An error of a single video is raised, one of many is told and counted."""
    if len(removal.pairs) == 1:
        ((source, target),) = removal.pairs
        with output:
            how = removal.how | {"spec": _spec(removal.how["engine"])}
            report = _removed(source, target, how, on_event=output.event, cancelled=stop)
        return _told(removal, output, source, target, report)
    with output:
        do = _in_turn if removal.how["engine"] == "inline" else _at_once
        endings = do(removal, output, stop)
    output.words([tally([words for words, _ in endings])])
    return max((code for _, code in endings), key=BEST_FIRST.index)


def _in_turn(removal: Removal, output: Output, stop: Stop) -> list[tuple[str, int]]:
    return [_one_of_many(removal, output, stop, pair, removal.how) for pair in removal.pairs]


def _at_once(removal: Removal, output: Output, stop: Stop) -> list[tuple[str, int]]:
    """As many at once as the engine has workers. Stopped, the engine goes first: the threads wait for its calls."""
    from blanklogo.engines.open import open_engine

    spec = _spec(removal.how["engine"])
    assert spec is not None
    num_threads = min(len(removal.pairs), spec.max_workers)
    with ThreadPoolExecutor(num_threads) as threads, open_engine(removal.how["engine"], spec) as engine:
        how = removal.how | {"engine": engine}
        waiting = [threads.submit(_one_of_many, removal, output, stop, pair, how) for pair in removal.pairs]
        try:
            return [future.result() for future in waiting]
        except BaseException:
            for future in waiting:
                future.cancel()
            raise


def _one_of_many(removal: Removal, output: Output, stop: Stop, pair: Pair, how: dict[str, Any]) -> tuple[str, int]:
    """Removes and tells; what became of it in a word, and its exit code."""
    source, target = pair
    try:
        report = _removed(source, target, how, on_event=partial(output.event, source=source), cancelled=stop)
    except CancelledError:
        raise
    except Exception as error:
        if stop.requested:  # the engine is on its way out, and whatever else is said is only that
            raise CancelledError("stopped") from error
        failure = error if isinstance(error, BlankLogoError) else unexpected(error)
        output.failure(failure, source)
        return "failed", failure.exit_code
    return report.verify.status, _told(removal, output, source, target, report)


def _removed(source: Path, target: Path, how: dict[str, Any], **hearing: Any) -> Report:
    from blanklogo import api

    return api.remove(source, target, **how, **hearing)


def _told(removal: Removal, output: Output, source: Path, target: Path, report: Report) -> int:
    written = None if removal.how["dry_run"] else target
    fields = {"source": str(source), "output": written and str(written), "report": report.as_dict()}
    output.result(fields, summary(report, source, written))
    return NO_MARK_STRICT if removal.is_strict and report.verify.status == "no_mark" else 0


def _spec(engine: str) -> EngineSpec | None:
    """The limits that the environment sets. On this machine, nobody pays by the minute: a removal may take a day."""
    if engine == "inline":
        return None
    from blanklogo.engines.spec import EngineSpec

    return EngineSpec.from_environment(os.environ, **({"timeout_seconds": _DAY_SECONDS} if engine == "pool" else {}))
