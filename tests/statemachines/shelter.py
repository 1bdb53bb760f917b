"""The shelter that all environments of the executed state machines share: its data, and gates of several patiences."""

import io
import zipfile

from local_cloud.supervisor.lifecycle import LocalCloud
from tests.statemachines.world import BUCKET, GROUP, LOCKS, ROLE, ROOT
from tools.deploy.base.personalize import created


def make_shelter(cloud: LocalCloud) -> None:
    """The dataset group with its interactions, the bucket, and gates: the usual, a lax one and two without patience."""
    cloud.client("s3").create_bucket(Bucket=BUCKET)
    cloud.client("dynamodb").create_table(
        TableName=LOCKS,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    cloud.client("s3").put_object(Bucket=BUCKET, Key="interactions/all.csv", Body=_interactions().encode())
    personalize = cloud.client("personalize")
    schema = (ROOT / "seed_data" / "schemas" / "interactions.avsc.json").read_text(encoding="utf-8")
    schema_arn = personalize.create_schema(name="shelter", schema=schema)["schemaArn"]
    created(personalize, "dataset_group", name="shelter")
    dataset = created(
        personalize,
        "dataset",
        name="shelter",
        schemaArn=schema_arn,
        datasetGroupArn=GROUP,
        datasetType="Interactions",
    )
    location = {"dataLocation": f"s3://{BUCKET}/interactions/"}
    created(personalize, "dataset_import_job", jobName="shelter", datasetArn=dataset, dataSource=location, roleArn=ROLE)
    make_gate(cloud, "gate")
    make_gate(cloud, "lax-gate", PROMOTION_THRESHOLD="0.001")
    make_gate(cloud, "impatient-gate", LONGEST_TRAINING_SECONDS="-1")
    make_gate(cloud, "hasty-gate", LONGEST_UPDATE_SECONDS="-1")


def _interactions() -> str:
    rows = ["USER_ID,ITEM_ID,TIMESTAMP,EVENT_TYPE"]
    for user in range(60):
        species = 1 + user % 2
        for step in range(20):
            breed = (user * 7 + step * (1 + user % 3)) % 12
            rows.append(f"u{user},{species}-Breed_{breed}-2-{1 + breed % 5},{1_700_000_000 + 3600 * step},DetailView")
    return "\n".join(rows)


def make_gate(cloud: LocalCloud, name: str, **environment: str) -> None:
    """The function evaluate_version, packaged with its layer."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        for folder, pattern in ((ROOT, "lambdas/evaluate_version/*.py"), (ROOT, "lambdas/__init__.py")):
            for file in folder.glob(pattern):
                package.write(file, file.relative_to(folder))
        layer = ROOT / "build" / "layer" / "python"
        for file in layer.rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                package.write(file, file.relative_to(layer))
    cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=ROLE,
        Handler="lambdas.evaluate_version.handler.lambda_handler",
        Code={"ZipFile": buffer.getvalue()},
        Timeout=30,
        Environment={
            "Variables": {
                "ENVIRONMENT": "test",
                "POWERTOOLS_SERVICE_NAME": "evaluate_version",
                "PROMOTION_THRESHOLD": "0.01",
                "REGRESSION_TOLERANCE": "0.1",
                "COVERAGE_FLOOR": "0.01",
                "MIN_NEW_EVENTS": "1000",
                **environment,
            }
        },
    )
