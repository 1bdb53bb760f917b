"""The lock of environments that were deployed before the lock became an item: an SSM parameter.

`deploy.sh` alone brings such an environment over, also in the middle of a training:

- As long as the deployed state machine is the one of before, every deploy takes this lock beside the item. A training
  run of before that holds it is waited for, so that none is at work when the state machine is exchanged under both.
- The new role of the state machine may not write this parameter. What is left of the executions of before (one that
  waited for the lock, one that is redriven) cannot take it any more.
- Rights reach all of AWS after a moment. Therefore the deploy that exchanged the state machine leaves the parameter
  closed: held by `CLOSED`, which an execution of before takes for a deploy at work. The first deploy that finds no
  execution from before the closing at work deletes it.

Parameters have no compare-and-swap. Whoever takes over from a dead holder says so in a second parameter first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from tools.deploy.base.errors import DeployError
from tools.deploy.base.training import is_running
from tools.deploy.base.waiting import poll
from tools.deploy.lock.pace import Pace, Stillness
from tools.environment.connection import Connection

CLOSED = "deploy:closed:0:0"
"""The holder of a lock that is never to be taken again. Deploys of before name themselves `deploy:HOST:PID:ID`."""

_STARTED_WITH_THE_OLD = timedelta(minutes=1)
"""How long after an exchange executions may still begin with the definition of before: "within a few seconds".
https://docs.aws.amazon.com/step-functions/latest/apireference/API_UpdateStateMachine.html"""
_PATIENCE_SECONDS = 30 * 3600
_NOT_FOUND = frozenset({"ParameterNotFound", "ParameterNotFoundException"})
_TAKEN = frozenset({"ParameterAlreadyExists", "ParameterAlreadyExistsException"})


def machine_is_old(connection: Connection) -> bool:
    """Whether the deployed state machine takes the parameter."""
    names = connection.settings.names
    try:
        found = connection.client("stepfunctions").describe_state_machine(stateMachineArn=names.state_machine_arn)
    except ClientError as error:
        if error.response["Error"]["Code"] == "StateMachineDoesNotExist":
            return False
        raise
    return f'"{names.old_lock}"' in found["definition"]


def is_used(connection: Connection) -> bool:
    """Whether anything can be at work that knows the parameter alone. Removes what an upgrade left, once it may go."""
    holder = _value(connection.client("ssm"), connection.settings.names.old_lock)
    if machine_is_old(connection):
        return True
    if holder == CLOSED:
        _remove_closed(connection)
        return False
    return holder is not None


def _remove_closed(connection: Connection) -> None:
    """Deletes the closed parameter once no execution is at work that began before its closing."""
    names, ssm = connection.settings.names, connection.client("ssm")
    found = _parameter(ssm, names.old_lock)
    if found is None:
        return
    functions, until = connection.client("stepfunctions"), found["LastModifiedDate"] + _STARTED_WITH_THE_OLD
    try:
        pages = functions.get_paginator("list_executions").paginate(
            stateMachineArn=names.state_machine_arn, statusFilter="RUNNING"
        )
        if any(run["startDate"] <= until for page in pages for run in page["executions"]):
            return
    except ClientError as error:
        if error.response["Error"]["Code"] != "StateMachineDoesNotExist":
            raise
    ssm.delete_parameters(Names=[names.old_lock, names.old_takeover])


@dataclass(slots=True)
class OldLock:
    """The parameter as one deploy holds it."""

    connection: Connection
    me: str
    pace: Pace

    @property
    def _ssm(self) -> Any:
        return self.connection.client("ssm")

    @property
    def _name(self) -> str:
        return self.connection.settings.names.old_lock

    def take(self, progress: Callable[[str], None]) -> None:
        """Waits for a training run of before. Raises DeployError when a deploy of before is alive and holds it."""
        holders, claimants = Stillness(self.pace), Stillness(self.pace)

        def taken() -> bool:
            if _put_new(self._ssm, self._name, self.me) or _value(self._ssm, self._name) == self.me:
                return True
            found = _parameter(self._ssm, self._name)
            if found is None:
                return False  # released in between: try again
            if self._is_dead(found, holders, progress):
                return self._take_over(str(found["Value"]), claimants, progress)
            return False

        poll(
            taken,
            every_seconds=self.pace.look_seconds,
            for_seconds=_PATIENCE_SECONDS,
            otherwise="the lock of before on the campaigns did not become free",
        )

    def renew(self) -> bool:
        """Whether it is still ours.

        A release of before that was repeated may have deleted it under us: it is taken again where nobody has it.
        """
        holder = _value(self._ssm, self._name)
        if holder is None:
            return _put_new(self._ssm, self._name, self.me)
        if holder == self.me:
            self._ssm.put_parameter(Name=self._name, Value=self.me, Type="String", Overwrite=True)
        return holder == self.me

    def release(self) -> None:
        """Gives it back where it is still ours: closed for good once the state machine is the new one."""
        if machine_is_old(self.connection):
            _delete(self._ssm, self._name, self.me)
        elif self.renew():
            self._ssm.put_parameter(Name=self._name, Value=CLOSED, Type="String", Overwrite=True)

    def _take_over(self, dead: str, claimants: Stillness, progress: Callable[[str], None]) -> bool:
        """Takes the lock over from a dead holder; False when somebody else is at it."""
        claim = self.connection.settings.names.old_takeover
        if not _put_new(self._ssm, claim, self.me):
            claimed = _parameter(self._ssm, claim)
            if claimed is not None and self._is_dead(claimed, claimants, progress):
                _delete(self._ssm, claim, str(claimed["Value"]))
            return False
        try:
            if _value(self._ssm, self._name) != dead:
                return False
            self._ssm.put_parameter(Name=self._name, Value=self.me, Type="String", Overwrite=True)
            return True
        finally:
            _delete(self._ssm, claim, self.me)

    def _is_dead(self, parameter: Any, observed: Stillness, progress: Callable[[str], None]) -> bool:
        holder = str(parameter["Value"])
        if not holder.startswith("deploy:"):
            if is_running(self.connection, holder):
                progress("waiting for the training run from before the upgrade, which holds the old lock")
                return False
            return True
        if observed.moved(holder, str(parameter["Version"])):
            raise DeployError(
                f"another deploy works on the campaigns of {self.connection.settings.environment} ({holder}); run this"
                " again when it has ended"
            )
        progress(f"seeing whether the deploy that holds the old lock lives ({holder})")
        return observed.is_over()


def _put_new(ssm: Any, name: str, value: str) -> bool:
    try:
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=False)
    except ClientError as error:
        if error.response["Error"]["Code"] in _TAKEN:
            return False
        raise
    return True


def _parameter(ssm: Any, name: str) -> Any:
    try:
        return ssm.get_parameter(Name=name)["Parameter"]
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_FOUND:
            return None
        raise


def _value(ssm: Any, name: str) -> str | None:
    found = _parameter(ssm, name)
    return None if found is None else str(found["Value"])


def _delete(ssm: Any, name: str, holder: str) -> None:
    """Deletes the parameter where `holder` is in it."""
    if _value(ssm, name) != holder:
        return
    try:
        ssm.delete_parameter(Name=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_FOUND:
            raise
