"""An in-memory Amazon Personalize for handler tests: PutEvents, GetRecommendations and GetPersonalizedRanking over HTTP.

It refuses what the API's model refuses, upper limits included (botocore checks none of them), keeps every event once
by tracker and event id, and fails as a test asks it to.
"""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import botocore.session

OPERATIONS = {
    "/events": ("personalize-events", "PutEvents"),
    "/recommendations": ("personalize-runtime", "GetRecommendations"),
    "/personalize-ranking": ("personalize-runtime", "GetPersonalizedRanking"),
}


@dataclass(frozen=True)
class Fault:
    """An answer other than the regular one: an error, a delay before the answer, or a connection cut without one."""

    code: str | None = None
    message: str = ""
    status: int = 400
    delay_seconds: float = 0.0
    reset: bool = False


THROTTLED = Fault("ThrottlingException", "Rate exceeded")
BROKEN = Fault("InternalServerException", "try again", status=503)
INVALID = Fault("InvalidInputException", "not like this")
NOT_THERE = Fault("ResourceNotFoundException", "Campaign not found", status=404)
RESET = Fault(reset=True)

Judge = Callable[[str, dict[str, Any]], Fault | None]


class PersonalizeServer:
    """The service on a free port of 127.0.0.1, and what it was sent.

    `judge(operation, request)` may return a Fault. `catalogue` are the groups that campaigns know, best first.
    `beyond_limits` says what was refused for an upper limit of the model.
    """

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.events: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.order: list[tuple[str | None, str, str]] = []
        self.overlapping: set[str] = set()
        self.beyond_limits: list[str] = []
        self.catalogue = ["2-Beagle-3-3", "1-Siamese-2-2", "2-Pug-1-4", "1-Russian_Blue-1-2"]
        self.judge: Judge = lambda operation, request: None
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        loader = botocore.session.get_session()
        self._models = {service: loader.get_service_model(service) for service, _ in OPERATIONS.values()}
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30
            wbufsize = -1  # headers and body leave together
            disable_nagle_algorithm = True

            def do_POST(self) -> None:
                server._serve(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                """A client that gave up waiting is no error of the server."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of(self, operation: str) -> list[dict[str, Any]]:
        """The requests of one operation, in the order of arrival."""
        return [request for name, request in self.requests if name == operation]

    def stored(self, tracking_id: str = "tracker-1") -> list[dict[str, Any]]:
        """The events that a tracker took, each once, oldest first."""
        return list(self.events[tracking_id].values())

    def _serve(self, connection: BaseHTTPRequestHandler) -> None:
        body = connection.rfile.read(int(connection.headers.get("Content-Length") or 0))
        service, operation = OPERATIONS[connection.path]
        request = json.loads(body)
        session = str(request.get("sessionId"))
        with self._lock:
            self.requests.append((operation, request))
            if operation == "PutEvents" and session in self._busy:
                self.overlapping.add(session)
            self._busy.add(session)
        fault = self.judge(operation, request) or self._limits(service, operation, request)
        if fault is not None and fault.delay_seconds:
            time.sleep(fault.delay_seconds)
        with self._lock:
            self._busy.discard(session)
            if fault is not None and fault.reset:
                connection.close_connection = True
                return
            failed = fault is not None and fault.code is not None
            answer = {"message": fault.message} if fault and failed else self._answer(operation, request)
        data = json.dumps(answer).encode() if answer is not None else b""
        connection.send_response(fault.status if fault and failed else 200)
        connection.send_header("Content-Type", "application/json")
        connection.send_header("Content-Length", str(len(data)))
        if fault and fault.code is not None:
            connection.send_header("x-amzn-ErrorType", fault.code)
        connection.end_headers()
        connection.wfile.write(data)

    def _answer(self, operation: str, request: dict[str, Any]) -> dict[str, Any] | None:
        if operation == "PutEvents":
            for event in request["eventList"]:
                self.events[request["trackingId"]].setdefault(
                    event["eventId"],
                    {**event, "userId": request.get("userId"), "sessionId": request["sessionId"]},
                )
                self.order.append((request.get("userId"), request["sessionId"], event["eventId"]))
            return None
        if operation == "GetRecommendations":
            items = [{"itemId": item, "score": 0.5, "reason": ["Popular item"]} for item in self.catalogue]
            return {"itemList": items[: request["numResults"]], "recommendationId": "RID-1"}
        known = [item for item in self.catalogue if item in request["inputList"]]
        unknown = [item for item in sorted(request["inputList"], reverse=True) if item not in known]
        ranked = [{"itemId": item, "score": 1 / len(known)} for item in known]
        return {
            "personalizedRanking": [*ranked, *({"itemId": item} for item in unknown)],
            "recommendationId": "RID-2",
        }

    def _limits(self, service: str, operation: str, request: dict[str, Any]) -> Fault | None:
        shape = self._models[service].operation_model(operation).input_shape
        problem = _beyond(shape, request, "request")
        if problem is None:
            return None
        self.beyond_limits.append(problem)
        return Fault("InvalidInputException", problem)


def _beyond(shape: Any, value: Any, place: str) -> str | None:
    """The first upper limit of the model that `value` exceeds."""
    most = shape.metadata.get("max")
    if most is not None and isinstance(value, str | list | dict) and len(value) > most:
        return f"{place} is longer than {most}"
    if shape.type_name == "structure":
        parts = ((shape.members[name], part, f"{place}.{name}") for name, part in value.items())
    elif shape.type_name == "list":
        parts = ((shape.member, part, f"{place}[]") for part in value)
    elif shape.type_name == "map":
        parts = ((shape.value, part, f"{place}.{name}") for name, part in value.items())
    else:
        return None
    return next((problem for part in parts if (problem := _beyond(*part))), None)
