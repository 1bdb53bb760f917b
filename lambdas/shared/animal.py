"""The item that is recommended: an animal group, `species-breed-size-age`, e.g. `2-Saint_Bernard-3-2`."""

from dataclasses import dataclass
from typing import Self

from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import LONGEST_IDENTIFIER, identifier, members

_SPECIES = frozenset("12")
_STEPS = frozenset("12345")


@dataclass(frozen=True, slots=True)
class AnimalGroup:
    """A group of animals: species (1 cat, 2 dog), breed, size and age (1 to 5).

    Animals come and go within days, groups stay. Breeds may hold spaces and hyphens. A breed that nobody has heard of
    is accepted: new groups reach the catalogue through the events that name them.
    """

    species: str
    breed: str
    size: str
    age: str

    @property
    def item_id(self) -> str:
        """The id of the group in Amazon Personalize."""
        return f"{self.species}-{self.breed}-{self.size}-{self.age}"

    @classmethod
    def from_metadata(cls, metadata: object, field: str = "animalMetadata") -> Self:
        """The group of the site's `animalMetadata`; its ids are texts or whole numbers.

        Raises PayloadError naming the member, e.g. `animalMetadata.animal_size_id`.
        """
        given = members(metadata, field)
        species = _one_of(given, "animal_species_id", field, _SPECIES, "1 (cat) or 2 (dog)")
        breed = identifier(_required(given, "animal_primary_breed_id", field), f"{field}.animal_primary_breed_id")
        size = _one_of(given, "animal_size_id", field, _STEPS, "from 1 to 5")
        age = _one_of(given, "animal_age_id", field, _STEPS, "from 1 to 5")
        _check_length(breed, breed, f"{field}.animal_primary_breed_id")
        return cls(species, breed, size, age)

    @classmethod
    def parse(cls, item_id: object, field: str = "itemId") -> Self:
        """The group of an item id: first part species, last two size and age, all between is the breed."""
        parts = item_id.split("-") if isinstance(item_id, str) else ()
        if len(parts) < 4 or parts[0] not in _SPECIES or not _STEPS.issuperset(parts[-2:]):
            raise PayloadError(field, item_id, "must be species-breed-size-age, e.g. 2-Saint_Bernard-3-2")
        breed = identifier("-".join(parts[1:-2]), field)
        _check_length(breed, item_id, field)
        return cls(parts[0], breed, parts[-2], parts[-1])


def _required(given: dict[str, object], member: str, field: str) -> object:
    value = given.get(member)
    if value is None:
        raise PayloadError(f"{field}.{member}", value, "is missing")
    return value


def _one_of(given: dict[str, object], member: str, field: str, allowed: frozenset[str], wanted: str) -> str:
    value = given.get(member)
    if isinstance(value, str) and value in allowed:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 10 and str(value) in allowed:
        return str(value)
    if value is None:
        raise PayloadError(f"{field}.{member}", value, "is missing")
    raise PayloadError(f"{field}.{member}", value, f"must be {wanted}")


def _check_length(breed: str, value: object, field: str) -> None:
    longest = LONGEST_IDENTIFIER - len("1--1-1")
    if len(breed) > longest:
        raise PayloadError(field, value, f"must leave the group's id at most {LONGEST_IDENTIFIER} characters")
