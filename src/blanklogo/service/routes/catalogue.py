"""What there is to choose from, and what it will take."""

from __future__ import annotations

import os
from typing import Any

from fastapi import APIRouter

from blanklogo.engines.spec import EngineSpec
from blanklogo.estimate import estimate_frames
from blanklogo.service.bodies import EstimateRequest, PlatformView
from blanklogo.service.routes.asking import BODY, Here, Reader, Submitter, problems

router = APIRouter(prefix="/api/v1", tags=["catalogue"])

_NAMES = {"tiktok": "TikTok"}
# How high the strip at the bottom is, in px, in which each platform puts its mark.
_CROP_PIXELS = {
    "sora": 100,
    "tiktok": 80,
    "runway": 60,
    "pika": 50,
    "kling": 70,
    "luma": 55,
    "midjourney": 40,
    "instagram": 0,
    "facebook": 0,
    "custom": 100,
}


@router.get("/platforms", responses=problems())
def platforms(token: Reader) -> list[PlatformView]:
    """Where videos come from, as `platform` names it."""
    return [
        PlatformView(id=name, name=_NAMES.get(name, name.capitalize()), default_crop_pixels=pixels)
        for name, pixels in _CROP_PIXELS.items()
    ]


@router.post("/estimate", responses=problems(*BODY))
def estimate(parts: Here, token: Submitter, body: EstimateRequest) -> dict[str, Any]:
    """What a removal will take on the service's workers and elsewhere: seconds, and dollars where there is a price."""
    spec: EngineSpec = parts.engine.spec if parts.engine is not None else EngineSpec.from_environment(os.environ)
    return estimate_frames("clip", body.width, body.height, body.num_frames, spec).as_dict()
