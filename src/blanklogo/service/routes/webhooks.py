"""Webhooks: the log of what was told about a job, replays, and the owner's secret."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Header, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from blanklogo.errors import NotFoundError
from blanklogo.net.pieces import named
from blanklogo.service.bodies import Body, moment
from blanklogo.service.repeats import IdempotencyKey, repeatable
from blanklogo.service.routes.asking import BODY, Here, JobId, Reader, Submitter, caller_of, owned, problems
from blanklogo.service.tokens.dependency import require
from blanklogo.service.tokens.token import Scope
from blanklogo.service.webhooks.delivery import Attempt, Delivery, DeliveryState
from blanklogo.service.webhooks.message import ID_FORM, EventName, EventTold
from blanklogo.service.webhooks.signing import MAX_OVERLAP_SECONDS

router = APIRouter(prefix="/api/v1", tags=["webhooks"])

EventId = Annotated[str, Path(pattern=ID_FORM, examples=["evt_0123456789abcdef01234567"])]

_ATTEMPT: dict[str, Any] = {
    "number": 1,
    "at": "2026-01-02T03:04:05Z",
    "took_ms": 118,
    "status": 503,
    "excerpt": "try later",
}
_DELIVERY: dict[str, Any] = {
    "id": "evt_0123456789abcdef01234567",
    "event": "job.completed",
    "url": "https://example.com/hooks/videos",
    "status": "waiting",
    "created_at": "2026-01-02T03:04:05Z",
    "next_attempt_at": "2026-01-02T03:04:15Z",
    "num_attempts": 1,
    "num_replays": 0,
    "attempts": [_ATTEMPT],
}
_SECRET: dict[str, Any] = {
    "secret": "whsec_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG",
    "made_at": "2026-01-02T03:04:05Z",
    "others_end_at": "2026-01-03T03:04:05Z",
}


class AttemptView(BaseModel):
    """One try. Without `took_ms` it is under way, or the service ended before it did."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ATTEMPT]})
    number: int
    at: datetime
    took_ms: int | None = None
    status: int | None = Field(None, description="of the receiver's answer")
    error: str | None = Field(None, description="why there was no answer, or what was wrong with it")
    excerpt: str | None = Field(None, description="the beginning of an answer that was no success")


class DeliveryView(BaseModel):
    """An event on its way to its receiver, and afterwards."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DELIVERY]})
    id: str = Field(description="the event's, as the receiver is told it")
    event: EventName
    url: str = Field(description="the receiver, without its query")
    status: DeliveryState
    reason: str | None = Field(None, description="why it failed")
    created_at: datetime
    next_attempt_at: datetime | None = None
    ended_at: datetime | None = None
    num_attempts: int
    num_replays: int
    attempts: list[AttemptView] = Field(description="the last 20")


class DeliveryList(BaseModel):
    deliveries: list[DeliveryView]
    total: int = Field(description="on all pages")
    offset: int
    limit: int


class SecretRequest(Body):
    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_seconds": 86400}]})
    overlap_seconds: float = Field(
        86400,
        strict=True,
        ge=0,
        le=MAX_OVERLAP_SECONDS,
        description="for which the secrets before this one go on signing too",
    )


class SecretMade(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [_SECRET]})
    secret: str = Field(description="shown this once; by an Idempotency-Key again, for two days")
    made_at: datetime
    others_end_at: datetime | None = Field(None, description="until when those before it sign too")


@router.get("/jobs/{job_id}/deliveries", responses=problems(404, 422))
def list_deliveries(
    parts: Here,
    token: Reader,
    job_id: JobId,
    status: Annotated[list[DeliveryState], Query(description="only these; may be given several times")] = [],  # noqa: B006
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> DeliveryList:
    """What was told about a job to its `webhook_url`, and how that went, the newest first."""
    owned(parts, token, job_id)
    found, total = parts.ledger.page(job_id, status, offset, limit)
    return DeliveryList(deliveries=[_view(one) for one in found], total=total, offset=offset, limit=limit)


@router.post("/jobs/{job_id}/deliveries/{event_id}/replay", status_code=202, responses=problems(404, 409, 422))
def replay(
    request: Request,
    parts: Here,
    token: Submitter,
    job_id: JobId,
    event_id: EventId,
    idempotency_key: IdempotencyKey = None,
) -> DeliveryView:
    """Tells an event again, by the same id and in the same words, that was delivered or has failed."""
    owned(parts, token, job_id)

    def make(connection: Connection) -> dict[str, Any]:
        if not parts.ledger.replay(connection, job_id, event_id):
            raise _no_event(job_id, event_id)
        parts.intake.note(connection, caller_of(request, token), "webhook.replay", job_id, {"event": event_id})
        return {}

    parts.repeats.once(repeatable(token.owner, idempotency_key, "replay", job_id, event_id), make)
    delivery = parts.ledger.get(job_id, event_id)
    if delivery is None:
        raise _no_event(job_id, event_id)
    return _view(delivery)


@router.post(
    "/webhooks/secret",
    status_code=201,
    dependencies=[Depends(require(Scope.READ))],
    responses=problems(409, *BODY),
)
def make_secret(
    request: Request, parts: Here, token: Submitter, body: SecretRequest, idempotency_key: IdempotencyKey = None
) -> SecretMade:
    """The owner's secret, by which receivers check signatures: the first, or the next one. It is shown in this answer
    alone, and again to who repeats the request. Needs both scopes: who may only drop videos off could otherwise forge
    what is told about them."""

    def make(connection: Connection) -> dict[str, Any]:
        told = {"overlap_seconds": body.overlap_seconds}
        parts.intake.note(connection, caller_of(request, token), "webhook.secret", token.id, told)
        return parts.secrets.begin(connection, token.owner, body.overlap_seconds)

    named = repeatable(token.owner, idempotency_key, "secret", body.overlap_seconds)
    made = parts.secrets.renewed(token.owner, parts.repeats.once(named, make).made)
    ends = None if made.others_end_seconds is None else moment(made.others_end_seconds)
    return SecretMade(secret=made.secret.reveal(), made_at=moment(made.made_seconds), others_end_at=ends)


def describe(app: FastAPI) -> None:
    """What is sent, for the OpenAPI."""

    @app.webhooks.post("job", tags=["webhooks"])
    def told(
        body: EventTold,
        x_webhook_id: Annotated[str, Header(description="the event's id, to know one that comes twice")],
        x_webhook_event: Annotated[EventName, Header()],
        x_webhook_timestamp: Annotated[int, Header(description="of this attempt: seconds since 1970")],
        x_webhook_signature: Annotated[
            str,
            Header(
                description="`sha256=` and HMAC-SHA256 of `TIMESTAMP.BODY` in hexadecimal, by the owner's secret; "
                "while secrets overlap several, with commas between"
            ),
        ],
    ) -> None:
        """Sent to a job's `webhook_url` when something happens to it. Any status from 200 to 299 takes it; 410 ends
        what is told about the job; 408, 425, 429 and those from 500 up are tried again; redirects are not followed."""


def _no_event(job_id: str, event_id: str) -> NotFoundError:
    return NotFoundError(f"no event {event_id} of {job_id}", hint=f"GET /api/v1/jobs/{job_id}/deliveries lists them")


def _view(delivery: Delivery) -> DeliveryView:
    is_waiting = delivery.state is DeliveryState.WAITING
    return DeliveryView(
        id=delivery.id,
        event=EventName(delivery.event),
        url=named(delivery.url),
        status=delivery.state,
        reason=delivery.reason,
        created_at=moment(delivery.created_seconds),
        next_attempt_at=moment(delivery.due_seconds) if is_waiting else None,
        ended_at=None if delivery.ended_seconds is None else moment(delivery.ended_seconds),
        num_attempts=delivery.num_attempts,
        num_replays=delivery.num_replays,
        attempts=[_attempt(one) for one in delivery.attempts],
    )


def _attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        at=moment(attempt.at_seconds),
        took_ms=None if attempt.took_seconds is None else int(attempt.took_seconds * 1000),
        status=attempt.status,
        error=attempt.error,
        excerpt=attempt.excerpt,
    )
