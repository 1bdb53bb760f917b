"""The data stack: key policy, Personalize role, stream, archive and its table."""

from typing import Any

from tests.infra.synthesis import Synthesis, as_list

ACCOUNT = "123456789012"
SEED = f"arn:aws:s3:::dev-recommender-seed-{ACCOUNT}-us-east-1"


def _key_statements(synthesis: Synthesis) -> dict[str, Any]:
    statements = synthesis.resource("data", "AWS::KMS::Key")["KeyPolicy"]["Statement"]
    return {statement.get("Sid", "Administration"): statement for statement in statements}


def test_d58_the_key_rotates_and_is_one(dev: Synthesis) -> None:
    """One customer-managed key with an alias, made by the template and never by a script."""
    key = dev.resource("data", "AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    assert "alias/dev-recommender-key-key" == dev.resource("data", "AWS::KMS::Alias")["AliasName"]


def test_the_key_admits_personalize_and_its_role_with_grants(dev: Synthesis) -> None:
    """Both are asked for by the developer guide; the role is named as it is created, in the same stack."""
    statements = _key_statements(dev)
    needed = {"kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", "kms:CreateGrant", "kms:ListGrants"}
    service, role = statements["PersonalizeService"], statements["PersonalizeRole"]
    assert {"Service": "personalize.amazonaws.com"} == service["Principal"]
    assert needed <= set(service["Action"])
    assert needed <= set(role["Action"])
    role_id = role["Principal"]["AWS"]["Fn::GetAtt"][0]
    roles = dev.resources("data", "AWS::IAM::Role")
    assert "dev-recommender-personalize-role-rol" == roles[role_id]["RoleName"]


def test_the_topics_key_admits_everyone_who_publishes_to_it(dev: Synthesis) -> None:
    """Without these, alarms, budgets and failure notices would be dropped in silence; EventBridge sends no account."""
    key = dev.resource("training", "AWS::KMS::Key")
    statements = {statement.get("Sid", "Administration"): statement for statement in key["KeyPolicy"]["Statement"]}
    alarms, events = statements["AlarmsAndBudgets"], statements["Events"]
    assert {"cloudwatch.amazonaws.com", "budgets.amazonaws.com"} == set(alarms["Principal"]["Service"])
    assert {"StringEquals": {"aws:SourceAccount": ACCOUNT}} == alarms["Condition"]
    assert {"Service": "events.amazonaws.com"} == events["Principal"]
    assert "Condition" not in events
    for statement in (alarms, events):
        assert {"kms:Decrypt", "kms:GenerateDataKey"} == set(statement["Action"])


def test_the_topic_has_a_key_of_its_own(dev: Synthesis) -> None:
    """Whoever disables the key of the data is told so: the topic does not need it, nor does anything else need its key."""
    (id_,) = dev.resources("training", "AWS::KMS::Key")
    assert {"Fn::GetAtt": [id_, "Arn"]} == dev.resource("training", "AWS::SNS::Topic")["KmsMasterKeyId"]
    assert "cloudwatch.amazonaws.com" not in str(_key_statements(dev))
    assert dev.resource("training", "AWS::KMS::Key")["EnableKeyRotation"] is True


def test_the_keys_policy_names_no_service_that_uses_it_with_its_callers_rights(dev: Synthesis) -> None:
    """Kinesis, Firehose, S3, SQS: what their documentation does not ask for is not granted."""
    services = {
        service
        for statement in _key_statements(dev).values()
        for service in as_list(statement["Principal"].get("Service", []))
    }
    assert {"personalize.amazonaws.com", "logs.us-east-1.amazonaws.com"} == services


def test_the_key_admits_logs_for_this_accounts_log_groups_only(dev: Synthesis) -> None:
    """By the encryption context, which holds the log group's ARN."""
    statement = _key_statements(dev)["LogGroupsOfThisAccount"]
    assert {"Service": "logs.us-east-1.amazonaws.com"} == statement["Principal"]
    assert {
        "ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:*"}
    } == statement["Condition"]


def test_the_key_admits_no_stranger(dev: Synthesis) -> None:
    """Every principal is this account, one of its roles, or a service."""
    for sid, statement in _key_statements(dev).items():
        principal = statement["Principal"]
        assert {"AWS"} == set(principal) or {"Service"} == set(principal), sid
        for identity in as_list(principal.get("AWS", [])):
            assert "Fn::GetAtt" in identity or identity == f"arn:aws:iam::{ACCOUNT}:root", sid


def test_the_personalize_role_is_narrow(dev: Synthesis) -> None:
    """Reads the seed, writes under the export prefix, uses the key; assumed for this account's resources only."""
    (role,) = [
        role
        for role in dev.resources("data", "AWS::IAM::Role").values()
        if role["RoleName"] == "dev-recommender-personalize-role-rol"
    ]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "StringLike": {"aws:SourceArn": f"arn:aws:personalize:us-east-1:{ACCOUNT}:*"},
    } == trust["Condition"]
    rights = {
        (statement["Action"], statement["Resource"])
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    }
    assert {
        ("s3:ListBucket", SEED),
        ("s3:GetObject", f"{SEED}/*"),
        ("s3:PutObject", f"{SEED}/exports/*"),
    } == rights


def test_the_seed_bucket_admits_personalize_and_no_more_than_its_role(dev: Synthesis) -> None:
    """Personalize asks for a bucket policy beside the role's."""
    allowed = {
        (statement["Action"], statement["Resource"])
        for policy in dev.resources("data", "AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Principal"] == {"Service": "personalize.amazonaws.com"}
    }
    assert {
        ("s3:ListBucket", SEED),
        ("s3:GetObject", f"{SEED}/*"),
        ("s3:PutObject", f"{SEED}/exports/*"),
    } == allowed


def test_the_stream_scales_and_is_encrypted_with_the_key(dev: Synthesis) -> None:
    """On demand, the config's retention, the environment's key."""
    stream = dev.resource("data", "AWS::Kinesis::Stream")
    assert "dev-recommender-stream-kss" == stream["Name"]
    assert {"StreamMode": "ON_DEMAND"} == stream["StreamModeDetails"]
    assert 48 == stream["RetentionPeriodHours"]
    assert "KMS" == stream["StreamEncryption"]["EncryptionType"]
    assert {"Fn::GetAtt"} == set(stream["StreamEncryption"]["KeyId"])


def test_d15_no_enhanced_fan_out_consumer(dev: Synthesis) -> None:
    """Nothing would use it, and it costs."""
    assert [] == [id_ for _, id_, resource in dev.everything() if resource["Type"] == "AWS::Kinesis::StreamConsumer"]


def _archive(synthesis: Synthesis) -> Any:
    delivery = synthesis.resource("data", "AWS::KinesisFirehose::DeliveryStream")
    return delivery["ExtendedS3DestinationConfiguration"]


def test_d17_archive_keys_are_dated_by_expressions(dev: Synthesis) -> None:
    """Java's date letters: yyyy and dd (YYYY is the week's year, DD the day of the year), and a closing slash."""
    assert "events/dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/" == _archive(dev)["Prefix"]


def test_d18_delivery_errors_are_logged(dev: Synthesis) -> None:
    """Log group, log stream and the right to write to it."""
    logging = _archive(dev)["CloudWatchLoggingOptions"]
    assert logging["Enabled"] is True
    stream = dev.resource("data", "AWS::Logs::LogStream")
    assert stream["LogGroupName"] == logging["LogGroupName"]
    rights = [
        statement
        for where, statement in dev.statements()
        if where.startswith("data/") and statement["Action"] == "logs:PutLogEvents"
    ]
    assert [
        f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/aws/kinesisfirehose/dev-recommender-archive-kdf"
        ":log-stream:delivery"
    ] == [statement["Resource"] for statement in rights]


def test_d19_archived_records_are_lines_and_compressed(dev: Synthesis) -> None:
    """A delimiter after each record, GZIP, the environment's key."""
    archive = _archive(dev)
    (processor,) = archive["ProcessingConfiguration"]["Processors"]
    assert "AppendDelimiterToRecord" == processor["Type"]
    assert [{"ParameterName": "Delimiter", "ParameterValue": "\\n"}] == processor["Parameters"]
    assert "GZIP" == archive["CompressionFormat"]
    assert "KMSEncryptionConfig" in archive["EncryptionConfiguration"]


def test_d20_failed_deliveries_are_dated(dev: Synthesis) -> None:
    """By kind, day and hour, outside the prefix that the table reads."""
    assert (
        "errors/!{firehose:error-output-type}/dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
        == _archive(dev)["ErrorOutputPrefix"]
    )


def test_d21_the_archive_expires_as_configured(dev: Synthesis) -> None:
    """The config's days, for archive and quarantine."""
    days = {}
    for bucket in dev.resources("data", "AWS::S3::Bucket").values():
        for rule in bucket["LifecycleConfiguration"]["Rules"]:
            if rule["Id"] == "expire":
                days[bucket["BucketName"].split("-")[2]] = rule["ExpirationInDays"]
    assert {"archive": 365, "quarantine": 90, "access": 90} == days


def test_d23_the_table_reads_what_firehose_writes(dev: Synthesis) -> None:
    """Partitions are computed, never crawled; location and layout are the delivery stream's."""
    table = dev.resource("data", "AWS::Glue::Table")["TableInput"]
    location = f"s3://dev-recommender-archive-{ACCOUNT}-us-east-1/events/"
    assert "true" == table["Parameters"]["projection.enabled"]
    assert f"{location}dt=${{dt}}/hour=${{hour}}/" == table["Parameters"]["storage.location.template"]
    assert location == table["StorageDescriptor"]["Location"]
    assert "2" == table["Parameters"]["projection.hour.digits"]
    assert ["dt", "hour"] == [column["Name"] for column in table["PartitionKeys"]]


def test_d23_the_table_has_a_column_for_every_field_of_both_forms(dev: Synthesis) -> None:
    """A flat event and the documented envelope around the same event fill columns, whatever the letters' case."""
    event = {
        "userId": "12345",
        "sessionId": "s1",
        "eventType": "DetailView",
        "animal_id": "98765",
        "timestamp": 1,
        "eventId": "e",
        "eventValue": 1.0,
        "recommendationId": "r",
        "impression": ["2-Beagle-3-3"],
        "letterId": "l",
        "answerId": "a",
        "helpful": True,
        "animalMetadata": {
            "animal_species_id": "1",
            "animal_primary_breed_id": "Russian_Blue",
            "animal_size_id": 1,
            "animal_age_id": 2,
        },
    }
    table = dev.resource("data", "AWS::Glue::Table")["TableInput"]["StorageDescriptor"]
    assert "TRUE" == table["SerdeInfo"]["Parameters"]["case.insensitive"]
    columns = {column["Name"]: column["Type"] for column in table["Columns"]}
    fields = {key.lower() for key in event}
    assert fields <= set(columns)
    assert {"partitionkey", "data"} <= set(columns)
    for field in fields:
        assert f"{field}:{columns[field]}" in columns["data"]
    for field in event["animalMetadata"]:  # type: ignore[attr-defined]
        assert f"{field}:string" in columns["animalmetadata"]


def test_d56_d59_what_clients_look_up_is_published(dev: Synthesis) -> None:
    """The reference's parameter paths under the environment's prefix, each naming what the template makes."""
    parameters = {each["Name"]: each["Value"] for each in dev.resources("data", "AWS::SSM::Parameter").values()}
    assert {
        "/animal-recommender/dev/kinesis-stream/name",
        "/animal-recommender/dev/s3/name",
        "/animal-recommender/dev/s3-seed-bucket/name",
        "/animal-recommender/dev/kms-key/arn",
    } == set(parameters)
    assert {"Ref"} == set(parameters["/animal-recommender/dev/kinesis-stream/name"])


def test_the_locks_table_is_encrypted_backed_up_and_protected_where_the_environment_is(
    dev: Synthesis, prod: Synthesis
) -> None:
    """By the request, with the environment's key; it goes with its stack, because nothing in it outlives a holder."""
    for synthesis, protected in ((dev, False), (prod, True)):
        (resource,) = [r for _, _, r in synthesis.everything() if r["Type"] == "AWS::DynamoDB::Table"]
        table = resource["Properties"]
        assert table["BillingMode"] == "PAY_PER_REQUEST"
        assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
        assert {"Fn::GetAtt"} == set(table["SSESpecification"]["KMSMasterKeyId"])
        assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert table["DeletionProtectionEnabled"] is protected
        assert resource["DeletionPolicy"] == "Delete"
