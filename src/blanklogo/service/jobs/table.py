"""The tables under jobs. What one row is, `store.Job` says field by field; moments are seconds since 1970, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text

from blanklogo.service.database import metadata

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("batch_id", String(18), nullable=True),
    Column("state", String(12), nullable=False),
    Column("run_number", Integer, nullable=False),
    Column("num_attempts", Integer, nullable=False),
    Column("percent", Integer, nullable=False),
    Column("step", String(40), nullable=False),
    Column("is_cancel_asked", Boolean, nullable=False),
    Column("request", Text, nullable=False),
    Column("input_url", Text, nullable=True),
    Column("upload_id", String(20), nullable=True),
    Column("input_key", Text, nullable=True),
    Column("input_name", Text, nullable=False),
    Column("input_bytes", BigInteger, nullable=True),
    Column("input_sha256", String(64), nullable=True),
    Column("output_key", Text, nullable=True),
    Column("output_bytes", BigInteger, nullable=True),
    Column("output_sha256", String(64), nullable=True),
    Column("outcome", String(16), nullable=True),
    Column("report", Text, nullable=True),
    Column("error", Text, nullable=True),
    Column("created_seconds", Float, nullable=False),
    Column("updated_seconds", Float, nullable=False),
    Column("started_seconds", Float, nullable=True),
    Column("completed_seconds", Float, nullable=True),
    Column("expires_seconds", Float, nullable=True),
    Column("is_expired", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Index("jobs_of_owner", "owner", "created_seconds", "id"),
    Index("jobs_by_state", "state", "updated_seconds"),
    Index("jobs_that_expire", "is_expired", "expires_seconds"),
)

results = Table(  # that may be given again; see `recall`
    "results",
    metadata,
    Column("job_id", String(16), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("name", String(64), nullable=False),
    Index("results_by_name", "owner", "name"),
)

uploads = Table(
    "uploads",
    metadata,
    Column("id", String(20), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("key", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("job_id", String(16), nullable=True),
    Column("created_seconds", Float, nullable=False),
    Column("expires_seconds", Float, nullable=False, index=True),
)

audit = Table(  # who did what to which job; rows are never changed
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at_seconds", Float, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("token_id", String(16), nullable=False),
    Column("action", String(32), nullable=False),
    Column("subject", String(20), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("details", Text, nullable=False),
    Index("audit_of_subject", "subject"),
)

orchestrators = Table(  # processes that do runs; moments by the database's own clock
    "orchestrators",
    metadata,
    Column("name", String(20), primary_key=True),
    Column("place", String(300), nullable=False),
    Column("started_seconds", Float, nullable=False),
    Column("seen_seconds", Float, nullable=False),
)
