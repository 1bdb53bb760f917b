"""Every call of a role is judged by the role's policies before it is carried out.

MiniStack has what it takes behind its switch AUTH: the action and resource of each request, IAM's evaluation with
conditions and explicit denials, policies of buckets, queues, topics and keys, signatures, and the services' own words
for a refusal. Added here: sessions of services that act as roles (identity.py), the condition keys that its requests
lack, what an encrypted resource asks of its key (identity/keys.py), calls that never become requests (schedules, rules,
a state machine's invocations), and a record of every decision (identity/decisions.py). What services publish by
themselves is judged in emulator/publishing.py.

The account's own key stays all-powerful, and its requests are not even looked at: deploying and testing cost no more.
"""

import functools
import json
import logging
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from local_cloud.emulator import schedules
from local_cloud.emulator.states.language import StatesError
from local_cloud.identity import keys as identity_keys
from local_cloud.identity.decisions import RESOURCE_POLICY, Decision, DecisionLog
from local_cloud.identity.principals import (
    EXECUTION_ROLE,
    JUDGE_PATH,
    RoleSession,
    access_key_in,
    role_session,
    session_of,
)

logger = logging.getLogger("emulator")

ACCOUNT, REGION = "000000000000", "us-east-1"
_MOST_REMEMBERED = 20_000
ACTION_OF_BATCH = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
"""Operations without an action of their own.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
"""


def install(log: DecisionLog) -> "Authorizer":
    """Puts the judgement into MiniStack, whose switch AUTH must be on before its import."""
    from ministack import app
    from ministack.core import iam_actions, iam_evaluator
    from ministack.services import stepfunctions

    judge = Authorizer(iam_evaluator, log)
    iam_evaluator.enforce = judge.enforce
    _take_this_computer_for_tls(app, iam_evaluator)
    _leave_the_account_alone(iam_actions, app.extract_access_key_id)
    _add_condition_keys(iam_actions)
    _find_streams(iam_actions)
    schedules.install(judge.refusal)
    _judge_state_machines(judge, stepfunctions)
    # A role that nobody has made has no policies to judge by: whoever names it acts as the account.
    iam_evaluator.validate_role_arn = lambda _role_arn: None
    return judge


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that is not allowed, in the words of AWS."""

    code: str
    message: str


class Authorizer:
    """Decides whether a key may do what it asks for, and notes what roles were told."""

    def __init__(self, evaluator: Any, log: DecisionLog) -> None:
        self._evaluator = evaluator
        self._log = log
        self._enforce: Callable[..., Any] = evaluator.enforce
        self._remembered: set[tuple[str, str, str]] = set()

    def admit(self, access_key: str) -> bool:
        """Makes a role's session known to the emulator; False when there is no such role, or it trusts others."""
        from ministack.services import iam, sts

        session = session_of(access_key)
        if session is None:
            return True
        role = iam._roles.get(session.role)
        if role is None or not any(self._trusts(role, session, source) for source in _sources(role, session)):
            sts._sessions.pop(access_key, None)
            return False
        if access_key not in sts._sessions:
            sts.register_session(
                access_key,
                {
                    "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{session.role}/{session.service}",
                    "UserId": f"{session.role}:{session.service}",
                    "SecretAccessKey": session.secret_key,
                    "SessionToken": session.token,
                    "AccountId": ACCOUNT,
                    "PrincipalType": "AssumedRole",
                },
            )
        return True

    def _trusts(self, role: Any, session: RoleSession, source: str) -> bool:
        context = self._evaluator.EvalContext(
            principal_arn="*",
            principal_type="Service",
            principal_account="",
            action="sts:AssumeRole",
            resource_arn=role["Arn"],
            region=REGION,
            service_context={"aws:sourceaccount": ACCOUNT, "aws:sourcearn": source} if source else {},
        )
        trust = role.get("AssumeRolePolicyDocument") or "{}"
        result = self._evaluator.evaluate_resource_policy(trust, context, service=session.principal)
        return bool(result.decision == "Allow")

    def enforce(
        self,
        access_key_id: str,
        iam_action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        """In place of MiniStack's `enforce`: the same answer, noted, and the resource's key asked as well."""
        session = session_of(access_key_id)
        outcome = self._enforce(access_key_id, iam_action, service, region, resource_arn, service_context)
        if session is None or isinstance(outcome, self._evaluator.AuthError):
            return outcome
        self._note(session, access_key_id, iam_action, resource_arn, service_context, outcome)
        if outcome is None:
            for need in identity_keys.needs(iam_action, resource_arn, region):
                context = {"kms:viaservice": need.via}
                outcome = self._enforce(access_key_id, need.action, "kms", region, need.key_arn, context)
                self._note(session, access_key_id, need.action, need.key_arn, context, outcome)
                if outcome is not None:
                    return outcome
                if unusable := identity_keys.unusable(need.key_arn, iam_action.partition(":")[0]):
                    return self._evaluator.AuthError(*unusable)
        return outcome

    def refusal(
        self, session: RoleSession, action: str, resource: str, context: dict[str, Any] | None = None
    ) -> Refusal | None:
        """Why a role may not do this, or None when it may."""
        if not self.admit(session.access_key):
            return Refusal("UnrecognizedClientException", "The security token included in the request is invalid.")
        service = action.partition(":")[0]
        outcome = self.enforce(session.access_key, action, service, REGION, resource, context)
        if outcome is None:
            return None
        if isinstance(outcome, self._evaluator.AuthError):
            return Refusal(outcome.code, outcome.message)
        return Refusal("AccessDeniedException", _message(outcome, action, resource))

    def _note(
        self,
        session: RoleSession,
        access_key: str,
        action: str,
        resource: str,
        service_context: dict[str, Any] | None,
        outcome: Any,
    ) -> None:
        remembered = (session.role, action, resource)
        if outcome is None and remembered in self._remembered:
            return
        decision = functools.partial(
            Decision, role=session.role, service=session.service, action=action, resource=resource
        )
        if outcome is not None:
            logger.warning("%s", _message(outcome, action, resource))
            self._log.note(decision(allowed=False, reason=_message(outcome, action, resource)))
            return
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        self._remembered.add(remembered)
        granted_by = self._grant(access_key, action, resource, service_context)
        self._log.note(decision(allowed=True, granted_by=granted_by))

    def _grant(self, access_key: str, action: str, resource: str, service_context: dict[str, Any] | None) -> str:
        """The resource pattern of the role's statement that allows the call."""
        principal = self._evaluator.resolve_principal(access_key, ACCOUNT)
        context = self._evaluator.EvalContext(
            principal_arn=principal.arn,
            principal_type=principal.type,
            principal_account=ACCOUNT,
            action=action,
            resource_arn=resource,
            region=REGION,
            service_context={key.lower(): value for key, value in (service_context or {}).items()},
            principal_keys=principal.keys,
        )
        statements = [statement for policy in principal.policies for statement in policy]
        match = self._evaluator._first_match(context, statements, "Allow")
        patterns = match.resources if match else []
        return next((p for p in patterns if self._evaluator.fnmatch_iam_cs(resource, p)), RESOURCE_POLICY)


def _message(outcome: Any, action: str, resource: str) -> str:
    why = (
        "with an explicit deny in a policy"
        if outcome.decision == "Deny"
        else f"because no identity-based policy allows the {action} action"
    )
    return f"User: {outcome.principal_arn} is not authorized to perform: {action} on resource: {resource} {why}"


_TELLING = frozenset({"personalize", "scheduler", "states"})
"""Services whose documentation says that they tell on whose behalf they assume a role: docs/operate/security.md.

Of the others it does not: a condition on `aws:SourceAccount` or `aws:SourceArn` may shut them out, and does so here.
"""


def _sources(role: Any, session: RoleSession) -> Iterator[str]:
    """On whose behalf a service says that it assumes the role: what trust policies compare `aws:SourceArn` with.

    An empty one of a service that says nothing.
    """
    from ministack.services import scheduler, stepfunctions

    if session.service not in _TELLING:
        yield ""
    elif session.service == "states":
        yield from (arn for arn, machine in stepfunctions._state_machines.items() if machine["roleArn"] == role["Arn"])
    elif session.service == "scheduler":
        # The group, not the schedule:
        # https://docs.aws.amazon.com/scheduler/latest/UserGuide/cross-service-confused-deputy-prevention.html
        acting = (s for s in scheduler._schedules.values() if (s.get("Target") or {}).get("RoleArn") == role["Arn"])
        groups = {schedule.get("GroupName", "default") for schedule in acting} or {"default"}
        yield from (f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule-group/{group}" for group in groups)
    else:
        yield f"arn:aws:{session.service}:{REGION}:{ACCOUNT}:any"


# --- requests


class Identity:
    """The emulator's ASGI application behind the judge: sessions are admitted, and other processes may ask."""

    def __init__(self, app: Any, judge: Authorizer) -> None:
        self._app = app
        self._judge = judge

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            if scope["path"] == JUDGE_PATH:
                await self._answer(receive, send)
                return
            authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            self._judge.admit(access_key_in(authorization))
        await self._app(scope, receive, send)

    async def _answer(self, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        refused = self.judged(json.loads(body))
        answer = {"allowed": True} if refused is None else {
            "allowed": False, "code": refused.code, "message": refused.message
        }  # fmt: skip
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def judged(self, question: dict[str, Any]) -> Refusal | None:
        """`{"accessKey", "action", "resources"}`: why it is refused, or None when all of it is allowed."""
        session = session_of(question["accessKey"])
        if session is None:
            return None
        refused = (self._judge.refusal(session, question["action"], arn) for arn in question["resources"])
        return next((found for found in refused if found is not None), None)


def _take_this_computer_for_tls(app: Any, evaluator: Any) -> None:
    """Plain HTTP on 127.0.0.1 stands for TLS: `aws:SecureTransport` is true, also in calls without a request."""
    evaluator._request_origin = ContextVar("request_origin", default=("127.0.0.1", True))
    pin = evaluator.pin_request_origin
    app.pin_request_origin = lambda source_ip, _secure: pin(source_ip, True)


def _leave_the_account_alone(iam_actions: Any, access_key_of: Callable[..., str]) -> None:
    extract: Callable[..., str | None] = iam_actions.extract_iam_action

    def extract_iam_action(
        service: str, method: str, path: str, headers: Any, body: bytes, query_params: Any
    ) -> str | None:
        if session_of(access_key_of(headers, query_params)) is None:
            return None
        action = extract(service, method, path, headers, body, query_params)
        return ACTION_OF_BATCH.get(action or "", action)

    iam_actions.extract_iam_action = extract_iam_action


def _add_condition_keys(iam_actions: Any) -> None:
    """`cloudwatch:namespace` of PutMetricData.

    https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatch.html
    """
    tags: Callable[..., dict[str, Any]] = iam_actions.request_tag_context

    def request_context(service: str, iam_action: str, body: bytes, params: Any) -> dict[str, Any]:
        found = tags(service, iam_action, body, params)
        if iam_action != "cloudwatch:PutMetricData":
            return found
        return {**found, "cloudwatch:namespace": identity_keys.metric_namespace(body, params)}

    iam_actions.request_tag_context = request_context


def _find_streams(iam_actions: Any) -> None:
    """A stream that a request names by an iterator or a token alone, as readers may."""
    from ministack.services import kinesis

    extract: Callable[..., str] = iam_actions.extract_resource_arn

    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *more: Any) -> str:
        found = extract(service, method, path, headers, body, *more)
        if service != "kinesis" or found != "*":
            return found
        iterator = kinesis._shard_iterators.get(json.loads(body or b"{}").get("ShardIterator"))
        stream = kinesis._streams.get(iterator["stream"]) if iterator else None
        return str(stream["StreamARN"]) if stream else found

    iam_actions.extract_resource_arn = extract_resource_arn


# --- calls that are no requests


def _judge_state_machines(judge: Authorizer, stepfunctions: Any) -> None:
    """Executions know their role (emulator/states/strict.py signs with it), and invoke functions only when it may."""
    from ministack.services import iam

    run, call_lambda = stepfunctions._run_execution, stepfunctions._call_lambda

    def run_execution(execution_arn: str) -> None:
        execution = stepfunctions._executions.get(execution_arn) or {}
        machine = stepfunctions._state_machines.get(execution.get("stateMachineArn")) or {}
        role = machine.get("roleArn", "")
        token = EXECUTION_ROLE.set(role if role.rpartition("/")[2] in iam._roles else None)
        try:
            run(execution_arn)
        finally:
            EXECUTION_ROLE.reset(token)

    def invoke(function: str, event: Any) -> Any:
        role = EXECUTION_ROLE.get()
        if role is not None:
            arn = function if function.startswith("arn:") else f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
            refused = judge.refusal(role_session(role, "states"), "lambda:InvokeFunction", arn)
            if refused is not None:
                told = "(Service: Lambda, Status Code: 403, Error Code: AccessDeniedException)"
                raise StatesError("Lambda.AWSLambdaException", f"{refused.message} {told}")
        return call_lambda(function, event)

    stepfunctions._run_execution = run_execution
    stepfunctions._call_lambda = invoke
