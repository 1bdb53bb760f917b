"""What a breed may be: what visitors write here, others read."""

import csv
import json
import re
import unicodedata
from pathlib import Path
from typing import get_args

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from infra.setting_values import BreedScript
from lambdas.shared import scripts
from lambdas.shared.animal import AnimalGroup
from lambdas.shared.breeds import LATIN, LONGEST_BREED, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import INVISIBLE, text
from tools import breed_scripts

ROOT = Path(__file__).resolve().parents[4]
ZALGO = "\u0316\u0317\u0318"


def refusal(breed: object, breeds: Breeds = LATIN) -> str | None:
    """What is wrong with the breed; None when nothing is."""
    try:
        breeds.breed(breed, "breed")
    except PayloadError as error:
        return error.message
    return None


@pytest.mark.parametrize("file", ["seed_data/items/items.csv", "seed_data/groups.csv", "seed_data/breed_weights.csv"])
def test_every_breed_of_the_catalogue_passes(file: str) -> None:
    """All breeds that the project itself brings along, in every file that has them."""
    with (ROOT / file).open(encoding="utf-8", newline="") as content:
        rows = list(csv.DictReader(content))
    column = next(name for name in rows[0] if "breed" in name.lower())
    breeds = {row[column] for row in rows}

    assert len(breeds) > 50
    assert [] == [breed for breed in breeds if refusal(breed) is not None]


def test_every_group_of_the_interactions_and_the_popular_list_passes() -> None:
    """Ids of groups hold breeds."""
    with (ROOT / "seed_data/interactions/interactions.csv").open(encoding="utf-8", newline="") as content:
        ids = {row["ITEM_ID"] for row in csv.DictReader(content)}
    popular = json.loads((ROOT / "lambdas/shared/popular.json").read_text(encoding="utf-8"))["itemList"]

    for item_id in {*ids, *(item["itemId"] for item in popular)}:
        assert item_id == AnimalGroup.parse(item_id).item_id


@pytest.mark.parametrize(
    "breed",
    [
        "Saint_Bernard", "St. Bernard", "Chihuahua/Mix", "domestic short hair", "Löwchen", "Český teriér", "D.S.H.",
        "Labrador (black & tan)", "Mix 2019, 3 kg", "King Charles' Spaniel", "Mix, small", "Chó Phú Quốc", "7", 7, "Mix 1.5 kg", "M.",
        "Jack Russell T.", "m\u0327", "Barbet/St. John's Water Dog", "x" * 80, "é" * 40, "Dr. M", "Xoloitzcuintli",
    ],
)  # fmt: skip
def test_names_of_breeds_pass(breed: object) -> None:
    """Names as shelters write them."""
    assert str(breed) == LATIN.breed(breed, "breed")


@pytest.mark.parametrize(
    ("breed", "why"),
    [
        ("Pu\u034fg", "visible"), ("Pug\u115f", "visible"), ("Pug\ufe0f", "visible"), ("Pug\u17b4", "visible"),
        ("\u2800", "visible"), ("Pug\u2800", "visible"), ("\u3164", "visible"), ("\uffa0", "visible"),
        ("Pug\U000e0041", "printable|visible"), ("Pug\u00ad", "printable"), ("Pug\u200b", "printable"),
        ("\u0421\u043e\u0431\u0430\u043a\u0430", "letters \\(Latin\\).*U\\+0421"), ("P\u0443g", "look alike"),
        ("Σκύλος", "Latin"), ("犬", "Latin"), ("Pug\u2019s", "U\\+2019"), ("Pug\U0001f436", "U\\+1F436"),
        ("\uff30ug", "NFKC"), ("Lo\u0308wchen", "NFKC"), ("Pug\u0661", "digits"), ("x²", "digits"),
        ("<b>", "U\\+003C"), ("Pug>", "U\\+003E"), ('Pug"', "U\\+0022"), ("Pug;", "U\\+003B"), ("{{7}}", "U\\+007B"),
        ("http://a", "U\\+003A"), ("a@example.com", "U\\+0040"), ("www.example", "address"), ("example.com", "address"),
        ("Pug at Example.COM/win", "address"), ("x.co", "address"), ("пример", "Latin"), ("évil.fr", "address"),
        ("192.0.2.1", "address"), ("//example", "address"), ("../etc/passwd", "address"), ("/admin", "address"),
        ("Call example.org.", "address"), ("(example.net)", "address"), ("-.com", "address"), ("St.Bernard", "address"),
        ("_192.0.2.1", "address"), ("192.0.2.1_", "address"), ("0177.0.0.01", "address"), ("555-123-4567", "telephone"),
        ("(0900) 123-456", "telephone"), ("&ltscript&gtalert(1)", "both sides"), ("Tan&", "both sides"),
        ("Tan &amp", "both sides"), ("evil\ua78fcom", "U\\+A78F"), ("a\u01c3", "U\\+01C3"), ("\u01c0", "U\\+01C0"),
        (" Pug", "space"), ("Pug ", "space"), ("St.  Bernard", "two spaces"), ("Pug\u00a0Mix", "printable"),
        ("\u0301", "combining"), ("Pug \u0301", "marks"), ("Pug-\u0301", "marks"), (f"Pug{ZALGO}", "pile"),
        ("Pu" + "\u0316" * 30, "marks|pile"), ("", "empty"), ("-", "letter or a digit"), ("...", "letter or a digit"),
        ("x" * 81, "80 bytes"), ("é" * 41, "80 bytes"), ("x" * 10_000, "80 bytes"), ("\ud800", "printable"),
        (None, "text"), (True, "text"), ([], "text"), (1.5, "text"), (10**30, "from"),
    ],
)  # fmt: skip
def test_what_is_not_read_as_a_breed_is_refused(breed: object, why: str) -> None:
    """Invisible and foreign characters, markup, addresses, spaces and marks out of place, and what is too long."""
    assert re.search(why, refusal(breed) or "passed")


@pytest.mark.parametrize(
    ("script", "breed"),
    [
        ("Cyrillic", "Собака"), ("Greek", "Σκύλος"), ("Hebrew", "כֶּלֶב"), ("Arabic", "كلب"), ("Devanagari", "कुत्ता"),
        ("Han", "犬"), ("Hiragana", "しばいぬ"), ("Katakana", "コーギー"), ("Hangul", "진돗개"), ("Thai", "หมาบางแก้ว"),
        ("Armenian", "գամփռ"), ("Georgian", "ნაგაზი"), ("Tamil", "ராஜபாளையம்"), ("Myanmar", "ခွေး"), ("Tibetan", "ཁྱི"),
        ("Khmer", "ឆ្កែ"), ("Bengali", "কুকুর"), ("Ethiopic", "ውሻ"), ("Lao", "ຫມາ"), ("Sinhala", "බල්ලා"),
    ],
)  # fmt: skip
def test_a_script_that_the_config_names_is_taken(script: str, breed: str) -> None:
    """In that script alone, and beside Latin; without it the breed is refused."""
    assert refusal(breed) is not None
    assert None is refusal(breed, Breeds((script,)))
    assert [None, None] == [refusal(each, Breeds.named(f"Latin, {script}")) for each in (breed, "St. Bernard")]
    assert refusal("Pug", Breeds((script,))) is not None


def test_two_scripts_that_look_alike_are_not_mixed() -> None:
    """Where the config names both, one breed is still written in one of them."""
    both = Breeds(("Latin", "Cyrillic"))

    assert [None, None] == [refusal("Pug", both), refusal("Собака", both)]
    assert "must not mix letters of scripts that look alike" == refusal("P\u0443g", both)


@pytest.mark.parametrize("given_scripts", [(), ("latin",), ("Latin", "Klingon")])
def test_an_unknown_script_is_a_fault_of_the_deployment(given_scripts: tuple[str, ...]) -> None:
    """The function does not start with it."""
    with pytest.raises(ValueError, match="no scripts of breeds"):
        Breeds(given_scripts)


@given(st.text(max_size=90))
def test_whatever_passes_is_readable(breed: str) -> None:
    """Any text at all: what passes is NFKC, visible, of Latin letters, at most 80 bytes, without markup."""
    if refusal(breed) is not None:
        return
    assert unicodedata.is_normalized("NFKC", breed)
    assert len(breed.encode()) <= LONGEST_BREED
    assert regex.fullmatch(r"[\p{Latin}\p{M}0-9 \-_.'()&,/]+", breed)
    assert not regex.search(r"\p{Default_Ignorable_Code_Point}", breed)


@given(st.text(st.sampled_from("aé\u0316\u0301.-/ 7xX\u0421<"), max_size=12))
def test_a_judgement_does_not_depend_on_what_was_judged_before(breed: str) -> None:
    """Judgements are kept: asked again, and by a judge that has seen nothing, it is the same."""
    assert refusal(breed) == refusal(breed) == refusal(breed, Breeds(("Latin",)))


def test_the_table_is_unicodes() -> None:
    """The table of scripts is what its generator makes of Unicode's properties today."""
    assert breed_scripts.PATH.read_text(encoding="utf-8") == breed_scripts.table()


def test_the_config_names_the_scripts_of_the_table() -> None:
    """One list in three places."""
    assert set(get_args(BreedScript)) == set(scripts.LETTERS) == set(scripts.MARKS) == set(breed_scripts.SCRIPTS)


def test_invisible_characters_are_unicodes() -> None:
    """Every Default_Ignorable_Code_Point, and those that are printed as nothing, are refused in all texts."""
    blank = {"\u2800", "\U00013441", "\U00013442", "\U00016fe4", "\U0001d159"}
    characters = "".join(chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000)
    ignorable = set(regex.findall(r"\p{Default_Ignorable_Code_Point}", characters))

    assert ignorable | blank == set(re.findall(f"[{INVISIBLE}]", characters))
    for one in ("a\u034fb", "a\u115f", "a\ufe0f", "a\u17b4", "\u2800", "\u0301a"):
        with pytest.raises(PayloadError):
            text(one, "userId")
