"""Personalize behind the judge, on a judge that the test plays."""

import asyncio
import http.server
import json
import threading
from typing import Any

import pytest

from local_cloud.identity.guard import Asking, Guard, Question, Verdict, ask_emulator, resources_of
from local_cloud.identity.principals import RoleSession

KEY = RoleSession("lambda", "serves").access_key
CAMPAIGN = "arn:aws:personalize:us-east-1:000000000000:campaign/c"
REFUSED: Verdict = {"allowed": False, "code": "AccessDeniedException", "message": "no"}


class Authorizer:
    """Says what it is told to say, and remembers what it was asked."""

    def __init__(self, verdict: Verdict | Exception) -> None:
        self.verdict = verdict
        self.asked: list[Question] = []

    def __call__(self, question: Question) -> Verdict:
        self.asked.append(question)
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


def call(
    judge: Authorizer, *, key: str = KEY, path: str = "/recommendations", body: bytes = b"", target: str = ""
) -> Any:
    """Status, error type and what the application behind the guard received."""
    received: list[bytes] = []
    sent: list[dict[str, Any]] = []
    parts: list[dict[str, Any]] = [
        {"type": "http.request", "body": body[:3], "more_body": True},
        {"type": "http.request", "body": body[3:]},
    ]

    async def application(scope: Any, receive: Any, send: Any) -> None:
        content, more = b"", True
        while more:
            message = await receive()
            content, more = content + message.get("body", b""), message.get("more_body", False)
        received.append(content)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive() -> dict[str, Any]:
        return parts.pop(0)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", f"AWS4-HMAC-SHA256 Credential={key}/20261122/us-east-1/personalize/x".encode())]
    if target:
        headers.append((b"x-amz-target", f"AmazonPersonalize.{target}".encode()))
    scope = {"type": "http", "method": "POST", "path": "/" if target else path, "headers": headers}
    asyncio.run(Guard(application, Asking(judge))(scope, receive, send))
    error = dict(sent[0]["headers"]).get(b"x-amzn-errortype")
    return sent[0]["status"], error, received


def test_an_allowed_call_reaches_the_service_whole() -> None:
    """The judge is asked for the campaign; the body that it was read from is given on."""
    judge, body = Authorizer({"allowed": True}), json.dumps({"campaignArn": CAMPAIGN, "userId": "u"}).encode()
    assert (200, None, [body]) == call(judge, body=body)
    assert [Question(KEY, "personalize:GetRecommendations", (CAMPAIGN,))] == judge.asked


@pytest.mark.parametrize(("target", "status"), [("", 403), ("DescribeCampaign", 400)])
def test_a_refused_call_reaches_nobody(target: str, status: int) -> None:
    """REST answers 403, JSON 1.1 answers 400, both with the code that SDKs read."""
    assert (status, b"AccessDeniedException", []) == call(Authorizer(REFUSED), target=target)


def test_the_accounts_calls_are_not_judged() -> None:
    """Nor read: tests and tools pay nothing."""
    judge = Authorizer(REFUSED)
    assert (200, None, [b"any body"]) == call(judge, key="test", body=b"any body")
    assert [] == judge.asked


def test_events_are_judged_without_being_read() -> None:
    """PutEvents knows no resource."""
    judge = Authorizer({"allowed": True})
    assert (200, None, [b"not even JSON"]) == call(judge, path="/events", body=b"not even JSON")
    assert [Question(KEY, "personalize:PutEvents", ("*",))] == judge.asked


def test_a_body_that_is_too_large_is_left_to_the_service() -> None:
    """The guard stops reading beyond what the service takes, and hands on what there is."""
    body = b" " * (6 * 1024 * 1024 + 10)
    assert (200, None, [body]) == call(Authorizer({"allowed": True}), body=body)


@pytest.mark.parametrize(
    ("operation", "body", "expected"),
    [
        ("UpdateCampaign", {"campaignArn": CAMPAIGN, "solutionVersionArn": CAMPAIGN + "v"}, (CAMPAIGN, CAMPAIGN + "v")),
        ("CreateSolution", {"name": "n", "recipeArn": "arn:aws:personalize:::recipe/r"}, ("*",)),
        ("CreateDatasetImportJob", {"roleArn": "arn:aws:iam::1:role/r", "datasetArn": CAMPAIGN}, (CAMPAIGN,)),
        ("ListCampaigns", {"solutionArn": CAMPAIGN}, ("*",)),
        ("DescribeCampaign", {"campaignArn": 5}, ("*",)),
        ("DescribeCampaign", ["campaignArn"], ("*",)),
    ],
)
def test_the_resources_of_a_call_are_the_arns_that_it_names(operation: str, body: Any, expected: tuple[str]) -> None:
    """All of them must be allowed; recipes and roles are no resources of the account's Personalize."""
    assert expected == resources_of(operation, json.dumps(body).encode())


def test_nonsense_has_no_resources() -> None:
    """The service itself says what is wrong with it."""
    assert [("*",)] * 2 == [resources_of("DescribeCampaign", body) for body in (b"\xff{", b"[" * 100_000)]


def test_a_verdict_is_asked_for_again_when_it_is_old() -> None:
    """Within its time it is remembered; afterwards a changed policy counts."""
    now, judge = [0.0], Authorizer({"allowed": True})
    asking = Asking(judge, valid_seconds=1.0, clock=lambda: now[0])
    question = Question(KEY, "personalize:PutEvents", ("*",))
    allowed = []
    for moment, verdict in ((0.0, {"allowed": True}), (0.9, REFUSED), (1.1, REFUSED)):
        now[0], judge.verdict = moment, verdict
        allowed.append(asyncio.run(asking.verdict(question))["allowed"])
    assert ([True, True, False], 2) == (allowed, len(judge.asked))


def test_while_nobody_answers_the_last_verdict_counts() -> None:
    """An emulator that starts again stops no call that was allowed; what was never judged is not carried out."""
    now, judge = [0.0], Authorizer({"allowed": True})
    asking = Asking(judge, clock=lambda: now[0])
    known, unknown = (Question(KEY, "personalize:PutEvents", (resource,)) for resource in ("*", "other"))
    asyncio.run(asking.verdict(known))
    now[0], judge.verdict = 60.0, ConnectionRefusedError("away")
    assert asyncio.run(asking.verdict(known))["allowed"]
    assert "ServiceUnavailable" == asyncio.run(asking.verdict(unknown))["code"]


def test_an_emulator_in_trouble_judges_nothing() -> None:
    """Its answer is no verdict unless it is a 200."""

    class Server(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Server) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        asking = Asking(ask_emulator(f"http://127.0.0.1:{server.server_port}/"))
        verdict = asyncio.run(asking.verdict(Question(KEY, "personalize:PutEvents", ("*",))))
        thread.join()
    assert (False, "ServiceUnavailable") == (verdict["allowed"], verdict["code"])
