"""Makes MiniStack's Step Functions as strict as AWS, so that what passes here is not merely forgiven.

MiniStack lets a missing path be null, or the text "None"; takes unknown parameters; gives numbers as text and other
error names; and goes on with the items of a Map when a run is stopped. `install` replaces those parts of its
interpreter (private names of a pinned version; a test holds each to what AWS documents).
"""

import contextvars
import json
import os
import threading
from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import botocore.config
import botocore.exceptions
import botocore.session

from local_cloud.emulator.states import integrations
from local_cloud.emulator.states.definition import problems
from local_cloud.emulator.states.language import (
    RUNTIME,
    SizeError,
    StatesError,
    check_answer,
    check_size,
    expand,
    formatted,
    holds,
    is_present,
    matches,
    resolve,
)
from local_cloud.identity.principals import ACCOUNT_KEY, EXECUTION_ROLE, role_session

_CALL_SECONDS = 120


def install() -> None:
    """Replaces the lenient parts of the interpreter; MiniStack's settings must be in the environment before."""
    from ministack.core.responses import error_response_json
    from ministack.services import stepfunctions
    from ministack.services.cloudformation import provisioners

    stepfunctions._ExecutionError = StatesError
    _install_paths(stepfunctions)
    _install_functions(stepfunctions)
    _install_ends(stepfunctions)
    _install_creation(stepfunctions, provisioners, error_response_json)
    stepfunctions._invoke_aws_sdk_integration = _call


# --- paths and templates


def _install_paths(sfn: Any) -> None:
    def look_up(data: Any, context: Any) -> Callable[[str], Any]:
        def find(expression: str) -> Any:
            if expression.startswith("States."):
                return sfn._evaluate_intrinsic(expression, data, context)
            return _find(expression, data, context)

        return find

    def rule_holds(rule: Any, data: Any, context: Any = None) -> bool:
        return holds(rule, lambda p: _find(p, data, context), lambda p: is_present(*_source(p, data, context)))

    def parameters(state: Any, data: Any, context: Any = None) -> Any:
        return expand(state["Parameters"], look_up(data, context)) if "Parameters" in state else data

    def selected(state: Any, data: Any) -> Any:
        return expand(state["ResultSelector"], look_up(data, {})) if "ResultSelector" in state else data

    def placed(path: Any, original: Any, result: Any) -> Any:
        if path not in (None, "$") and not isinstance(original, dict):
            raise StatesError("States.ResultPathMatchFailure", f"Unable to apply ResultPath '{path}' to the input")
        return place(path, original, result)

    def items(state: Any, raw: Any, execution: Any, context: Any) -> Any:
        effective = sfn._apply_input_path(state, raw, context)
        found = _find(state.get("ItemsPath", "$"), effective, context)
        if not isinstance(found, list):
            raise StatesError(RUNTIME, f"Reference path '{state.get('ItemsPath', '$')}' must point to array.")
        return run_items(state, raw, execution, context)

    place, run_items = sfn._apply_result_path_raw, sfn._run_map_items
    sfn._resolve_path = lambda path, data: resolve(path or "$", data)
    sfn._resolve_ctx_path = lambda path, context: resolve(path[1:], _whole(context or {}))
    sfn._resolve_path_or_ctx = _find
    sfn._evaluate_rule = rule_holds
    sfn._resolve_params_obj = lambda template, data, context=None: expand(template, look_up(data, context))
    sfn._apply_parameters = parameters
    sfn._apply_result_selector = selected
    sfn._apply_result_path_raw = placed
    sfn._run_map_items = items
    sfn._error_matches = matches


def _source(path: str, data: Any, context: Any) -> tuple[str, Any]:
    """The path without the context's second dollar, and what it is a path of."""
    return (path[1:], _whole(context or {})) if path.startswith("$$") else (path, data)


def _whole(context: Any) -> Any:
    """The context with `RedriveCount`, which MiniStack leaves out; it redrives nothing, and before a redrive it is 0.

    https://docs.aws.amazon.com/step-functions/latest/dg/input-output-contextobject.html
    """
    if "Execution" not in context:
        return context
    return {**context, "Execution": {"RedriveCount": 0, **context["Execution"]}}


def _find(path: str, data: Any, context: Any) -> Any:
    return resolve(*_source(path or "$", data, context))


# --- intrinsic functions


def _install_functions(sfn: Any) -> None:
    def evaluate(expression: str, data: Any, context: Any) -> Any:
        try:
            node, end = sfn._parse_intrinsic_call(expression, 0)
        except (ValueError, IndexError) as error:
            raise StatesError(RUNTIME, f"'{expression}' is no intrinsic function call") from error
        if expression[end:].strip() or not expression.rstrip().endswith(")"):
            raise StatesError(RUNTIME, f"'{expression}' is no intrinsic function call")
        return run(node, data, context)

    def run(node: Any, data: Any, context: Any) -> Any:
        _, name, raw = node
        arguments = [sfn._eval_intrinsic_arg(argument, data, context) for argument in raw]
        if name == "States.Format":
            return formatted(arguments[0] if arguments else None, arguments[1:])
        if name == "States.MathAdd" and not all(type(argument) is int for argument in arguments):
            raise StatesError("States.IntrinsicFailure", "States.MathAdd takes integers")
        if name == "States.JsonMerge" and not _can_merge(arguments):
            raise StatesError("States.IntrinsicFailure", "States.JsonMerge takes two objects and false")
        evaluated = [("value", argument) for argument in arguments]
        try:
            return execute(("call", name, evaluated), data, context)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
            raise StatesError("States.IntrinsicFailure", f"{name}: {error}") from error

    def argument_value(argument: Any, data: Any, context: Any) -> Any:
        return argument[1] if argument[0] == "value" else evaluate_argument(argument, data, context)

    execute, evaluate_argument = sfn._exec_intrinsic, sfn._eval_intrinsic_arg
    sfn._eval_intrinsic_arg = argument_value
    sfn._exec_intrinsic = run
    sfn._evaluate_intrinsic = evaluate


def _can_merge(arguments: list[Any]) -> bool:
    return len(arguments) == 3 and all(isinstance(a, dict) for a in arguments[:2]) and arguments[2] is False


# --- how runs end


def _install_ends(sfn: Any) -> None:
    for name in ("_execute_pass", "_execute_task", "_execute_parallel", "_execute_map"):
        setattr(sfn, name, _within_limit(getattr(sfn, name)))

    def invoke(resource: str, given: Any) -> Any:
        check_answer(given, "input after Parameters")
        return check_answer(invoke_resource(resource, given))

    def with_retry_and_catch(state: Any, given: Any, context: Any, attempt: Callable[[], Any]) -> Any:
        def tried() -> Any:
            try:
                return attempt()
            except SizeError as error:
                raise _EndedError(error) from error

        try:
            return retry_and_catch(state, given, context, tried)
        except _EndedError as ended:
            raise ended.error from ended

    def inner_machine(states: Any, start: Any, given: Any, execution: Any, context: Any) -> Any:
        current, name = json.loads(json.dumps(check_size(given, "item's input"))), start
        while name:
            if execution["status"] != "RUNNING":
                raise StatesError(RUNTIME, "the execution was stopped")
            state = states[name]
            context["State"] = {"Name": name, "EnteredTime": sfn.now_iso(), "RetryCount": 0}
            kind = state["Type"]
            entered = {"name": name, "input": json.dumps(current)}
            sfn._add_event(execution, f"{kind}StateEntered", {"stateEnteredEventDetails": entered})
            if kind == "Fail":
                raise StatesError(*sfn._fail_state_error(state, current, context))
            left = name
            current, name = _step(sfn, state, current, execution, context)
            exited = {"name": left, "output": json.dumps(current)}
            sfn._add_event(execution, f"{kind}StateExited", {"stateExitedEventDetails": exited})
        return current

    def fail(execution: Any, error: Any, cause: Any) -> None:
        # A run that was stopped, or whose time is over, has ended already.
        if execution["status"] == "RUNNING":
            end_as_failed(execution, error, cause)

    def run(execution_arn: str) -> None:
        timer = _time_limit(sfn, execution_arn)
        try:
            run_execution(execution_arn)
        finally:
            if timer is not None:
                timer.cancel()

    invoke_resource, retry_and_catch = sfn._invoke_resource, sfn._with_retry_and_catch
    sfn._invoke_resource, sfn._with_retry_and_catch = invoke, with_retry_and_catch
    end_as_failed, run_execution = sfn._fail_execution, sfn._run_execution
    sfn._run_sub_machine = inner_machine
    sfn._fail_execution = fail
    sfn._run_execution = run


class _EndedError(Exception):
    """Carries an error that nothing may catch past the interpreter's catchers."""

    def __init__(self, error: SizeError) -> None:
        super().__init__(str(error))
        self.error = error


def _within_limit(execute: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(execute)
    def limited(*arguments: Any) -> Any:
        output, following = execute(*arguments)
        return check_size(output), following

    return limited


def _step(sfn: Any, state: Any, current: Any, execution: Any, context: Any) -> tuple[Any, str | None]:
    """The output of a state that does not fail the run, and the state after it."""
    kind = state["Type"]
    if kind == "Succeed":
        output = sfn._apply_output_path(state, sfn._apply_input_path(state, current, context), context)
        return output, None
    execute = getattr(sfn, f"_execute_{kind.lower()}")
    given = (state, current, execution, context) if kind in ("Task", "Parallel", "Map") else (state, current, context)
    output, following = execute(*given)
    return output, following


def _time_limit(sfn: Any, execution_arn: str) -> threading.Timer | None:
    """Ends the execution as TIMED_OUT when its TimeoutSeconds, which are not scaled, are over."""
    execution = sfn._executions.get(execution_arn)
    machine = sfn._state_machines.get(execution["stateMachineArn"]) if execution else None
    seconds = json.loads(machine["definition"]).get("TimeoutSeconds") if machine else None
    if seconds is None:
        return None

    def end() -> None:
        if execution["status"] == "RUNNING":
            execution.update(status="TIMED_OUT", stopDate=sfn.now_iso())
            sfn._add_event(
                execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {"error": "States.Timeout"}}
            )
            sfn._emit_execution_status_event(execution)

    timer = threading.Timer(seconds, contextvars.copy_context().run, [end])
    timer.daemon = True
    timer.start()
    return timer


# --- what may be created


def _install_creation(sfn: Any, provisioners: Any, error_response: Callable[..., Any]) -> None:
    def checked(create: Callable[[Any], Any]) -> Callable[[Any], Any]:
        @wraps(create)
        def create_checked(request: Any) -> Any:
            found = _problems(request.get("definition"))
            if found:
                return error_response("InvalidDefinition", found, 400)
            return create(request)

        return create_checked

    def resolved(properties: Any) -> str:
        definition: str = definition_of(properties)
        found = _problems(definition)
        if found:
            raise ValueError(found)
        return definition

    sfn._create_state_machine = checked(sfn._create_state_machine)
    sfn._update_state_machine = checked(sfn._update_state_machine)
    definition_of = provisioners._sfn_definition
    provisioners._sfn_definition = resolved


def _problems(text: str | None) -> str:
    """Why a definition is refused; empty for a sound one, and for what MiniStack itself refuses."""
    try:
        definition = json.loads(text or "{}")
    except json.JSONDecodeError:
        return ""
    if not isinstance(definition, dict) or definition.get("QueryLanguage", "JSONPath") != "JSONPath" or not definition:
        return ""
    found = problems(definition)
    return f"Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: {'; '.join(found)}'" if found else ""


# --- calls

_clients = threading.Lock()


def _call(resource: str, parameters: Any) -> Any:
    """One aws-sdk call, over the emulator's own endpoint as any client's."""
    try:
        integration = integrations.integration(resource)
    except ValueError as error:
        raise StatesError(RUNTIME, str(error)) from error
    request = integrations.to_request(parameters, integration.model.input_shape)
    with _clients:
        client = _client(integration.service, EXECUTION_ROLE.get())
    try:
        answer = client._make_api_call(integration.operation, request)
    except botocore.exceptions.ClientError as error:
        told, metadata = error.response["Error"], error.response.get("ResponseMetadata", {})
        raise StatesError(
            integration.error_name(told.get("Code", "")),
            f"{told.get('Message', '')} (Service: {integration.prefix}, Status Code: {metadata.get('HTTPStatusCode')},"
            f" Request ID: {metadata.get('RequestId')})",
        ) from error
    except botocore.exceptions.ParamValidationError as error:
        raise StatesError(RUNTIME, str(error)) from error
    except botocore.exceptions.BotoCoreError as error:
        raise StatesError(f"{integration.prefix}.SdkClientException", str(error)) from error
    return integrations.to_result(answer, integration.model.output_shape)


@cache
def _client(service: str, role_arn: str | None) -> Any:
    session = role_session(role_arn, "states") if role_arn else None
    return botocore.session.get_session().create_client(
        service,
        region_name=os.environ.get("MINISTACK_REGION", "us-east-1"),
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        aws_access_key_id=session.access_key if session else ACCOUNT_KEY,
        aws_secret_access_key=session.secret_key if session else ACCOUNT_KEY,
        aws_session_token=session.token if session else None,
        config=botocore.config.Config(
            retries={"total_max_attempts": 1},
            read_timeout=_CALL_SECONDS,
            ignore_configured_endpoint_urls=True,
            s3={"addressing_style": "path"},
        ),
    )
