"""The item that is recommended: an animal group, `species-breed-size-age`, e.g. `2-Saint_Bernard-3-2`."""

from dataclasses import dataclass
from typing import Self

from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import members
from lambdas.shared.names import Names

_SPECIES = frozenset("12")
_STEPS = frozenset("12345")
MEMBERS = ("animal_species_id", "animal_primary_breed_id", "animal_size_id", "animal_age_id")
"""Of the site's `animalMetadata`, in the order of the item id."""
METADATA = Names(*MEMBERS)


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

    @property
    def metadata(self) -> dict[str, str]:
        """The site's `animalMetadata` of the group: what `from_metadata` reads."""
        return dict(zip(MEMBERS, (self.species, self.breed, self.size, self.age), strict=True))

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
        """The group of an item id. Raises PayloadError where it can be none."""
        group = cls.split(item_id, field)
        if group.species not in _SPECIES or group.size not in _STEPS or group.age not in _STEPS:
            raise _no_group(field, item_id)
        breeds.breed(group.breed, field)
        return group

    @classmethod
    def split(cls, item_id: object, field: str = "itemId") -> Self:
        """The parts of an item id, whatever they are: the first is the species, the last two are size and age, all
        between is the breed. Raises PayloadError where there are fewer."""
        first, *rest = item_id.split("-") if isinstance(item_id, str) else ("",)
        if len(rest) < 3 or not (first and rest[-2] and rest[-1]):
            raise _no_group(field, item_id)
        return cls(first, "-".join(rest[:-2]), rest[-2], rest[-1])


def _no_group(field: str, item_id: object) -> PayloadError:
    return PayloadError(field, item_id, "must be species-breed-size-age, e.g. 2-Saint_Bernard-3-2")


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
