"""Clocks that are wrong, the client's and the server's: nothing old is revived, and nobody is locked out for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from deploy.errors import MicceError
from deploy.trust.client import TrustClient
from deploy.trust.rules import AHEAD, ISSUED
from deploy.trust.state import TrustState
from tests.sim.signed_repository import NOW, SignedRepository

DAY = timedelta(days=1)
WEEK = timedelta(days=7)


class Client:
    """A client of a repository that signs as ours does: with the time, for a week."""

    def __init__(self, folder: Path) -> None:
        self.repository = SignedRepository()
        self.state = TrustState(folder)
        self.state.begin(self.repository.first_root)

    def sign(self, at: datetime, *roles: str) -> None:
        """Sign all roles anew as a server does whose clock says `at`."""
        for role in ("timestamp", "snapshot", "targets", *roles):
            signed = self.repository.signed[role]
            signed.unrecognized_fields[ISSUED] = at.isoformat()
            signed.expires = at + (WEEK if role == "timestamp" else 60 * DAY)
        self.repository.publish("targets", *roles)

    def refresh(self, at: datetime, target: str | None = None) -> str:
        """The code of a refusal when this computer's clock says `at`, "" for none."""
        client = TrustClient(self.state, self.repository, at)
        try:
            client.refresh()
            if target is not None:
                client.find(target)
                client.refresh()
        except MicceError as wrong:
            return wrong.code
        return ""


@pytest.fixture
def client(tmp_path: Path) -> Client:
    return Client(tmp_path)


@pytest.mark.parametrize("back", [8 * DAY, 56 * 365 * DAY])
def test_a_clock_that_is_set_back_revives_nothing(client: Client, back: timedelta) -> None:
    client.sign(NOW)
    old = client.repository.saved()
    client.sign(NOW + 6 * DAY)
    assert client.refresh(NOW + 6 * DAY) == ""
    for path in client.state.folder.iterdir():
        if path.suffix == ".json" and path.name != "root.json":
            path.unlink()  # what would refuse it by its version
    client.sign(NOW - 2 * DAY)
    assert client.refresh(NOW + 6 * DAY - back) == "expired-metadata"
    client.repository.files = old
    assert client.refresh(NOW + 6 * DAY - back) == "rolled-back"
    client.sign(NOW + 6 * DAY)
    assert client.refresh(NOW + 6 * DAY - back) == ""


def test_a_clock_that_stands_still_follows_what_is_signed(client: Client) -> None:
    client.sign(NOW)
    assert client.refresh(NOW - 1000 * DAY) == ""
    assert client.state.floor().issued is None
    assert client.refresh(NOW) == ""
    for days in range(1, 28, 3):
        client.sign(NOW + days * DAY)
        assert client.refresh(NOW - 1000 * DAY) == ""
        assert client.state.floor().issued == NOW + days * DAY


@pytest.mark.parametrize("ahead", [2 * DAY, AHEAD, 3651 * DAY])
def test_a_server_whose_clock_was_ahead_is_followed_when_it_is_right_again(client: Client, ahead: timedelta) -> None:
    client.sign(NOW)
    assert client.refresh(NOW) == ""
    client.sign(NOW + ahead)
    assert client.refresh(NOW + DAY / 2) == ""
    client.sign(NOW + DAY)
    assert client.refresh(NOW + DAY) == ""


def test_a_clock_ten_years_ahead_is_forgotten_when_it_is_right_again(client: Client) -> None:
    client.sign(NOW)
    assert client.refresh(NOW) == ""
    assert client.refresh(NOW + 3651 * DAY) == "expired-metadata"
    client.sign(NOW + DAY)
    assert client.refresh(NOW + DAY) == ""


def test_who_signs_targets_cannot_set_the_clock_of_clients(client: Client) -> None:
    client.repository.delegate("customer-7", ["customers/7/*"])
    client.sign(NOW, "customer-7")
    signed = client.repository.signed["customer-7"]
    signed.unrecognized_fields[ISSUED] = (NOW + 2 * DAY).isoformat()
    client.repository.publish("customer-7", "targets")
    assert client.refresh(NOW, "customers/7/setup") == ""
    assert client.state.floor().issued == NOW


def test_new_keys_begin_a_new_time(client: Client) -> None:
    client.sign(NOW + AHEAD)
    assert client.refresh(NOW) == ""
    assert client.state.floor().issued == NOW + AHEAD
    client.repository.rotate("timestamp")
    client.repository.next_root()
    client.sign(NOW)
    assert client.refresh(NOW) == ""
    assert client.state.floor().issued == NOW


@pytest.mark.parametrize("text", ["", "yesterday", "2026-03-01T12:00:00", 7, None, ["2026-03-01T12:00:00+00:00"]])
def test_a_time_that_cannot_be_read_is_none(client: Client, text: object) -> None:
    client.sign(NOW)
    for role in ("timestamp", "snapshot"):
        client.repository.signed[role].unrecognized_fields[ISSUED] = text
    client.repository.publish("targets")
    assert client.refresh(NOW) == ""
    assert client.state.floor().issued is None
