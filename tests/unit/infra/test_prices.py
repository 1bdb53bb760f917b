"""The price table: what is read of it, and what of it is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.prices import PRICES_FILE, PriceError, idle_campaign_dollars, load_prices
from infra.regions import partition_of, regions_of


def _raw() -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load(PRICES_FILE.read_text())
    return raw


def _write(folder: Path, raw: dict[str, Any]) -> Path:
    path = folder / "prices.yaml"
    path.write_text(yaml.safe_dump(raw))
    return path


def test_every_region_with_personalize_has_a_price() -> None:
    """And none that has not: a Region is in the table for this project alone."""
    assert regions_of("personalize") == load_prices().regions


def test_an_idle_campaign_bills_what_is_provisioned() -> None:
    """v2 by the request, v1 by the TPS-hour."""
    assert pytest.approx(394.2) == idle_campaign_dollars("us-east-1", "aws-user-personalization-v2", 1)
    assert pytest.approx(2 * 394.2) == idle_campaign_dollars("eu-west-1", "aws-personalized-ranking-v2", 2)
    assert pytest.approx(146.0) == idle_campaign_dollars("us-east-1", "aws-personalized-ranking", 1)


@pytest.mark.parametrize(
    ("tps_hours", "dollars"),
    [(0, 0), (730, 146), (20_000, 4_000), (20_001, 4_000.1), (300_000, 4_000 + 18_000 + 5_000)],
)
def test_a_tps_hour_is_cheaper_in_each_tier(tps_hours: float, dollars: float) -> None:
    """$0.20 up to 20,000 TPS-hours a month, $0.10 up to 200,000, $0.05 above; in one sum or in two."""
    price = load_prices().of("us-east-1")["personalize-tps-hours-v1"]
    assert pytest.approx(dollars) == price.charge(tps_hours)
    half = tps_hours / 2
    assert pytest.approx(dollars) == price.charge(half) + price.charge(tps_hours - half, before=half)


def test_a_region_without_a_price_is_refused_with_those_that_have_one() -> None:
    """And with what to add."""
    with pytest.raises(PriceError, match=r"no price for sa-east-1; add its rows.* us-east-1, us-east-2"):
        load_prices().of("sa-east-1")


def test_a_recipe_without_a_price_is_named() -> None:
    """Not billed as if it were another."""
    with pytest.raises(PriceError, match="aws-sims"):
        idle_campaign_dollars("us-east-1", "aws-sims", 1)


def test_a_regions_own_price_goes_before_an_assumed_one(tmp_path: Path) -> None:
    """And the bill no longer says of it that it is taken from elsewhere."""
    raw = _raw()
    own = next(row for row in raw["prices"] if row["what"] == "kinesis-stream")
    raw["prices"].append({**own, "region": "eu-west-1", "usd": 0.05, "confirmed": True})
    prices = load_prices(_write(tmp_path, raw)).of("eu-west-1")
    assert (0.05, 0.08) == (prices["kinesis-stream"].usd, prices["kinesis-in"].usd)
    assert prices.assumed == ("us-east-1",)


def _drop(what: str) -> Any:
    return lambda raw: raw.update(prices=[row for row in raw["prices"] if row["what"] != what])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop("kms-key"), "us-east-1 has no row for kms-key"),
        (lambda raw: raw["prices"].append(raw["prices"][0]), "two rows for personalize-requests-v2 of us-east-1"),
        (lambda raw: raw["prices"][0].update(usd=-1), "prices.0.usd"),
        (lambda raw: raw["prices"][0].update(usd=float("nan")), "prices.0.usd"),
        (lambda raw: raw["prices"][0].update(tiers=[{"usd": 1}]), "needs either usd or tiers"),
        (lambda raw: raw["prices"][2].update(tiers=[{"usd": 1, "upTo": 5}]), "the last has no upTo"),
        (lambda raw: raw["prices"][0].pop("source"), "prices.0.source"),
        (lambda raw: raw["prices"][0].pop("confirmed"), "prices.0.confirmed"),
        (lambda raw: raw["prices"][0].update(whta=1), "prices.0.whta"),
        (lambda raw: raw["resources"].update({"AWS::X::Y": {}}), "needs one of: charged or use, free, unpriced"),
        (lambda raw: raw["resources"].update({"AWS::X::Y": {"free": "a gift"}}), "free and source go together"),
        (lambda raw: raw["resources"].update({"AWS::X::Y": {"charged": "kms-key"}}), "charged and line go together"),
        (lambda raw: raw.clear(), "prices: Field required"),
    ],
)
def test_a_faulty_table_is_one_readable_message(tmp_path: Path, change: Any, message: str) -> None:
    """It names the row and the key."""
    raw = _raw()
    change(raw)
    with pytest.raises(PriceError, match=message.replace(".", r"\.")):
        load_prices(_write(tmp_path, raw))


@pytest.mark.parametrize("text", ["prices: [", "\xff"])
def test_a_file_that_is_no_table_is_one_readable_message(tmp_path: Path, text: str) -> None:
    """Neither YAML's error nor the codec's gets out."""
    path = tmp_path / "prices.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(PriceError, match=r"prices\.yaml cannot be read"):
        load_prices(path)


def test_regions_are_known_without_a_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    """A profile that does not exist concerns nobody who asks where a service is."""
    monkeypatch.setenv("AWS_PROFILE", "does-not-exist")
    regions_of.cache_clear()
    assert {"us-east-1", "eu-west-1"} <= regions_of("personalize")
    assert {"eu-north-1", "cn-north-1"}.isdisjoint(regions_of("personalize"))


def test_a_region_knows_its_partition() -> None:
    """China and GovCloud are others; a made-up Region has none."""
    assert ("aws", "aws-cn", "aws-us-gov", None) == tuple(
        map(partition_of, ("eu-north-1", "cn-north-1", "us-gov-west-1", "mars-north-1"))
    )
