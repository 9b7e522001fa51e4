"""What an operator says of the service: variables that begin with BLANKLOGO_SERVICE_, or arguments."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url

from blanklogo.errors import OptionError
from blanklogo.service.database import usual_url
from blanklogo.service.jobs.durable import Width
from blanklogo.service.jobs.job import DAYS
from blanklogo.service.jobs.works import Limits
from blanklogo.service.webhooks.delivery import LIMIT_SECONDS, Patience
from blanklogo.types import MediaLimits

PREFIX = "BLANKLOGO_SERVICE_"
_MEDIA = MediaLimits()


class Settings(BaseSettings):
    """Every field is a variable by its name in capitals: BLANKLOGO_SERVICE_DATA, BLANKLOGO_SERVICE_PORT, …"""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    database: str = Field(
        default_factory=lambda: usual_url(os.environ), description="sqlite:///PATH or postgresql://…", repr=False
    )
    data: Path | None = Field(None, description="a folder for files; by default beside the SQLite file")
    storage: str | None = Field(None, description="s3://, gs://, az:// or file: URL; by default a folder in `data`")
    storage_public_url: str | None = Field(None, description="how clients reach an s3:// storage, if not as we do")
    url_keys: str | None = Field(None, description="that sign URLs; by default in a file in `data`", repr=False)
    webhook_keys: str | None = Field(None, description="that sign webhooks; by default in a file too", repr=False)
    host: str = Field("127.0.0.1", description="the address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="the port to listen on")
    public_url: str | None = Field(None, description="how clients and workers reach the service")
    inline_for_trying: bool = Field(
        False, description="lets the engine be inline, which shields the service of nothing"
    )
    engine: str = Field("pool", description="where removals run: pool, modal, ray; inline for trying")
    max_input_mb: float = Field(500, gt=0, description="of a video")
    max_output_mb: float = Field(2000, gt=0, description="of a result")
    max_frames: int = Field(_MEDIA.max_frames, ge=1, description="of a video")
    max_seconds: float = Field(_MEDIA.max_seconds, gt=0, description="of a video's length")
    max_pixels: int = Field(_MEDIA.max_pixels, ge=1, description="of one frame")
    max_streams: int = Field(_MEDIA.max_streams, ge=1, description="in a video's file")
    max_decoded_mb: float = Field(_MEDIA.max_decoded_bytes / 1e6, gt=0, description="of decoded frames held at once")
    run_seconds: float = Field(3600, gt=0, description="for one job")
    retry_seconds: float = Field(5, gt=0, description="before a second attempt; the pauses after that double")
    retention_days: float = Field(7, gt=0, description="for which results are kept")
    jobs: bool = Field(True, description="whether this process does jobs, and not only takes them")
    lease_seconds: float = Field(15, ge=1, description="after which a process that is not heard of counts as dead")
    rate_per_second: float = Field(50, ge=0, description="requests by one token; 0: any number")
    rate_burst: int = Field(200, ge=1, description="of them, at once after a pause")
    anonymous_per_second: float = Field(10, ge=0, description="requests by one address without a good token")
    anonymous_burst: int = Field(100, ge=1, description="of them, at once after a pause")
    jobs_at_once: int = Field(8, ge=1, description="under way in this process; the engine's workers bound the work")
    jobs_of_owner: int = Field(4, ge=1, description="of one owner under way at once")

    webhook_seconds: float = Field(LIMIT_SECONDS, gt=0, le=60, description="for one attempt to tell a receiver")
    webhook_retry_seconds: float = Field(10, gt=0, description="before the second attempt; before the third, six times")

    @field_validator("engine")
    @classmethod
    def _shields(cls, engine: str, told: ValidationInfo) -> str:
        """Who opens a stranger's video may crash, hang or be taken over by it, and the service is not to go with it."""
        if "inline" in _names(engine) and not told.data.get("inline_for_trying"):
            raise ValueError(
                "inline opens strangers' videos in the service's own process; accepted: pool, modal, ray, "
                f"or for trying {PREFIX}INLINE_FOR_TRYING=true beside it"
            )
        return engine

    @property
    def folder(self) -> Path:
        """Where files go that are not in the database."""
        if self.data is not None:
            return self.data.absolute()
        url = make_url(self.database)
        at_home = make_url(usual_url({name: value for name, value in os.environ.items() if "BLANKLOGO" not in name}))
        return Path(str((url if url.get_backend_name() == "sqlite" else at_home).database)).absolute().parent

    @property
    def base_url(self) -> str:
        """How clients and workers reach the service, without a slash at its end."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host
        return (self.public_url or f"http://{f'[{host}]' if ':' in host else host}:{self.port}").rstrip("/")

    @property
    def has_near_workers(self) -> bool:
        """Whether all workers are processes of this machine, which reach what this process reaches."""
        return _names(self.engine) <= {"inline", "pool"}

    @property
    def runs_database(self) -> str:
        """Where the runs' steps are written down: a file of its own beside the SQLite file, or the same PostgreSQL."""
        url = make_url(self.database)
        if url.get_backend_name() != "sqlite":
            return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        path = Path(str(url.database))
        return f"sqlite:///{path.with_name(f'{path.stem}-runs{path.suffix}')}"

    @property
    def limits(self) -> Limits:
        return Limits(
            max_input_bytes=int(self.max_input_mb * 1e6),
            max_output_bytes=int(self.max_output_mb * 1e6),
            run_seconds=self.run_seconds,
            pauses_seconds=(self.retry_seconds, 2 * self.retry_seconds, 4 * self.retry_seconds),
            retention_seconds=self.retention_days * DAYS,
            media=MediaLimits(
                max_frames=self.max_frames,
                max_seconds=self.max_seconds,
                max_pixels=self.max_pixels,
                max_streams=self.max_streams,
                max_decoded_bytes=int(self.max_decoded_mb * 1e6),
            ),
        )

    @property
    def patience(self) -> Patience:
        return Patience(self.webhook_seconds, (self.webhook_retry_seconds, 6 * self.webhook_retry_seconds))

    @property
    def width(self) -> Width:
        return Width(max(self.jobs_at_once, self.jobs_of_owner), self.jobs_of_owner)


def _names(engine: str) -> set[str]:
    """Of an engine, or of those that follow each other in one's place."""
    return {name.strip() for name in engine.split(",")}


def read_settings(**given: object) -> Settings:
    """The settings; what is given stands over the environment. Raises OptionError, without repeating any value."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
    except ValidationError as error:
        said = "; ".join(f"{PREFIX}{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors())
        raise OptionError(said, hint="docs/service.md") from None
