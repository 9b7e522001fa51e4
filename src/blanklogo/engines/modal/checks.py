"""What is looked at before a deployment: who deploys, what is sent, who may call, and what it costs."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from blanklogo.engines.bearer import VARIABLE, Tokens
from blanklogo.engines.modal.border import need_modal, service_errors
from blanklogo.engines.modal.means import PINNED_VERSION, class_options
from blanklogo.engines.prices import idle_usd, price_of, warm_month_usd
from blanklogo.engines.spec import GIB, EngineSpec
from blanklogo.errors import OptionError, UnavailableError

DEPLOY_FILE = Path("deploy") / "modal_app.py"


@dataclass(frozen=True)
class Check:
    """One finding. `is_good` is False for what should be seen to, though a deployment would do."""

    name: str
    finding: str
    is_good: bool = True

    def as_dict(self) -> dict[str, Any]:
        return {"name": self.name, "finding": self.finding, "is_good": self.is_good}


def find_deploy_file(given: Path | None) -> Path:
    """The file to deploy: what was given, or deploy/modal_app.py here or in the checkout that this package is from.

    Raises:
        OptionError: there is none.
    """
    checkout = Path(__file__).parents[4]
    places = [given] if given else [DEPLOY_FILE, checkout / DEPLOY_FILE]
    for place in places:
        if place.is_file():
            return place
    raise OptionError(f"no file {places[0]}", accepted=f"a Modal app such as {DEPLOY_FILE} of BlankLogo's source")


def check_deployment(file: Path, environment: Mapping[str, str]) -> list[Check]:
    """All findings, in the order in which they are looked for.

    Raises:
        UnavailableError: the extra is missing or of another version, or nobody is logged in.
        OptionError: a figure or a token entry does not fit.
    """
    need_modal()
    spec = EngineSpec.from_environment(environment)
    class_options(spec)
    return [
        _installed(),
        _account(),
        *_config_file(),
        Check("worker", _spec_words(spec)),
        _tokens(environment),
        _source(file),
        *_costs(spec),
    ]


def _installed() -> Check:
    found = version("modal")
    if found != PINNED_VERSION:
        raise UnavailableError(
            f"modal {found} is installed",
            accepted=f"modal {PINNED_VERSION}, with which it was tried",
            hint=f"pip install modal=={PINNED_VERSION}",
        )
    return Check("modal", f"version {found}")


def _account() -> Check:
    import modal
    from modal.config import config

    with service_errors():
        modal.Client.from_env().hello()
    return Check("account", f"logged in at {config['server_url']}")


def _config_file() -> list[Check]:
    """The SDK writes its file readable for everybody; the account's secret is in it."""
    path = Path(os.environ.get("MODAL_CONFIG_PATH") or Path.home() / ".modal.toml")
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return []
    if mode & 0o077:
        return [Check("secret file", f"{path} can be read by others ({mode:o}); try: chmod 600 {path}", is_good=False)]
    return [Check("secret file", f"{path} is yours alone")]


def _tokens(environment: Mapping[str, str]) -> Check:
    identifiers = Tokens.parse(environment.get(VARIABLE, "")).digests
    if identifiers:
        return Check("tokens", f"HTTP is open to {', '.join(sorted(identifiers))}")
    hint = f"export {VARIABLE}=$(blanklogo modal token ID)"
    return Check("tokens", f"HTTP will be refused to all: {VARIABLE} is not set; try: {hint}", is_good=False)


def _source(file: Path) -> Check:
    """What travels; packages are installed on Modal's side, from its cache where it has them."""
    package = Path(__file__).parents[2]
    sizes = [path.stat().st_size for path in package.rglob("*.py")]
    return Check("sent", f"{file} and {len(sizes)} source files, {sum(sizes) / 1e3:.0f} kB; packages are built there")


def _spec_words(spec: EngineSpec) -> str:
    gpu = " or ".join(spec.gpu) or "no GPU"
    worker = f"{gpu}, {spec.cpu_cores:g} cores, {spec.memory_bytes / GIB:.3g} GiB, at most {spec.max_workers} at once"
    return f"{worker}; {spec.timeout_seconds:g} s a call, gone after {spec.scaledown_window_seconds:g} s without one"


def _costs(spec: EngineSpec) -> list[Check]:
    price = price_of(spec, "modal")
    hourly = f"{price.usd_per_hour(spec):.2f} USD an hour while a worker is there ({price.date})"
    idle = f"{idle_usd(spec, 'modal'):.4f} USD for each scaledown window that no call uses"
    if not spec.min_workers:
        return [Check("cost", hourly), Check("idle cost", f"{idle}; nothing while nobody calls")]
    warm = f"{warm_month_usd(spec, 'modal'):.0f} USD a month for {spec.min_workers} kept loaded, used or not"
    return [Check("cost", hourly), Check("idle cost", f"{idle}; {warm}", is_good=False)]
