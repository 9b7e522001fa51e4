"""The application: routes, limits and problems over the service's parts."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.middleware import Middleware

from blanklogo import __version__
from blanklogo.engines.base import Engine
from blanklogo.engines.memory import share_bytes
from blanklogo.engines.open import open_engine
from blanklogo.engines.pool.cores import num_cores
from blanklogo.engines.spec import EngineSpec
from blanklogo.service import forms, problems
from blanklogo.service.methods import Methods
from blanklogo.service.middleware import BodyLimit, BodyLimits, RequestIds
from blanklogo.service.parts import Parts
from blanklogo.service.rates import Rate, RateLimits
from blanklogo.service.routes import catalogue, events, health, jobs, process, resumable, uploads, webhooks
from blanklogo.service.routes.asking import SHOWN
from blanklogo.service.settings import Settings
from blanklogo.service.storage.arriving import PAUSE_SECONDS, Gate
from blanklogo.service.storage.routes import router as files
from blanklogo.service.storage.signing import PATH as FILES_PATH
from blanklogo.transfer.guard.policy import Policy

_JSON_BYTES = 1_000_000  # a batch with its options takes a hundredth of it
_FORM_BYTES = 1_000_000  # of an upload's form beside the file
_JSON, _FORM = "application/json", "multipart/form-data"
_ROOMS = (jobs, uploads, events, webhooks, catalogue, process)  # for whoever has a token
# Load balancers ask these often, and workers those, in many parts, with a signature of their own.
_FREE = ("/health", "/healthz", FILES_PATH)

_DESCRIPTION = """Takes burned-in marks (a logo, a platform's tag, a time stamp) out of videos, for people who own them
or hold the rights. Show a token as `Authorization: Bearer ID:SECRET`. Errors are `application/problem+json` (RFC 9457)
with a stable `code`."""


def create_app(settings: Settings, engine: Engine | None = None, policy: Policy | None = None) -> FastAPI:
    """The ASGI application; its parts are opened when it starts, and closed when it ends.

    Args:
        engine: where removals run, closed by whoever made it; None: the settings' own, by the variables that
            `EngineSpec.from_environment` reads, or none where the settings say that this process does no jobs.
        policy: who may be reached for videos that callers name; None: as BLANKLOGO_ALLOWED_HOSTS says.

    Raises:
        OptionError: a variable does not fit.
        UnavailableError: the engine is not installed.
    """
    guard = policy or Policy.from_environment(os.environ)
    spec = EngineSpec.from_environment(os.environ, timeout_seconds=settings.run_seconds, **_usual_memory(settings))

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        used = engine
        if used is None and settings.jobs:
            used = await run_in_threadpool(open_engine, settings.engine, spec)
        parts: Parts | None = None
        try:
            parts = await run_in_threadpool(Parts, settings, used, guard)
            app.state.parts, app.state.tokens = parts, parts.tokens
            app.state.storage, app.state.urls, app.state.gate = parts.storage, parts.urls, Gate()
            app.state.results = Gate()
            app.state.forms, app.state.texts = Gate(forms.NUM_AT_ONCE), Gate(process.NUM_READ_AT_ONCE)
            app.state.tus = resumable.tus_of(parts, app.state.gate)
            await run_in_threadpool(parts.start)
            yield
        finally:
            if parts is not None:
                await run_in_threadpool(parts.close)
            if used is not None and used is not engine:
                await run_in_threadpool(used.close, is_patient=False)

    return _routed(
        FastAPI(
            title="BlankLogo",
            version=__version__,
            description=_DESCRIPTION,
            lifespan=lifespan,
            redirect_slashes=False,
            middleware=_middleware(settings),
        )
    )


def _usual_memory(settings: Settings) -> dict[str, int]:
    """What a worker on this machine may hold unless a variable says otherwise: several take its memory together."""
    share = share_bytes(num_cores()) if settings.engine == "pool" else None
    return {} if share is None else {"memory_bytes": min(share, EngineSpec.memory_bytes)}


def leave(app: FastAPI) -> None:
    """Ends what waits for a job to be over: the process is about to stop. Does nothing before it has started."""
    parts = getattr(app.state, "parts", None)
    if parts is not None:
        parts.leaving.set()


def _middleware(settings: Settings) -> list[Middleware]:
    limits = settings.limits
    upload = f"{uploads.UPLOAD_PATH}, or a PUT to what POST /api/v1/uploads gives"
    bounds = (
        BodyLimit("/", _JSON_BYTES, _JSON),
        BodyLimit(uploads.UPLOAD_PATH, limits.max_input_bytes + _FORM_BYTES, _FORM, "a shorter or smaller video"),
        BodyLimit(process.PATH, process.MAX_BODY_BYTES, _JSON, f"POST {upload}"),
        BodyLimit(FILES_PATH, None),
        BodyLimit(resumable.PATH, None),
    )
    rates = {
        "by_token": Rate(settings.rate_per_second, settings.rate_burst),
        "by_address": Rate(settings.anonymous_per_second, settings.anonymous_burst),
        "free": _FREE,
    }
    return [
        Middleware(RequestIds),
        Middleware(RateLimits, **rates),
        Middleware(Methods, routers=_routers()),
        Middleware(BodyLimits, limits=bounds, pause_seconds=PAUSE_SECONDS),
    ]


def _routers() -> list[APIRouter]:
    return [room.router for room in _ROOMS] + [health.router, files, resumable.router]


def _routed(app: FastAPI) -> FastAPI:
    problems.install(app)
    for room in _ROOMS:
        app.include_router(room.router, dependencies=[SHOWN])
    for router in (health.router, files, resumable.router):
        app.include_router(router)
    webhooks.describe(app)
    problems.describe(app)
    return app
