"""The part of the control plane that `modal deploy` talks to: apps, images, mounts, secrets, blobs."""

from __future__ import annotations

import secrets
import time
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from modal_proto import api_pb2

from blanklogo.rehearsal.describe import app_layout
from blanklogo.rehearsal.scheduler import Scheduler
from blanklogo.rehearsal.state import App, State

IMAGE_BUILDER_VERSION = "2025.06"
WORKSPACE = "rehearsal"


class Apps:
    """Client, environment and apps."""

    def __init__(self, state: State, scheduler: Scheduler) -> None:
        self._state = state
        self._scheduler = scheduler

    async def ClientHello(self, request: Any) -> api_pb2.ClientHelloResponse:
        return api_pb2.ClientHelloResponse(image_builder_version=IMAGE_BUILDER_VERSION)

    async def EnvironmentGetOrCreate(self, request: Any) -> api_pb2.EnvironmentGetOrCreateResponse:
        settings = api_pb2.EnvironmentSettings(image_builder_version=IMAGE_BUILDER_VERSION)
        metadata = api_pb2.EnvironmentMetadata(name=request.deployment_name or "main", settings=settings)
        return api_pb2.EnvironmentGetOrCreateResponse(environment_id="en-1", metadata=metadata)

    async def AppGetByDeploymentName(self, request: Any) -> api_pb2.AppGetByDeploymentNameResponse:
        app_id = self._state.deployed.get(request.name, "")
        return api_pb2.AppGetByDeploymentNameResponse(app_id=app_id, environment_name="main")

    async def AppCreate(self, request: Any) -> api_pb2.AppCreateResponse:
        app = App(self._state.new_id("ap"), request.description, tags=dict(request.tags))
        self._state.apps[app.id] = app
        return api_pb2.AppCreateResponse(app_id=app.id, app_page_url=f"http://localhost/{app.id}")

    async def AppGetOrCreate(self, request: Any) -> api_pb2.AppGetOrCreateResponse:
        app_id = self._state.deployed.get(request.app_name)
        if app_id is None:
            raise GRPCError(Status.NOT_FOUND, f"no app named {request.app_name} is deployed")
        return api_pb2.AppGetOrCreateResponse(app_id=app_id)

    async def AppSetTags(self, request: Any) -> Empty:
        self._state.apps[request.app_id].tags = dict(request.tags)
        return Empty()

    async def AppGetTags(self, request: Any) -> api_pb2.AppGetTagsResponse:
        return api_pb2.AppGetTagsResponse(tags=self._state.apps[request.app_id].tags)

    async def AppGetLayout(self, request: Any) -> api_pb2.AppGetLayoutResponse:
        return api_pb2.AppGetLayoutResponse(app_layout=app_layout(self._state, request.app_id))

    async def AppPublish(self, request: Any) -> api_pb2.AppPublishResponse:
        self._state.apps[request.app_id].objects = {**request.function_ids, **request.class_ids}
        if request.app_state == api_pb2.APP_STATE_DEPLOYED:
            self._state.deployed[request.name] = request.app_id
            for name in request.function_ids.values():
                self._scheduler.scale(self._state.functions[name])
        url = f"http://localhost/apps/{WORKSPACE}/main/deployed/{request.name}"
        return api_pb2.AppPublishResponse(url=url, deployed_at=time.time())

    async def AppHeartbeat(self, request: Any) -> Empty:
        return Empty()

    async def AppClientDisconnect(self, request: Any) -> Empty:
        return Empty()

    async def AppStop(self, request: Any) -> Empty:
        names = [name for name, app_id in self._state.deployed.items() if app_id == request.app_id]
        for name in names:
            del self._state.deployed[name]
        await self._scheduler.stop_app(request.app_id)
        return Empty()

    async def AppFetchLogs(self, request: Any) -> api_pb2.AppFetchLogsResponse:
        batches = []
        for container in self._state.containers:
            if container.function.app_id == request.app_id and container.lines:
                items = [api_pb2.TaskLogs(data=f"{text}\n", timestamp=when) for when, text in container.lines]
                batches.append(api_pb2.TaskLogsBatch(task_id=container.id, items=items))
        return api_pb2.AppFetchLogsResponse(batches=batches)


class Uploads:
    """Images, which are noted and not built; source files, secrets and blobs, which are kept."""

    def __init__(self, state: State, http_url: str) -> None:
        self._state = state
        self._http_url = http_url

    async def ImageGetOrCreate(self, request: Any) -> api_pb2.ImageGetOrCreateResponse:
        same = [name for name, image in self._state.images.items() if image == request.image]
        image_id = same[0] if same else self._state.new_id("im")
        self._state.images[image_id] = request.image
        return api_pb2.ImageGetOrCreateResponse(
            image_id=image_id,
            result=api_pb2.GenericResult(status=api_pb2.GenericResult.GENERIC_STATUS_SUCCESS),
            metadata=api_pb2.ImageMetadata(image_builder_version=request.builder_version),
        )

    async def MountBatchedCheckExistence(self, request: Any) -> api_pb2.MountBatchedCheckExistenceResponse:
        missing = [digest for digest in request.sha256_hex_hashes if digest not in self._state.files]
        return api_pb2.MountBatchedCheckExistenceResponse(missing_sha256_hex_hashes=missing)

    async def MountPutFile(self, request: Any) -> api_pb2.MountPutFileResponse:
        kind = request.WhichOneof("data_oneof")
        if kind:
            data = self._state.blobs[request.data_blob_id] if kind == "data_blob_id" else request.data
            self._state.files[request.sha256_hex] = data
        return api_pb2.MountPutFileResponse(exists=request.sha256_hex in self._state.files)

    async def MountGetOrCreate(self, request: Any) -> api_pb2.MountGetOrCreateResponse:
        mount_id = self._state.new_id("mo")
        self._state.mounts[mount_id] = {one.filename: one.sha256_hex for one in request.files}
        metadata = api_pb2.MountHandleMetadata(content_checksum_sha256_hex="0")
        return api_pb2.MountGetOrCreateResponse(mount_id=mount_id, handle_metadata=metadata)

    async def BlobCreate(self, request: Any) -> api_pb2.BlobCreateResponse:
        blob_id = f"bl-{secrets.token_hex(16)}"  # whoever knows it may fetch it
        urls = api_pb2.UploadUrlList(items=[self._blob_url(blob_id)])
        return api_pb2.BlobCreateResponse(blob_ids=[blob_id], upload_urls=urls)

    async def BlobGet(self, request: Any) -> api_pb2.BlobGetResponse:
        return api_pb2.BlobGetResponse(download_url=self._blob_url(request.blob_id))

    async def SecretGetOrCreate(self, request: Any) -> api_pb2.SecretGetOrCreateResponse:
        known = self._state.secret_names.get(request.deployment_name)
        if request.deployment_name and not request.env_dict and not known:
            raise GRPCError(Status.NOT_FOUND, f"no secret named {request.deployment_name}")
        secret_id = known or self._state.new_id("st")
        if request.env_dict:
            self._state.secrets[secret_id] = dict(request.env_dict)
        if request.deployment_name:
            self._state.secret_names[request.deployment_name] = secret_id
        return api_pb2.SecretGetOrCreateResponse(secret_id=secret_id)

    def _blob_url(self, blob_id: str) -> str:
        return f"{self._http_url}/_blob/{blob_id}"
