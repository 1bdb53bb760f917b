"""The item that is recommended: an animal group, `species-breed-size-age`, e.g. `2-Saint_Bernard-3-2`."""

from dataclasses import dataclass
from typing import Self

from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import members
from lambdas.shared.names import Names

_SPECIES = frozenset("12")
_STEPS = frozenset("12345")
METADATA = Names("animal_species_id", "animal_primary_breed_id", "animal_size_id", "animal_age_id")


@dataclass(frozen=True, slots=True)
class AnimalGroup:
    """A group of animals: species (1 cat, 2 dog), breed, size and age (1 to 5).

    Animals come and go within days, groups stay. Breeds may hold spaces and hyphens (`breeds.py` has the rule). A breed
    that is not known is accepted: new groups reach the catalogue through the events that name them.
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
    def from_metadata(cls, metadata: object, field: str = "animalMetadata", *, breeds: Breeds = LATIN) -> Self:
        """The group of the site's `animalMetadata`; its ids are texts or whole numbers.

        Raises PayloadError naming the member, e.g. `animalMetadata.animal_size_id`.
        """
        given = members(metadata, field)
        METADATA.check(given, field)
        species = _one_of(given, "animal_species_id", field, _SPECIES, "1 (cat) or 2 (dog)")
        breed = breeds.breed(_required(given, "animal_primary_breed_id", field), f"{field}.animal_primary_breed_id")
        size = _one_of(given, "animal_size_id", field, _STEPS, "from 1 to 5")
        age = _one_of(given, "animal_age_id", field, _STEPS, "from 1 to 5")
        return cls(species, breed, size, age)

    @classmethod
    def parse(cls, item_id: object, field: str = "itemId", *, breeds: Breeds = LATIN) -> Self:
        """The group of an item id: first part species, last two size and age, all between is the breed."""
        parts = item_id.split("-") if isinstance(item_id, str) else ()
        if len(parts) < 4 or parts[0] not in _SPECIES or not _STEPS.issuperset(parts[-2:]):
            raise PayloadError(field, item_id, "must be species-breed-size-age, e.g. 2-Saint_Bernard-3-2")
        breed = breeds.breed("-".join(parts[1:-2]), field)
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
