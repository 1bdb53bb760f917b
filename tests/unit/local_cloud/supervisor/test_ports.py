"""Ports stay the same over restarts as long as they are free."""

import socket

import pytest

from local_cloud.common.state import LocalCloudError, StateFolder
from local_cloud.supervisor import ports
from local_cloud.supervisor.ports import HIGHEST, LOWEST, is_free, remembered_ports


def test_the_same_ports_are_given_again(tmp_path):
    """Two starts in a row give the same, different ones for different names, outside the range of client sockets."""
    state = StateFolder(tmp_path)
    first = remembered_ports(state, ("emulator", "personalize"))
    assert first == remembered_ports(state, ("emulator", "personalize"))
    assert 2 == len(set(first.values()))
    assert all(LOWEST <= port < HIGHEST for port in first.values())


def test_a_port_that_another_program_took_is_replaced(tmp_path):
    """The other names keep theirs."""
    state = StateFolder(tmp_path)
    first = remembered_ports(state, ("emulator", "personalize"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", first["emulator"]))
        other.listen()
        assert not is_free(first["emulator"])
        second = remembered_ports(state, ("emulator", "personalize"))
    assert first["emulator"] != second["emulator"]
    assert first["personalize"] == second["personalize"]


def test_no_free_port_is_said(tmp_path, monkeypatch):
    """One clear message when nothing is free."""
    monkeypatch.setattr(ports, "is_free", lambda port: False)
    with pytest.raises(LocalCloudError, match="no free port between 20000 and 32000"):
        remembered_ports(StateFolder(tmp_path), ("emulator",))
