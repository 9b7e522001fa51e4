"""Functions as the protocol tells of them: handles, data, an app's layout."""

from __future__ import annotations

from typing import Any

from modal_proto import api_pb2

from blanklogo.rehearsal.state import Function, State

MAX_OBJECT_BYTES = 2 << 20  # what travels inline; larger arguments and results go by blob


def common_fields(kind: type, source: Any, skip: tuple[str, ...] = ()) -> Any:
    """A `kind` with every field that it shares, name and type, with a message of another kind."""
    target = kind()
    for here, value in source.ListFields():
        there = kind.DESCRIPTOR.fields_by_name.get(here.name)
        is_same = there and (there.cpp_type, there.message_type) == (here.cpp_type, here.message_type)
        if is_same and here.name not in skip:
            _put(target, here.name, value)
    return target


def _put(target: Any, name: str, value: Any) -> None:
    field = getattr(target, name)
    if hasattr(value, "items"):
        for key, part in value.items():
            if hasattr(part, "ListFields"):
                field[key].CopyFrom(part)
            else:
                field[key] = part
    elif hasattr(value, "ListFields"):
        field.CopyFrom(value)
    elif hasattr(field, "MergeFrom"):
        field.MergeFrom(value)
    else:
        setattr(target, name, value)


def handle_metadata(function: Function) -> api_pb2.FunctionHandleMetadata:
    """What a caller's handle on a function knows."""

    def handle(proto: Any) -> api_pb2.FunctionHandleMetadata:
        told = common_fields(api_pb2.FunctionHandleMetadata, proto, skip=("method_handle_metadata",))
        told.app_id, told.max_object_size_bytes = function.app_id, MAX_OBJECT_BYTES
        return told

    told = handle(function.proto)
    told.definition_id = function.id.replace("fu-", "de-", 1)
    for name, method in function.proto.method_definitions.items():
        told.method_handle_metadata[name].CopyFrom(handle(method))
        told.method_handle_metadata[name].is_method = True
        told.method_handle_metadata[name].use_method_name = name
    return told


def function_data(function: Function) -> api_pb2.FunctionData:
    """What `Function.info()` reads."""
    if function.data is not None:
        return function.data
    data = common_fields(api_pb2.FunctionData, function.proto)
    data.ranked_functions.add(rank=0).function.CopyFrom(function.proto)
    return data


def app_layout(state: State, app_id: str) -> api_pb2.AppLayout:
    """What is in an app, with everything that its functions depend on; a container finds its objects by it."""
    app = state.apps[app_id]
    named = app.objects or {
        one.proto.function_name: one.id for one in state.functions.values() if one.app_id == app_id and not one.base
    }
    ids = set(named.values())
    for name in list(ids):
        if name in state.functions:
            ids |= {one.object_id for one in state.functions[name].proto.object_dependencies}
    return api_pb2.AppLayout(
        objects=[_object(state, name) for name in sorted(ids)],
        function_ids={tag: name for tag, name in named.items() if name.startswith("fu-")},
        class_ids={tag: name for tag, name in named.items() if name.startswith("cs-")},
    )


def _object(state: State, name: str) -> api_pb2.Object:
    told = api_pb2.Object(object_id=name)
    if name in state.functions:
        told.function_handle_metadata.CopyFrom(handle_metadata(state.functions[name]))
    elif name.startswith("cs-"):
        told.class_handle_metadata.CopyFrom(api_pb2.ClassHandleMetadata())
    elif name.startswith("mo-"):
        told.mount_handle_metadata.CopyFrom(api_pb2.MountHandleMetadata(content_checksum_sha256_hex="0"))
    return told
