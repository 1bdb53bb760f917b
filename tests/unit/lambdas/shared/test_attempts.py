"""When a call is tried again, and when it is given up."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from lambdas.shared.attempts import Attempts, InvalidRequestError, UnavailableError


class Clock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


class Request:
    """Fails with the given errors, one a call, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return "answer"


def error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "why"}}, "PutEvents")


def attempts(clock: Clock, most: int = 4) -> Attempts:
    return Attempts(most=most, first_pause=1.0, longest_pause=2.0, clock=clock, sleep=clock.sleep)


@pytest.mark.parametrize(
    "failure",
    [
        error("ThrottlingException"),
        error("InternalServerException"),
        error("503"),
        ConnectTimeoutError(endpoint_url="http://x"),
    ],
)
def test_what_may_pass_is_tried_again(failure):
    """Throttles, server errors and time-outs are tried again until the answer comes."""
    request = Request(failure, failure)

    assert "answer" == attempts(Clock()).call(request, stop_at=100)
    assert 3 == request.calls


def test_pauses_grow_to_their_limit():
    """Each pause is at most twice the one before, and at most the longest."""
    clock = Clock()
    request = Request(*[error("ThrottlingException")] * 5)

    attempts(clock, most=6).call(request, stop_at=100)

    limits = [1, 2, 2, 2, 2]
    assert 5 == len(clock.pauses)
    assert all(0 <= pause <= limit for pause, limit in zip(clock.pauses, limits, strict=True))


def test_the_last_code_says_why_it_was_given_up():
    """After the last attempt the caller learns the last error's code."""
    request = Request(*[error("ThrottlingException")] * 9)

    with pytest.raises(UnavailableError) as given_up:
        attempts(Clock()).call(request, stop_at=100)

    assert (4, "ThrottlingException") == (request.calls, given_up.value.code)


@pytest.mark.parametrize("code", ["InvalidInputException", "ValidationException", "SerializationException"])
def test_a_wrong_request_is_not_tried_again(code):
    """What can never succeed is said at once, with the service's words."""
    request = Request(error(code))

    with pytest.raises(InvalidRequestError) as refused:
        attempts(Clock()).call(request, stop_at=100)

    assert (1, code, "why") == (request.calls, refused.value.code, refused.value.message)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceNotFoundException"])
def test_what_a_second_cannot_change_is_given_up_at_once(code):
    """A missing right or resource may come, but not within the call's time."""
    request = Request(error(code))

    with pytest.raises(UnavailableError, match=code):
        attempts(Clock()).call(request, stop_at=100)

    assert 1 == request.calls


def test_no_attempt_begins_after_the_deadline():
    """Without time left nothing is called."""
    request = Request()

    with pytest.raises(UnavailableError, match="OutOfTime"):
        attempts(Clock()).call(request, stop_at=0)

    assert 0 == request.calls
