"""How tests share out among workers (`make test` runs two)."""

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of a file in one worker, in order, so that what they share is made once.

    A file that shares a costly fixture with others names its own group: `pytest.mark.xdist_group`.
    """
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.nodeid.split("::")[0]))
