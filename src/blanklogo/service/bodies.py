"""What bodies hold: requests that check themselves, and answers as the API's contract spells them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from blanklogo.errors import OptionError
from blanklogo.service.jobs.options import order_fields
from blanklogo.service.jobs.states import State
from blanklogo.service.webhooks.message import USUAL, EventName
from blanklogo.service.webhooks.outbox import Webhook
from blanklogo.types import Mode, Platform

MAX_BATCH = 20
_MAX_METADATA_CHARACTERS = 4096
_EXAMPLE_URL = "https://example.com/clip.mp4"
_EXAMPLE_WEBHOOK = "https://example.com/hooks/videos"


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("characters that cannot be printed")
    return text


def _whole(number: Any) -> Any:
    """JSON tells 2.0 from 2 no more than JSON Schema does."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _true(value: Any) -> Any:
    if value is not True:  # 1 equals it
        raise ValueError("true and nothing else")
    return value


def _small(metadata: dict[str, Any]) -> dict[str, Any]:
    if len(json.dumps(metadata)) > _MAX_METADATA_CHARACTERS:
        raise ValueError(f"more than {_MAX_METADATA_CHARACTERS} characters as JSON")
    return metadata


Url = Annotated[
    str,
    Field(min_length=8, max_length=4096, pattern=r"^https?://", examples=[_EXAMPLE_URL]),
    AfterValidator(_printable),
]
UploadId = Annotated[str, Field(pattern=r"^upload_[0-9a-f]{12}$", examples=["upload_0123456789ab"])]
NetworkName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", examples=["auto", "none"])]
# Neither "1" nor true is a number. The validator stands last, so that the OpenAPI has the bounds.
Pixel = Annotated[int, Field(strict=True, ge=0, le=65535), BeforeValidator(_whole)]
Side = Annotated[int, Field(strict=True, ge=16, le=8192), BeforeValidator(_whole)]
NumFrames = Annotated[int, Field(strict=True, ge=1, le=10_000_000), BeforeValidator(_whole)]
Rights = Annotated[
    Literal[True],
    BeforeValidator(_true),
    Field(description="That whoever asks owns the video or holds the rights to change it. Written down."),
]


# As in `Options._fits`; whoever names neither, or says null, is told nothing.
_EVENTS_WANT_URL: dict[str, Any] = {
    "anyOf": [
        {"properties": {"webhook_events": {"type": "null"}}, "title": "the usual events, or none"},
        {"required": ["webhook_url"], "properties": {"webhook_url": {"type": "string"}}, "title": "with a webhook"},
    ]
}


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Options(Body):
    """How the mark is to be removed."""

    model_config = ConfigDict(json_schema_extra=_EVENTS_WANT_URL)
    processing_mode: Mode = Field(
        Mode.AUTO,
        validation_alias=AliasChoices("processing_mode", "mode"),
        description="or `mode`. auto: each pixel its own way; inpaint: all under the mark invented; crop: its edge cut",
    )
    platform: Platform | None = Field(None, description="where the video came from; weighs where marks are likely")
    boxes: list[tuple[Pixel, Pixel, Pixel, Pixel]] = Field(
        default_factory=list, max_length=16, description="places given by hand: x0, y0, x1, y1 in px, half-open"
    )
    start_seconds: float = Field(0, strict=True, ge=0, le=1e6, validation_alias=AliasChoices("from", "start_seconds"))
    end_seconds: float | None = Field(
        None, strict=True, gt=0, le=1e6, validation_alias=AliasChoices("to", "end_seconds")
    )
    codec: Literal["h264", "hevc"] | None = Field(None, description="by default the source's")
    quality: float | None = Field(
        None, strict=True, ge=0, le=51, description="constant rate factor; by default visually lossless"
    )
    detector: NetworkName | None = None
    inpainter: NetworkName | None = None
    fresh: bool = Field(
        False, strict=True, description="made anew, though the same video was done before with the same options"
    )
    webhook_url: Url | None = Field(
        None, description="is told what happens to the job; a public host", examples=[_EXAMPLE_WEBHOOK]
    )
    webhook_events: list[EventName] | None = Field(
        None, min_length=1, max_length=len(EventName), description=f"which events; by default {', '.join(USUAL)}"
    )
    metadata: Annotated[dict[str, Any], AfterValidator(_small)] = Field(
        default_factory=dict, description="the caller's own notes; they come back as they are"
    )

    @model_validator(mode="after")
    def _fits(self) -> Options:
        try:
            order_fields(self.request())
        except OptionError as error:
            raise ValueError(str(error)) from None
        if self.webhook_events is not None and self.webhook_url is None:
            raise ValueError("webhook_events without a webhook_url")
        return self

    def webhook(self) -> Webhook | None:
        """Who is to be told."""
        if self.webhook_url is None:
            return None
        wanted = USUAL if self.webhook_events is None else self.webhook_events
        return Webhook(self.webhook_url, tuple(name for name in EventName if name in wanted))

    def request(self) -> dict[str, Any]:
        """The options as a job keeps them."""
        return {
            "mode": str(self.processing_mode),
            "platform": self.platform and str(self.platform),
            "boxes": [list(box) for box in self.boxes],
            "from": self.start_seconds,
            "to": self.end_seconds,
            "codec": self.codec,
            "quality": self.quality,
            "detector": self.detector,
            "inpainter": self.inpainter,
            "fresh": self.fresh,
            "metadata": self.metadata,
        }


_ONE_SOURCE: dict[str, Any] = {
    "oneOf": [
        {"required": [name], "properties": {name: {"type": "string"}}, "title": f"by {name}"}
        for name in ("video_url", "upload_id")
    ]
}


class Source(Body):
    """A video: by its URL, or as an upload."""

    model_config = ConfigDict(json_schema_extra=_ONE_SOURCE)
    video_url: Url | None = None
    upload_id: UploadId | None = None

    @model_validator(mode="after")
    def _has_one(self) -> Source:
        if (self.video_url is None) == (self.upload_id is None):
            raise ValueError("one of video_url and upload_id")
        return self


class JobRequest(Source, Options):
    """One removal."""

    model_config = ConfigDict(
        json_schema_extra={
            **_ONE_SOURCE,
            **_EVENTS_WANT_URL,
            "examples": [
                {"video_url": _EXAMPLE_URL, "platform": "sora", "rights_confirmed": True},
                {"video_url": _EXAMPLE_URL, "webhook_url": _EXAMPLE_WEBHOOK, "rights_confirmed": True},
                {"upload_id": "upload_0123456789ab", "processing_mode": "inpaint", "rights_confirmed": True},
            ],
        }
    )
    rights_confirmed: Rights


class BatchRequest(Options):
    """Several removals with the same options."""

    model_config = ConfigDict(
        json_schema_extra={
            **_EVENTS_WANT_URL,
            "examples": [{"videos": [{"video_url": _EXAMPLE_URL}], "rights_confirmed": True}],
        }
    )
    videos: list[Source] = Field(min_length=1, max_length=MAX_BATCH)
    rights_confirmed: Rights


class UploadRequest(Body):
    """A file that is about to come."""

    filename: str = Field("video.mp4", min_length=1, max_length=200, description="its suffix tells the container")


class EstimateRequest(Body):
    """A clip's figures."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"width": 1920, "height": 1080, "num_frames": 300}]})
    width: Side
    height: Side
    num_frames: NumFrames


class JobCreated(BaseModel):
    job_id: str = Field(examples=["job_0123456789ab"])
    status: State
    platform: str | None
    created_at: datetime
    filename: str
    file_size: int | None = Field(None, description="in bytes, of an upload")


class BatchJob(BaseModel):
    job_id: str
    status: State


class BatchCreated(BaseModel):
    batch_id: str = Field(examples=["batch_0123456789ab"])
    jobs: list[BatchJob]
    total: int
    created_at: datetime


class InputView(BaseModel):
    filename: str
    sizeBytes: int | None = None


class OutputView(BaseModel):
    filename: str
    sizeBytes: int
    sha256: str
    downloadUrl: str
    expiresAt: datetime


class JobView(BaseModel):
    """A job as its owner sees it."""

    job_id: str = Field(examples=["job_0123456789ab"])
    status: State
    progress: int = Field(ge=0, le=100, description="percent")
    current_step: str = Field(examples=["Removing watermark"])
    outcome: str | None = Field(
        None, description="of a completed job: clean, needs_review (look at it) or no_mark (the output is the input)"
    )
    input: InputView
    output: OutputView | None = None
    error: dict[str, Any] | None = None
    report: dict[str, Any] | None = Field(None, description="what was done, and the proof")
    from_cache: str | None = Field(None, description="the job whose result this one was given, without any work")
    attempts: int
    batch_id: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    processingTimeMs: int | None = None
    createdAt: datetime
    completedAt: datetime | None = None


class JobList(BaseModel):
    jobs: list[JobView]
    total: int = Field(description="on all pages")
    offset: int
    limit: int


class Download(BaseModel):
    download_url: str
    filename: str
    expires_at: datetime
    size_bytes: int
    sha256: str


class UploadOpened(BaseModel):
    upload_id: str = Field(examples=["upload_0123456789ab"])
    method: Literal["PUT"] = "PUT"
    url: str = Field(description="where the file goes, as the request's body; signed")
    headers: dict[str, str] = Field(description="to be sent with the file; empty for most storages")
    max_bytes: int
    expires_at: datetime


class PlatformView(BaseModel):
    id: str
    name: str
    default_crop_pixels: int
    crop_position: Literal["bottom"] = "bottom"


def moment(seconds: float) -> datetime:
    """Seconds since 1970 as people and programs read them."""
    return datetime.fromtimestamp(seconds, UTC)
