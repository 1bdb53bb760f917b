"""`load_settings`: the four environments load, and everything that can be wrong is said with key, value and remedy."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import setting_values
from infra.regions import regions_of
from infra.settings import CONFIG_FOLDER, Settings, SettingsError, load_settings

ENVIRONMENTS = ("local", "dev", "staging", "prod")


def _write(folder: Path, *, without: tuple[str, ...] = (), **changes: Any) -> Path:
    """A copy of dev's config as `folder/dev.yaml`, with keys changed (`section.key` too) or left out."""
    raw = yaml.safe_load((CONFIG_FOLDER / "dev.yaml").read_text())
    for path, value in changes.items():
        *sections, key = path.split("__")
        target = raw
        for section in sections:
            target = target[section]
        target[key] = value
    for path in without:
        *sections, key = path.split(".")
        target = raw
        for section in sections:
            target = target[section]
        del target[key]
    (folder / "dev.yaml").write_text(yaml.safe_dump(raw))
    return folder


def _refusal(folder: Path) -> str:
    with pytest.raises(SettingsError) as refused:
        load_settings("dev", folder=folder)
    return str(refused.value)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_environment_loads(environment: str) -> None:
    """The shipped files are complete and within their ranges."""
    assert environment == load_settings(environment).environment


def test_the_local_environment_needs_no_account() -> None:
    """Its account is the local cloud's."""
    assert ("000000000000", "us-east-1") == (load_settings("local").account, load_settings("local").region)


def test_account_and_region_can_be_overridden() -> None:
    """As ACCOUNT_ID and CDK_DEPLOY_REGION do; empty values override nothing."""
    settings = load_settings("dev", account="210987654321", region="ap-southeast-2")
    assert ("210987654321", "ap-southeast-2") == (settings.account, settings.region)
    assert "123456789012" == load_settings("dev", account="", region="").account


def test_d55_an_unknown_environment_names_the_ones_there_are() -> None:
    """And the file that would make it one."""
    with pytest.raises(SettingsError, match=r"no environment 'qa': config/qa\.yaml does not exist .*dev, local, prod"):
        load_settings("qa")


def test_an_unknown_key_is_named_with_its_value(tmp_path: Path) -> None:
    """A misspelt key is never ignored."""
    assert "  promotionTreshold: unknown key (value 0.2); docs/operate/configuration.md lists the keys" in _refusal(
        _write(tmp_path, promotionTreshold=0.2)
    )


def test_an_unknown_key_in_a_section_is_named_with_its_section(tmp_path: Path) -> None:
    """`section.key`, as it would be searched for."""
    assert "  ingestion.batchsize: unknown key (value 5)" in _refusal(_write(tmp_path, ingestion__batchsize=5))


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("promotionThreshold", "a number from 0 to 1"),
        ("ingestion.batchSize", "a whole number from 1 to 10000"),
        ("recipes", "a section with keys of its own"),
        ("rerankingEnabled", "`true` or `false`"),
    ],
)
def test_a_missing_key_is_named_with_what_it_takes(tmp_path: Path, key: str, allowed: str) -> None:
    """So that it can be added without opening the documentation."""
    assert f"  {key}: missing; it must be {allowed}" in _refusal(_write(tmp_path, without=(key,)))


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"promotionThreshold": 1.5}, "promotionThreshold: 1.5 is not allowed; it must be a number from 0 to 1"),
        ({"promotionThreshold": "high"}, "promotionThreshold: 'high' is not allowed; it must be a number from 0 to 1"),
        (
            {"ingestion__batchSize": 20000},
            "ingestion.batchSize: 20000 is not allowed; it must be a whole number from 1 to 10000",
        ),
        ({"ingestion__batchSize": 0}, "ingestion.batchSize: 0 is not allowed; it must be a whole number from 1 to"),
        ({"ingestion__batchSize": "10"}, "ingestion.batchSize: '10' is not allowed; it must be a whole number"),
        ({"ingestion__batchSize": True}, "ingestion.batchSize: True is not allowed; it must be a whole number"),
        ({"ingestion__batchSize": None}, "ingestion.batchSize: None is not allowed; it must be a whole number"),
        ({"generation": 0}, "generation: 0 is not allowed; it must be a whole number from 1 to 999"),
        ({"rerankingEnabled": "yes"}, "rerankingEnabled: 'yes' is not allowed; it must be `true` or `false`"),
        ({"account": 123456789012}, "account: 123456789012 is not allowed; it must be twelve digits, in quotes"),
        ({"account": "1234"}, "account: '1234' is not allowed; it must be twelve digits, in quotes"),
        ({"region": "Ireland"}, "region: 'Ireland' is not allowed; it must be a region such as eu-west-1"),
        ({"ssmPrefix": "pets"}, "ssmPrefix: 'pets' is not allowed; it must be one to ten parts, each a slash"),
        ({"ssmPrefix": "/aws/pets"}, "ssmPrefix: '/aws/pets' is not allowed; it must be one to ten parts"),
        ({"schedule": "daily"}, "schedule: 'daily' is not allowed; it must be `rate(N days)`, `rate(N hours)`"),
        ({"schedule": "rate(0 days)"}, "schedule: 'rate(0 days)' is not allowed; it must be `rate(N days)`"),
        ({"retention__logDays": 10}, "retention.logDays: 10 is not allowed; it must be one of 1, 3, 5, 7, 14,"),
        (
            {"recipes__recommendation": "aws-sims"},
            "recipes.recommendation: 'aws-sims' is not allowed; it must be one of `aws-user-personalization-v2`,",
        ),
        (
            {"notificationEmails": ["keeper@example.org", "nobody"]},
            "notificationEmails.1: 'nobody' is not allowed; it must be an e-mail address",
        ),
        ({"eventWeights": {}}, "eventWeights: {} is not allowed; it must be keys and values, 1 to 10 of them"),
        ({"eventWeights": {"AIF": 2}}, "eventWeights.AIF: 2 is not allowed; it must be a number from 0 to 1"),
        ({"observedEventTypes": "Shown"}, "observedEventTypes: 'Shown' is not allowed; it must be a list"),
        (
            {"observedEventTypes": [f"Type{n}" for n in range(21)]},
            "observedEventTypes: ['Type0', 'Type1', 'Type2', 'Type3', 'Type4', 'Type5', 'Type6', 'Type7', 'Type8',",
        ),
        *(
            (
                {"observedEventTypes": ["Shown", name]},
                f"observedEventTypes.1: {name!r} is not allowed; it must be 1 to 64 letters, digits, `_` and `-`",
            )
            for name in ("a,b", "", "1st", "x" * 65, "Shown\n", "Sho wn", 5)
        ),
        (
            {"observedEventTypes": ["Shown", "Shown"]},
            "observedEventTypes: Shown and Shown are one type (case, `_`, `-`, spaces and dots tell none apart)",
        ),
        ({"observedEventTypes": ["Shown", "sho_wn"]}, "observedEventTypes: sho_wn and Shown are one type"),
        ({"observedEventTypes": ["AIF"]}, "observedEventTypes: AIF and eventWeights.AIF are one type"),
        ({"observedEventTypes": ["detail-view"]}, "observedEventTypes: detail-view and eventWeights.DetailView are"),
        (
            {"filters": {"Cats!": "INCLUDE ItemID WHERE Items.X IN (1)"}},
            "filters.Cats!: 'Cats!' is not allowed; it must be 1 to 20 lower-case letters, digits and hyphens",
        ),
        ({"filters": {"cats": ""}}, "filters.cats: '' is not allowed; it must be a filter expression of 1 to 2500"),
        ({"monthlyBudgetUSD": 0}, "monthlyBudgetUSD: 0 is not allowed; it must be a number above 0"),
        (
            {"sleep": {"sleepAt": "rate(1 day)"}},
            "sleep.sleepAt: 'rate(1 day)' is not allowed; it must be `cron(minutes hours day-of-month month",
        ),
        ({"sleep": {"wakeAt": "cron(0 6 * * 1 *)"}}, "sleep.wakeAt: 'cron(0 6 * * 1 *)' is not allowed"),
        ({"sleep": {"wakeAt": "cron(0 6 * * ?)"}}, "sleep.wakeAt: 'cron(0 6 * * ?)' is not allowed"),
        ({"sleep": {"timezone": "Mars/Base"}}, "sleep.timezone: 'Mars/Base' is not allowed; it must be a name of"),
        ({"sleep": {"allowed": 1}}, "sleep.allowed: 1 is not allowed; it must be `true` or `false`"),
        (
            {"sleep": {"sleepAt": "cron(0 6 * * ? *)", "wakeAt": "cron(0 6 * * ? *)"}},
            "sleep: sleepAt and wakeAt are the same",
        ),
        (
            {"protected": True, "sleep": {"sleepAt": "cron(0 20 * * ? *)"}},
            "sleep.sleepAt and sleep.wakeAt: a protected environment sleeps only with sleep.allowed true",
        ),
        ({"alarms": "none"}, "alarms: 'none' is not allowed; it must be a section with keys of its own"),
    ],
)
def test_a_value_out_of_range_is_named_with_what_is_allowed(tmp_path: Path, change: dict[str, Any], line: str) -> None:
    """Key, value, and what it must be, in words."""
    assert f"\n  {line}" in _refusal(_write(tmp_path, **change))


def test_without_the_key_no_type_is_observed(tmp_path: Path) -> None:
    """A config from before it stays as it is."""
    assert () == load_settings("dev", folder=_write(tmp_path, without=("observedEventTypes",))).observed_event_types


def test_a_region_without_personalize_is_refused_with_those_that_have_it(tmp_path: Path) -> None:
    """botocore's endpoint data know; no call and no credentials."""
    message = _refusal(_write(tmp_path, region="eu-north-1"))
    assert "\n  region: 'eu-north-1' has no Amazon Personalize; the Regions that have it are ap-northeast-1," in message
    assert "eu-west-1" in message


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_a_region_of_another_partition_is_refused_as_such(tmp_path: Path, region: str, partition: str) -> None:
    """China has Personalize, but every ARN of the project is of the partition aws."""
    assert f"({region} is in {partition})" in _refusal(_write(tmp_path, region=region))


def test_a_region_without_a_price_is_refused_with_those_that_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Region that Personalize comes to has no price yet: the message says where it goes."""
    known = regions_of("personalize")
    monkeypatch.setattr(setting_values, "regions_of", lambda _: known | {"eu-north-1"})
    message = _refusal(_write(tmp_path, region="eu-north-1"))
    assert "'eu-north-1' has no price in infra/prices.yaml; add its rows there, or take one of" in message


def test_an_override_is_blamed_by_its_own_name(tmp_path: Path) -> None:
    """The file is not at fault for a variable of the shell; what is wrong in the file is said besides."""
    folder = _write(tmp_path)
    with pytest.raises(SettingsError) as caught:
        load_settings("dev", region="eu-north-1", account="12", folder=folder)
    account, region = sorted(str(caught.value).splitlines())
    assert account.startswith("ACCOUNT_ID: '12' is not allowed; it must be twelve digits")
    assert region.startswith("CDK_DEPLOY_REGION: 'eu-north-1' has no Amazon Personalize")
    with pytest.raises(
        SettingsError, match=r"CDK_DEPLOY_REGION: .*\nconfig/dev\.yaml cannot be used:\n  generation: 0"
    ):
        load_settings("dev", region="eu-north-1", folder=_write(tmp_path, generation=0))


@pytest.mark.parametrize("environment", ["x" * 300, "a\0b", "../dev", "", "."])
def test_a_name_that_no_file_can_have_is_an_unknown_environment(environment: str) -> None:
    """Whatever the operating system makes of it."""
    with pytest.raises(SettingsError, match="no environment"):
        load_settings(environment)


@pytest.mark.parametrize(
    "text",
    ["region: [", "a: 2026-13-45", "? [a]\n: b", "\xff\xfe\xfd", "a: !!int x", "a: &a [*a]", "1: 2", "- a", ""],
    ids=["yaml", "date", "key", "utf-8", "tag", "loop", "number", "list", "empty"],
)
def test_whatever_the_file_holds_there_is_one_message(tmp_path: Path, text: str) -> None:
    """Errors of YAML's loader, of Python and of the codec are settings errors that name the file."""
    (tmp_path / "dev.yaml").write_bytes(text.encode("latin-1"))
    assert "config/dev.yaml" in _refusal(tmp_path)


def test_a_file_that_cannot_be_read_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operating system's reason, without a traceback."""

    def denied(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied")

    folder = _write(tmp_path)
    monkeypatch.setattr(Path, "read_text", denied)
    assert _refusal(folder) == "config/dev.yaml cannot be read: Permission denied"


@pytest.mark.parametrize("number", [float("inf"), float("nan")])
def test_no_limit_is_infinite(tmp_path: Path, number: float) -> None:
    """A budget of `.inf` would warn of nothing, and is no number in a template."""
    assert "monthlyBudgetUSD" in _refusal(_write(tmp_path, monthlyBudgetUSD=number))


def test_all_faults_are_said_at_once(tmp_path: Path) -> None:
    """One message under one heading, a line for each fault."""
    message = _refusal(_write(tmp_path, without=("schedule",), generation=0, colour="red"))
    heading, *lines = message.splitlines()
    assert "config/dev.yaml cannot be used:" == heading
    assert ["colour", "generation", "schedule"] == sorted(re.match(r"  (\w+): ", line)[1] for line in lines)  # type: ignore[index]


def test_exploration_is_refused_with_a_recipe_that_has_none(tmp_path: Path) -> None:
    """With the key and the recipe, and what to do."""
    assert (
        "explorationWeight: only recipes.recommendation aws-user-personalization has exploration settings, not"
        " aws-user-personalization-v2; remove the key"
    ) in _refusal(_write(tmp_path, explorationWeight=0.1))


def test_exploration_is_needed_with_the_recipe_that_has_it(tmp_path: Path) -> None:
    """Both keys, not one of them."""
    folder = _write(tmp_path, recipes__recommendation="aws-user-personalization", explorationWeight=0.1)
    assert "explorationWeight and explorationItemAgeCutOff are needed" in _refusal(folder)


def test_exploration_is_taken_with_the_recipe_that_has_it(tmp_path: Path) -> None:
    """The reference's values."""
    folder = _write(
        tmp_path,
        recipes__recommendation="aws-user-personalization",
        explorationWeight=0.1,
        explorationItemAgeCutOff=65500,
    )
    settings = load_settings("dev", folder=folder)
    assert (0.1, 65500.0) == (settings.exploration_weight, settings.exploration_item_age_cut_off)


def test_retries_must_end_before_the_stream_forgets(tmp_path: Path) -> None:
    """Else events would be lost without reaching the failure destination."""
    folder = _write(tmp_path, retention__streamHours=24, ingestion__maxRecordAgeSeconds=100_000)
    assert "ingestion.maxRecordAgeSeconds (100000) must be at most retention.streamHours (24)" in _refusal(folder)


def test_a_zone_is_named_for_each_subnet(tmp_path: Path) -> None:
    """The library pairs them by position."""
    vpc = {
        "vpcId": "vpc-0a",
        "subnetIds": ["subnet-0a", "subnet-0b"],
        "availabilityZones": ["eu-west-1a"],
        "securityGroupIds": ["sg-0a"],
    }
    assert "vpc: availabilityZones must name one zone for each of subnetIds" in _refusal(_write(tmp_path, vpc=vpc))


def test_a_key_given_twice_is_refused(tmp_path: Path) -> None:
    """YAML would let the last one win."""
    text = (CONFIG_FOLDER / "dev.yaml").read_text() + "\ngeneration: 2\n"
    (tmp_path / "dev.yaml").write_text(text)
    assert "generation is there twice" in _refusal(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1", "config/dev.yaml is not valid YAML"),
        ("- a\n- b\n", "config/dev.yaml must hold keys and values, not list"),
        ("", "config/dev.yaml must hold keys and values, not NoneType"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """With the file's name and what it is instead."""
    (tmp_path / "dev.yaml").write_text(text)
    assert message in _refusal(tmp_path)


def test_a_file_cannot_call_itself_another_environment(tmp_path: Path) -> None:
    """The file's name is the environment's, whatever it says inside."""
    assert "dev" == load_settings("dev", folder=_write(tmp_path, environment="prod")).environment


@pytest.mark.parametrize(
    ("schedule", "days"),
    [
        ("rate(3 days)", 3),
        ("rate(1 day)", 1),
        ("rate(12 hours)", 0.5),
        ("rate(1440 minutes)", 1),
        ("cron(0 3 * * ? *)", None),
    ],
)
def test_the_pace_of_the_runs(schedule: str, days: float | None) -> None:
    """In days; a cron expression does not say it."""
    assert days == _with(schedule=schedule).days_between_runs


def test_roles_follow_the_switch() -> None:
    """Off, there is no re-ranking anywhere; each role has a capacity of its own."""
    assert ("recommendation", "reranking") == _with().roles
    assert ("recommendation",) == _with(rerankingEnabled=False).roles
    settings = _with(minProvisionedTPS=3, reRankMinProvisionedTPS=2)
    assert (3, 2) == (settings.min_tps("recommendation"), settings.min_tps("reranking"))


def _with(**changes: Any) -> Settings:
    raw = yaml.safe_load((CONFIG_FOLDER / "dev.yaml").read_text())
    return Settings.model_validate(raw | {"environment": "dev"} | changes)


def test_a_protected_environment_without_an_address_is_refused(tmp_path: Path) -> None:
    """Nobody would hear its alarms; the message says the key. Unprotected ones are told at each deploy instead."""
    said = _refusal(_write(tmp_path, protected=True, notificationEmails=[]))
    assert "notificationEmails is empty, and protected is true" in said
    assert load_settings("dev", folder=_write(tmp_path, protected=False, notificationEmails=[])).protected is False
    named = _write(tmp_path, protected=True, notificationEmails=["keeper@site.org"])
    assert load_settings("dev", folder=named).notification_emails == ("keeper@site.org",)


def test_nothing_sleeps_unless_it_is_said(tmp_path: Path) -> None:
    """No environment as shipped sleeps by itself; one that is told to has both times in its zone."""
    for environment in ENVIRONMENTS:
        assert not load_settings(environment).sleep.is_scheduled
    section = {"sleepAt": "cron(0 20 * * ? *)", "wakeAt": "cron(0 6 ? * MON-FRI *)", "timezone": "Europe/Berlin"}
    sleep = load_settings("dev", folder=_write(tmp_path, sleep=section)).sleep
    assert sleep.is_scheduled
    assert (sleep.sleep_at, sleep.wake_at, sleep.timezone) == tuple(section.values())
