"""Asking an Amazon Personalize campaign, with a deadline that holds whatever the network does."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Self

from lambdas.shared.attempts import Attempts, InvalidRequestError, UnavailableError
from lambdas.shared.clients import runtime_client, s3_client, ssm_client
from lambdas.shared.popular import PopularGroups
from lambdas.shared.serving_environment import ServingEnvironment
from lambdas.shared.sleep import Sleep
from lambdas.shared.visitor import blame_caller

PARALLEL_CALLS = 8
"""Threads: one for the call, one for the popular list or the sleep, the others for calls given up that still wait."""

PERSONALIZE_SHARE = 0.9
"""Of the deadline; the rest is for the answer without Personalize."""

_LISTS = {"get_recommendations": "itemList", "get_personalized_ranking": "personalizedRanking"}
"""What an answer must have to be one."""

ANSWER_SHARE = 0.03
"""Of the deadline, kept for making the answer."""


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Personalize has not answered: why, and the popular item ids, best first, to answer with."""

    failure: str | None
    """A code that is safe to log; None when the environment sleeps, which is no failure."""
    popular: tuple[str, ...]

    @property
    def source(self) -> str:
        """What the answer says of where it comes from."""
        return "asleep" if self.failure is None else "popular"


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign and what to answer without it."""

    arn: str
    client: Any
    popular: PopularGroups
    threads: ThreadPoolExecutor
    attempts: Attempts
    deadline_seconds: float
    clock: Callable[[], float] = time.monotonic
    sleep: Sleep | None = None

    @classmethod
    def of(cls, environment: ServingEnvironment) -> Self:
        """The campaign of an environment, with its clients made."""
        threads = ThreadPoolExecutor(PARALLEL_CALLS, thread_name_prefix="campaign")
        return cls(
            arn=environment.campaign_arn,
            client=runtime_client(environment.deadline_seconds),
            popular=PopularGroups(
                s3_client(2),
                environment.popular_bucket,
                environment.popular_key,
                threads=threads,
                breeds=environment.breeds,
            ),
            threads=threads,
            attempts=Attempts(most=3, first_pause=0.02, longest_pause=0.1),
            deadline_seconds=environment.deadline_seconds,
            sleep=Sleep(ssm_client, environment.asleep_parameter, threads=threads),
        )

    def answer_by(self) -> float:
        """When a visitor who asks now has an answer at the latest, in seconds of the clock."""
        return self.clock() + self.deadline_seconds

    def answer(
        self, operation: str, parameters: dict[str, Any], *, judged: Mapping[str, object], answer_by: float
    ) -> "dict[str, Any] | NoAnswer":
        """The campaign's answer as `ask` gives it, or what to answer in its place.

        `judged` are the members of the request that only Personalize can judge: one of them is blamed, with a
        PayloadError, when it refuses the request.
        """
        try:
            return self.ask(operation, parameters, answer_by=answer_by)
        except UnavailableError as error:
            code = error.code
        except InvalidRequestError as error:
            blame_caller(error, judged, *judged)
            code = error.code
        asleep = self.is_asleep(code, answer_by=answer_by)
        return NoAnswer(None if asleep else code, self.popular_groups(answer_by=answer_by))

    def ask(self, operation: str, parameters: dict[str, Any], *, answer_by: float) -> dict[str, Any]:
        """The campaign's answer to `get_recommendations` or `get_personalized_ranking`.

        The call runs in a thread of its own: socket time-outs do not bound a slow name server nor an answer that
        drips. Raises UnavailableError in time for another answer, or InvalidRequestError.
        """
        self.popular.refresh()
        stop_at = answer_by - self.deadline_seconds * (1 - PERSONALIZE_SHARE)
        request = {"campaignArn": self.arn, **parameters}
        call = self.threads.submit(
            self.attempts.call, lambda: getattr(self.client, operation)(**request), stop_at=stop_at
        )
        try:
            failure = call.exception(timeout=max(0.0, stop_at - self.clock()))
        except TimeoutError as error:  # ours: those of the call are returned
            call.cancel()
            raise UnavailableError("DeadlineExceeded") from error
        if isinstance(failure, InvalidRequestError | UnavailableError):
            raise failure
        if failure is not None:  # nothing that the SDK is known to raise; visitors get their answer all the same
            raise UnavailableError(type(failure).__name__) from failure
        answer: dict[str, Any] = call.result()
        if not _is_list_of_items(answer.get(_LISTS[operation])):
            raise UnavailableError("UnreadableAnswer")
        return answer

    def is_asleep(self, code: str, *, answer_by: float) -> bool:
        """Whether `ask` failed with this code because the environment sleeps."""
        return self.sleep is not None and self.sleep.explains(code, wait_seconds=self._seconds_left(answer_by))

    def popular_groups(self, *, answer_by: float) -> tuple[str, ...]:
        """The popular item ids, best first, for when `ask` found no answer."""
        return self.popular.groups(wait_seconds=self._seconds_left(answer_by))

    def _seconds_left(self, answer_by: float) -> float:
        return answer_by - self.clock() - self.deadline_seconds * ANSWER_SHARE


def _is_list_of_items(found: object) -> bool:
    """The SDK takes what is not JSON for an answer without members."""
    return isinstance(found, list) and all(
        isinstance(item, dict) and isinstance(item.get("itemId"), str) for item in found
    )
