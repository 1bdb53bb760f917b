"""Fields whose names are nearly right: `userID` and `user_id` mean `userId`, and ignored they would be nobody."""

from collections.abc import Iterable, Mapping

from lambdas.shared.errors import PayloadError

LONGEST_NAME = 64
"""Characters of a name that is compared; a longer one resembles nothing."""

_SEPARATORS = str.maketrans("", "", "_- .")


class Names:
    """The known names of one object's members."""

    __slots__ = ("_right", "known")

    def __init__(self, *known: str) -> None:
        self.known = frozenset(known)
        self._right = {_plain(name): name for name in known}

    def check(self, given: Mapping[str, object], place: str = "") -> None:
        """Raise PayloadError for a name that differs from a known one by case, underscores or the like alone.

        It is refused also where the right name is there too: one of the two values would be ignored in silence. The
        error's field is the name as given, below `place`; its message has the right one.
        """
        if self.known.issuperset(given):
            return
        for wrong, right in self.misspelt(given):
            field = f"{place}.{wrong}" if place else wrong
            raise PayloadError(field, given[wrong], f"is not known: the field is called {right}")

    def misspelt(self, given: Iterable[str]) -> Iterable[tuple[str, str]]:
        """The names that are nearly right, each with the right one."""
        for name in given:
            if name not in self.known and len(name) <= LONGEST_NAME:
                right = self._right.get(_plain(name))
                if right is not None:
                    yield name, right


def _plain(name: str) -> str:
    return name.translate(_SEPARATORS).casefold()
