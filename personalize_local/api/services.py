"""The three APIs of Amazon Personalize as botocore's service models describe them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from botocore.loaders import Loader
from botocore.model import ServiceModel

from personalize_local.api.answers import Write, compile_writer
from personalize_local.api.decoding import Decode, compile_decoder

_APIS = ("personalize", "personalize-events", "personalize-runtime")


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: how to check its requests and answers, and which error codes it may answer with."""

    name: str
    api: str
    decode: Decode
    write: Write | None
    """None where the operation answers with an empty body (PutEvents and its siblings)."""
    errors: frozenset[str]
    statuses: Mapping[str, int]
    """The HTTP status of each modelled error."""


@dataclass(frozen=True, slots=True)
class Routes:
    """Where a request goes: by `X-Amz-Target` (control plane), or by method and path (events, runtime)."""

    targets: Mapping[str, Operation]
    paths: Mapping[tuple[str, str], Operation]

    @property
    def operations(self) -> dict[str, Operation]:
        """Every operation of the three APIs by name (no two share one)."""
        every = (*self.targets.values(), *self.paths.values())
        return {operation.name: operation for operation in every}


@cache
def routes() -> Routes:
    """The routes of all operations of the installed botocore."""
    targets: dict[str, Operation] = {}
    paths: dict[tuple[str, str], Operation] = {}
    loader = Loader()
    for api in _APIS:
        model = ServiceModel(loader.load_service_model(api, "service-2"), api)
        for name in model.operation_names:
            shapes = model.operation_model(name)
            operation = Operation(
                name=name,
                api=api,
                decode=compile_decoder(shapes.input_shape, quick=api != "personalize"),
                write=compile_writer(shapes.output_shape) if shapes.output_shape else None,
                errors=frozenset(shape.name for shape in shapes.error_shapes),
                statuses={
                    shape.name: shape.metadata.get("error", {}).get("httpStatusCode", 400)
                    for shape in shapes.error_shapes
                },
            )
            if model.metadata["protocol"] == "json":
                targets[f"{model.metadata['targetPrefix']}.{name}"] = operation
            else:
                paths[shapes.http["method"], shapes.http["requestUri"]] = operation
    return Routes(targets, paths)
