"""The tables under webhooks. Moments are seconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, Text

from blanklogo.service.database import metadata

webhooks = Table(  # who is told about a job, and of what
    "webhooks",
    metadata,
    Column("job_id", String(16), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("events", Text, nullable=False),  # names, with spaces between
    Column("stopped_seconds", Float, nullable=True),  # when the receiver answered that it wants no more
)

deliveries = Table(  # an event on its way, and afterwards what became of it
    "deliveries",
    metadata,
    Column("id", String(28), primary_key=True),  # the event's
    Column("job_id", ForeignKey("webhooks.job_id"), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("run_number", Integer, nullable=False),
    Column("event", String(16), nullable=False),
    Column("step", String(40), nullable=False),  # of a progress; else empty
    Column("version", Integer, nullable=False),  # the job's, so that its events have an order that no clock disturbs
    Column("body", Text, nullable=False),
    Column("state", String(12), nullable=False),
    Column("reason", Text, nullable=True),  # why it failed
    Column("created_seconds", Float, nullable=False),
    Column("due_seconds", Float, nullable=False),  # when it is to be tried
    Column("leased_until_seconds", Float, nullable=False),  # until then it is some process's; 0: nobody's
    Column("ended_seconds", Float, nullable=True),
    Column("num_attempts", Integer, nullable=False),
    Column("num_failures", Integer, nullable=False),  # since it was last put into the queue
    Column("num_replays", Integer, nullable=False),
    Index("deliveries_once", "job_id", "run_number", "event", "step", unique=True),
    Index("deliveries_due", "state", "due_seconds"),
    Index("deliveries_of_job", "job_id", "version"),
)

attempts = Table(
    "delivery_attempts",
    metadata,
    Column("delivery_id", ForeignKey("deliveries.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("at_seconds", Float, nullable=False),
    Column("took_seconds", Float, nullable=True),  # None: under way, or its process ended first
    Column("status", Integer, nullable=True),
    Column("error", Text, nullable=True),
    Column("excerpt", Text, nullable=True),
)

webhook_secrets = Table(  # which generations of an owner's secret are good; none of the secrets
    "webhook_secrets",
    metadata,
    Column("owner", String(64), primary_key=True),
    Column("generation", Integer, primary_key=True, autoincrement=False),
    Column("made_seconds", Float, nullable=False),
    Column("ends_seconds", Float, nullable=True),  # None: the newest, which has no end
)
