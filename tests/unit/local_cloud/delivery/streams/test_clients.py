"""The delivery's clients wait as long as they are told, and no longer."""

import socket

import pytest
from botocore.exceptions import ReadTimeoutError

from local_cloud.delivery.streams.clients import LONGEST_ANSWER_SECONDS, Clients


def test_an_answer_that_got_lost_is_not_waited_for() -> None:
    """A server that takes the request and says nothing is waited for as long as was said, and asked once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        clients = Clients(f"http://127.0.0.1:{silent.getsockname()[1]}")
        hasty = clients.client("kinesis", answer_seconds=0.2)
        assert 0.2 == hasty.meta.config.read_timeout
        with pytest.raises(ReadTimeoutError):
            hasty.list_streams()
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()
        clients.close()


def test_a_client_is_made_once_for_each_time_that_it_waits() -> None:
    """Threads share clients; who waits longer has one apart."""
    clients = Clients("http://127.0.0.1:9")
    assert clients.client("s3") is clients.client("s3")
    assert clients.client("s3") is not clients.client("s3", answer_seconds=1.0)
    assert LONGEST_ANSWER_SECONDS == clients.client("s3").meta.config.read_timeout
    clients.close()
