"""What each session of the AWS SDK works out again, though it is the same each time, is worked out once a process.

Tests make clients from new sessions by the hundred: without this they spend two fifths of their time on it.
"""

import functools
from collections.abc import Mapping
from typing import Any

from botocore.hooks import EventAliaser
from botocore.loaders import JSONFileLoader, Loader
from botocore.utils import EVENT_ALIASES

_load_file, _list_services, _init_aliaser = (
    JSONFileLoader.load_file,
    Loader.list_available_services,
    EventAliaser.__init__,
)
_names_of_events: dict[str, str] = {}


def install() -> None:
    """The files of the SDK, the list of its services, and the names of its events are read once."""
    JSONFileLoader.load_file = _load_file_once
    Loader.list_available_services = _list_services_once
    EventAliaser.__init__ = _init_with_shared_names


@functools.cache
def _parsed(path: str) -> Any:
    return _load_file(JSONFileLoader(), path)


def _load_file_once(self: Any, file_path: str) -> Any:
    """Of the SDK's own files: none of them changes during a run, and whoever reads them leaves them as they are."""
    return _parsed(file_path) if file_path.startswith(Loader.BUILTIN_DATA_PATH) else _load_file(self, file_path)


@functools.cache
def _services(kind: str, folders: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_list_services(Loader(list(folders), include_default_search_paths=False), kind))


def _list_services_once(self: Any, type_name: str) -> list[str]:
    return list(_services(type_name, tuple(self.search_paths)))


def _init_with_shared_names(self: Any, event_emitter: Any, event_aliases: Mapping[str, str] | None = None) -> None:
    _init_aliaser(self, event_emitter, event_aliases)
    if self._event_aliases == EVENT_ALIASES:
        self._alias_name_cache = _names_of_events
