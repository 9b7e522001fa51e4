"""Whether the service is there, whether it can work, and its figures."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel

from blanklogo import __version__
from blanklogo.service.routes.asking import SHOWN, Admin, Here, problems

router = APIRouter(tags=["health"])


class Health(BaseModel):
    status: str
    version: str


class Readiness(BaseModel):
    """Each part: "ok" or "unavailable". `engine` only where the process does jobs itself; `orchestrators`: how many
    processes do, this one included. Without any, jobs are taken and wait."""

    database: str
    storage: str
    engine: str | None = None
    orchestrators: int


@router.get("/health")
@router.get("/healthz", include_in_schema=False)
async def health() -> Health:
    """That the process answers. For anyone."""
    return Health(status="healthy", version=__version__)


@router.get(
    "/readyz", response_model=Readiness, responses={503: {"model": Readiness, "description": "not all is well"}}
)
def ready(parts: Here) -> Response:
    """Whether the database answers, the storage takes and gives a file, and a worker loads. For anyone."""
    found = parts.readiness.look()
    is_well = set(found.values()) == {"ok"}
    num_living = parts.crew.num_living() if found["database"] == "ok" else 0
    return JSONResponse({**found, "orchestrators": num_living}, 200 if is_well else 503)


@router.get("/metrics", responses=problems(), dependencies=[SHOWN], response_class=PlainTextResponse)
def metrics(parts: Here, token: Admin) -> Response:
    """Figures in Prometheus' text format."""
    engine = parts.engine.stats if parts.engine is not None else None
    num_living = parts.crew.num_living()
    text, media_type = parts.metrics.text(parts.store.counts(), parts.ledger.counts(), num_living, engine)
    return Response(text, media_type=media_type)
