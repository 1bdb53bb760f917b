"""The popular groups: what visitors get when Amazon Personalize does not answer."""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from lambdas.shared.animal import AnimalGroup
from lambdas.shared.breeds import LATIN, Breeds
from lambdas.shared.errors import PayloadError
from lambdas.shared.fields import elements, members, parse_json

PACKAGED = Path(__file__).with_name("popular.json")
"""The list from the seed, for the time before the first promotion."""

LONGEST_LIST_BYTES = 262_144
REFRESH_SECONDS = 300.0
RETRY_SECONDS = 30.0


class PopularGroups:
    """The groups in order of popularity, from the object that each promotion writes to S3.

    The object is read in the background, at most every five minutes, beside the calls to Personalize: nobody waits for
    it who does not need it. Until it has been read once, and while it does not exist, the packaged list answers.
    """

    def __init__(
        self,
        s3: Any,
        bucket: str,
        key: str,
        *,
        threads: ThreadPoolExecutor,
        breeds: Breeds = LATIN,
        packaged: Path = PACKAGED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._s3 = s3
        self._place = {"Bucket": bucket, "Key": key}
        self._threads = threads
        self._breeds = breeds
        self._clock = clock
        self._packaged = parse_popular(packaged.read_bytes())
        self._groups = self._packaged
        self._next_read = clock()
        self._reading: Future[tuple[str, ...] | None] | None = None

    def refresh(self) -> None:
        """Begin to read the object when the last reading is old."""
        self._collect(0)
        if self._reading is None and self._clock() >= self._next_read:
            self._reading = self._threads.submit(self._read)

    def groups(self, *, wait_seconds: float) -> tuple[str, ...]:
        """All known popular item ids, best first; waits `wait_seconds` at most for a reading under way."""
        self._collect(wait_seconds)
        return self._groups

    def _collect(self, wait_seconds: float) -> None:
        if self._reading is None:
            return
        wait([self._reading], timeout=max(0.0, wait_seconds))
        if not self._reading.done():
            return
        # The reading is over whatever it ended in, so that no failure of it outlives this request.
        ended, self._reading = self._reading, None
        read = ended.result() if ended.exception() is None else None
        self._next_read = self._clock() + (REFRESH_SECONDS if read else RETRY_SECONDS)
        if read:
            self._groups = tuple(dict.fromkeys((*read, *self._packaged)))

    def _read(self) -> tuple[str, ...] | None:
        """The object's list; None when it is not there, cannot be read or is no list of groups.

        What else the SDK and the connections below raise (broken TLS, odd headers) ends with the reading (`_collect`).
        """
        try:
            body = self._s3.get_object(**self._place)["Body"]
            with closing(body):
                return parse_popular(body.read(LONGEST_LIST_BYTES + 1), breeds=self._breeds)
        except (BotoCoreError, ClientError, PayloadError):
            return None


def parse_popular(data: bytes, *, breeds: Breeds = LATIN) -> tuple[str, ...]:
    """The item ids of a popular list (`{"itemList": [{"itemId"}...]}`), best first, each once.

    Groups whose breed the environment refuses are left out: they come from events of before the rule. Raises
    PayloadError for what is no such list, and where no group is left.
    """
    content = members(parse_json(data, "popular", longest=LONGEST_LIST_BYTES), "popular")
    items = elements(content.get("itemList"), "itemList", most=1000)
    groups: dict[str, None] = {}
    refusal = PayloadError("itemList", items, "must not be empty")
    for item in items:
        try:
            groups[AnimalGroup.parse(members(item, "itemList").get("itemId"), breeds=breeds).item_id] = None
        except PayloadError as error:
            refusal = error
    if not groups:
        raise refusal
    return tuple(groups)
