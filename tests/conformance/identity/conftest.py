"""One local cloud with the roles of the synthesized templates, to be tried by everybody but their owners."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import pytest
from botocore.exceptions import ClientError

from local_cloud.identity.principals import JUDGE_PATH, role_session
from local_cloud.identity.rights import Right, rights_of
from local_cloud.supervisor.lifecycle import LocalCloud
from personalize_local.api.guard import LOCAL_REQUEST
from tests.infra.synthesis import Synthesis, synthesize

ACCOUNT = "000000000000"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/the-key"
GATE = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:local-recommender-sm-evaluate-solution-lbd:live"
TOPIC = f"arn:aws:sns:us-east-1:{ACCOUNT}:local-recommender-topic-sns"
TOPIC_KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/the-topics-key"
REFERENCES = {
    "Key": KEY,
    "SsmParameterValueanimalrecommenderlocalkmskeyarn": KEY,
    "GateAlias": GATE,
    "TopicKey": TOPIC_KEY,
    "Topic": TOPIC,
}


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the templates, with every policy document that is its own."""

    name: str
    service: str
    trust: dict[str, Any]
    policies: dict[str, dict[str, Any]]

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{self.name}"

    @property
    def purpose(self) -> str:
        return self.name.removeprefix("local-recommender-").removesuffix("-role-rol")

    def rights(self) -> list[Right]:
        return [right for policy in self.policies.values() for right in rights_of(self.name, policy)]


def written_out(value: Any) -> Any:
    """The value with the references that policies hold replaced by ARNs."""
    match value:
        case {"Fn::GetAtt": [name, "Arn"]} | {"Ref": name}:
            return next(arn for prefix, arn in REFERENCES.items() if str(name).startswith(prefix))
        case dict():
            return {key: written_out(item) for key, item in value.items()}
        case list():
            return [written_out(item) for item in value]
    return value


def roles_of(synthesis: Synthesis) -> dict[str, Role]:
    """Every role of the templates, by its purpose, e.g. `forward-events`."""
    found: dict[str, Role] = {}
    for stack in synthesis.templates:
        attached = synthesis.resources(stack, "AWS::IAM::Policy").values()
        for logical_id, role in synthesis.resources(stack, "AWS::IAM::Role").items():
            policies = {one["PolicyName"]: one["PolicyDocument"] for one in role.get("Policies", [])}
            policies |= {p["PolicyName"]: p["PolicyDocument"] for p in attached if {"Ref": logical_id} in p["Roles"]}
            trust = role["AssumeRolePolicyDocument"]
            made = Role(
                role["RoleName"],
                trust["Statement"][0]["Principal"]["Service"].removesuffix(".amazonaws.com"),
                trust,
                written_out(policies),
            )
            found[made.purpose] = made
    return found


def acting(cloud: LocalCloud, role_arn: str, by: str, service: str, *, endpoint: str = "") -> Any:
    """A boto3 client with the keys with which one service acts as a role."""
    session = role_session(role_arn, by)
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=endpoint or cloud.endpoint,
        aws_access_key_id=session.access_key,
        aws_secret_access_key=session.secret_key,
        aws_session_token=session.token,
    )


@dataclass(frozen=True, slots=True)
class Tried:
    """The cloud, its roles, and ways to act as them."""

    cloud: LocalCloud
    roles: dict[str, Role]
    http: httpx.Client

    def client(self, purpose: str, service: str, *, endpoint: str = "", by: str = "") -> Any:
        """A boto3 client with the keys of a role, assumed by its own service unless said otherwise."""
        role = self.roles[purpose]
        return acting(self.cloud, role.arn, by or role.service, service, endpoint=endpoint)

    def acting(self, role_arn: str, acting_service: str, service: str) -> Any:
        """A boto3 client with the keys with which one service acts as a role."""
        return acting(self.cloud, role_arn, acting_service, service)

    def verdict(self, purpose: str, action: str, resource: str) -> Any:
        """What the judge says when asked, without a call: `{"allowed", "code", "message"}`."""
        key = role_session(self.roles[purpose].arn, self.roles[purpose].service).access_key
        question = {"accessKey": key, "action": action, "resources": [resource]}
        return self.http.post(f"{self.cloud.endpoint}{JUDGE_PATH}", json=question, headers=LOCAL_REQUEST).json()


@pytest.fixture(scope="session")
def tried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tried]:
    """The roles as the templates of the local environment make them; refusals are what is looked for."""
    state, services = tmp_path_factory.mktemp("cloud"), ("emulator", "personalize")
    roles = roles_of(synthesize("local"))
    with LocalCloud(state=state, services=services, expects_refusals=True) as cloud:
        iam = cloud.client("iam")
        for role in roles.values():
            iam.create_role(RoleName=role.name, AssumeRolePolicyDocument=json.dumps(role.trust))
            for name, policy in role.policies.items():
                iam.put_role_policy(RoleName=role.name, PolicyName=name, PolicyDocument=json.dumps(policy))
        # The role of the state machine trusts Step Functions for that machine alone.
        cloud.client("stepfunctions").create_state_machine(
            name="local-recommender-state-machine-stm",
            roleArn=roles["statemachine"].arn,
            definition=json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}),
        )
        for bucket in ("seed", "archive", "quarantine"):
            cloud.client("s3").create_bucket(Bucket=f"local-recommender-{bucket}-{ACCOUNT}-us-east-1")
        with httpx.Client() as http:
            yield Tried(cloud, roles, http)


@pytest.fixture
def error_of() -> Callable[[Callable[[], Any]], str]:
    """The error code of a call that must fail."""

    def code(call: Callable[[], Any]) -> str:
        with pytest.raises(ClientError) as raised:
            call()
        return str(raised.value.response["Error"]["Code"])

    return code
