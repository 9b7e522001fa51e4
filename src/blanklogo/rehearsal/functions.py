"""The part of the control plane that knows functions, classes and their variants."""

from __future__ import annotations

import re
from typing import Any

from grpclib import GRPCError, Status
from modal_proto import api_pb2

from blanklogo.rehearsal.deployment import WORKSPACE
from blanklogo.rehearsal.describe import common_fields, function_data, handle_metadata
from blanklogo.rehearsal.scheduler import Scheduler
from blanklogo.rehearsal.state import Function, State


class Functions:
    """Functions, classes and their variants."""

    def __init__(self, state: State, scheduler: Scheduler, http_url: str) -> None:
        self._state = state
        self._scheduler = scheduler
        self._http_url = http_url

    async def FunctionPrecreate(self, request: Any) -> api_pb2.FunctionPrecreateResponse:
        function = self._function(request, common_fields(api_pb2.Function, request))
        return api_pb2.FunctionPrecreateResponse(function_id=function.id, handle_metadata=handle_metadata(function))

    async def FunctionCreate(self, request: Any) -> api_pb2.FunctionCreateResponse:
        proto, data = request.function, None
        if request.function_data.ranked_functions:  # GPUs to fall back on
            data = request.function_data
            proto = common_fields(api_pb2.Function, data)
            proto.MergeFrom(data.ranked_functions[0].function)
        function = self._function(request, proto)
        function.proto, function.data = proto, data
        self._publish_web(function)
        return api_pb2.FunctionCreateResponse(
            function_id=function.id, handle_metadata=handle_metadata(function), function_data=function_data(function)
        )

    async def FunctionGet(self, request: Any) -> api_pb2.FunctionGetResponse:
        function = self._state.functions[self._lookup(request.app_name, request.object_tag)]
        return api_pb2.FunctionGetResponse(
            function_id=function.id, handle_metadata=handle_metadata(function), function=function_data(function)
        )

    async def FunctionGetById(self, request: Any) -> api_pb2.FunctionGetByIdResponse:
        function = self._state.functions[request.function_id]
        return api_pb2.FunctionGetByIdResponse(
            handle_metadata=handle_metadata(function), function=function_data(function)
        )

    async def ClassCreate(self, request: Any) -> api_pb2.ClassCreateResponse:
        return api_pb2.ClassCreateResponse(class_id=self._state.new_id("cs"))

    async def ClassGet(self, request: Any) -> api_pb2.ClassGetResponse:
        return api_pb2.ClassGetResponse(class_id=self._lookup(request.app_name, request.object_tag))

    async def FunctionBindParams(self, request: Any) -> api_pb2.FunctionBindParamsResponse:
        options = request.function_options.SerializeToString(deterministic=True)
        key = (request.function_id, request.serialized_params, options)
        if key not in self._state.variants:
            self._state.variants[key] = self._variant(request).id
        function = self._state.functions[self._state.variants[key]]
        return api_pb2.FunctionBindParamsResponse(
            bound_function_id=function.id, handle_metadata=handle_metadata(function)
        )

    async def FunctionUpdateSchedulingParams(self, request: Any) -> api_pb2.FunctionUpdateSchedulingParamsResponse:
        function = self._state.functions[request.function_id]
        function.proto.autoscaler_settings.MergeFrom(request.settings)
        self._scheduler.scale(function)
        function.changed.fire()
        settings = function.proto.autoscaler_settings
        return api_pb2.FunctionUpdateSchedulingParamsResponse(current_settings=settings)

    async def FunctionGetCurrentStats(self, request: Any) -> api_pb2.FunctionStats:
        function = self._state.functions[request.function_id]
        ready = [container for container in function.alive if container.is_ready]
        return api_pb2.FunctionStats(
            backlog=len(function.waiting),
            num_total_tasks=len(function.alive),
            num_running_inputs=sum(len(container.inputs) for container in function.alive),
            input_headroom=sum(container.num_free for container in ready),
        )

    def _function(self, request: Any, proto: api_pb2.Function) -> Function:
        known = self._state.functions.get(request.existing_function_id)
        if known is None:
            known = Function(self._state.new_id("fu"), request.app_id, proto)
            self._state.functions[known.id] = known
        return known

    def _variant(self, request: Any) -> Function:
        base, options = self._state.functions[request.function_id], request.function_options
        proto = api_pb2.Function()
        proto.CopyFrom(base.proto)
        if not options.ListFields():
            return base if not request.serialized_params else self._add_variant(base, proto, request)
        if options.HasField("timeout_secs"):
            proto.timeout_secs = options.timeout_secs
        if options.HasField("resources"):
            proto.resources.MergeFrom(options.resources)
        if options.HasField("retry_policy"):
            proto.retry_policy.CopyFrom(options.retry_policy)
        settings = proto.autoscaler_settings
        settings.ClearField("min_containers")  # a variant scales by itself
        if options.HasField("concurrency_limit"):
            settings.max_containers = options.concurrency_limit
        if options.HasField("task_idle_timeout_secs"):
            settings.scaledown_window = options.task_idle_timeout_secs
        return self._add_variant(base, proto, request)

    def _add_variant(self, base: Function, proto: api_pb2.Function, request: Any) -> Function:
        variant = Function(self._state.new_id("fu"), base.app_id, proto, None, request.serialized_params, base)
        self._state.functions[variant.id] = variant
        return variant

    def _lookup(self, app_name: str, tag: str) -> str:
        app = self._state.apps.get(self._state.deployed.get(app_name, ""))
        if app is None or tag not in app.objects:
            raise GRPCError(Status.NOT_FOUND, f"{app_name}/{tag} is not deployed")
        return app.objects[tag]

    def _publish_web(self, function: Function) -> None:
        proto = function.proto
        if proto.webhook_config.type:
            proto.web_url = self._web_url(function, "", proto.function_name, proto.webhook_config)
        for name, method in proto.method_definitions.items():
            if method.webhook_config.type:
                method.web_url = self._web_url(function, name, method.function_name, method.webhook_config)

    def _web_url(self, function: Function, method: str, name: str, config: api_pb2.WebhookConfig) -> str:
        made_up = re.sub(r"[^a-z0-9]+", "-", f"{self._state.apps[function.app_id].name}-{name}".lower())
        label = f"{WORKSPACE}--{config.requested_suffix or made_up}"
        self._state.web[label] = (function, method, config)
        return f"{self._http_url}/{label}"
