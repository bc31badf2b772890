"""The client against a repository that falsifies, and against python-tuf's own client: the same verdicts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from tuf.api.exceptions import DownloadError, DownloadHTTPError, RepositoryError
from tuf.api.metadata import Root
from tuf.ngclient import Updater
from tuf.ngclient.config import UpdaterConfig
from tuf.ngclient.fetcher import FetcherInterface

from deploy.errors import MicceError, TrustError
from deploy.trust.client import TrustClient, target_address, verify_target
from deploy.trust.state import TrustState
from tests.sim.signed_repository import NOW, SignedRepository

FAR = timedelta(days=3650)


class Fetcher(FetcherInterface):
    """Gives python-tuf the same repository."""

    def __init__(self, repository: SignedRepository) -> None:
        self.repository = repository

    def _fetch(self, url: str) -> Iterator[bytes]:
        name = url.rpartition("/")[2]
        if name not in self.repository.files:
            raise DownloadHTTPError(name, 404)
        yield self.repository.files[name]


class Both:
    """Our client and python-tuf's, each with a state of its own, of the same repository."""

    def __init__(self, folder: Path, repository: SignedRepository) -> None:
        self.repository = repository
        self.now = NOW
        self.state = TrustState(folder / "ours")
        self.state.begin(repository.first_root)
        self.theirs = folder / "theirs"
        self.theirs.mkdir()

    def ours(self) -> TrustClient:
        return TrustClient(self.state, self.repository, self.now)

    def refresh(self, target: str | None = None) -> str:
        """Refresh both, and look a target up; the code of our refusal, "" for none. Both have to agree."""
        code = self._ours(target)
        assert self._theirs(target) == (code == ""), code
        return code

    def _ours(self, target: str | None) -> str:
        try:
            client = self.ours()
            client.refresh()
            if target is not None and client.find(target) is None:
                return "not-published"
        except MicceError as wrong:
            return wrong.code
        return ""

    def _theirs(self, target: str | None) -> bool:
        config = UpdaterConfig(prefix_targets_with_hash=True)
        with mock.patch("tuf.ngclient._internal.trusted_metadata_set.datetime") as clock:
            clock.datetime.now.return_value = self.now
            try:
                updater = Updater(
                    str(self.theirs),
                    "http://x/",
                    fetcher=Fetcher(self.repository),
                    config=config,
                    bootstrap=self.repository.first_root,
                )
                updater.refresh()
                return target is None or updater.get_targetinfo(target) is not None
            except (RepositoryError, DownloadError):
                return False


@pytest.fixture
def repository() -> SignedRepository:
    return SignedRepository()


@pytest.fixture
def both(tmp_path: Path, repository: SignedRepository) -> Both:
    return Both(tmp_path, repository)


def test_a_refresh_asks_for_each_file_once_and_later_for_two(both: Both) -> None:
    assert both._ours(None) == ""
    assert both.repository.asked == ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]
    both.repository.asked.clear()
    assert both._ours(None) == ""
    assert both.repository.asked == ["2.root.json", "timestamp.json"]
    for name in ("root", "timestamp", "snapshot", "targets"):
        served = "timestamp.json" if name == "timestamp" else f"1.{name}.json"
        assert both.state.metadata(name) == both.repository.files[served]


Attack = Callable[[SignedRepository], str]


def arbitrary_software(repository: SignedRepository) -> str:
    other = SignedRepository()
    repository.files["2.targets.json"] = other.bytes_of(repository.signed["targets"], *other.signers["targets"])
    repository.publish("targets")
    repository.files["2.targets.json"] = other.bytes_of(repository.signed["targets"], *other.signers["targets"])
    return "bad-signature"


def endless_data(repository: SignedRepository) -> str:
    repository.files["timestamp.json"] = b"{" + b" " * 20_000
    return "too-large"


def rollback_of_everything(repository: SignedRepository) -> str:
    old = repository.saved()
    repository.publish("targets")
    return _seen_then(repository, old, "rolled-back")


def rollback_of_the_timestamp(repository: SignedRepository) -> str:
    old = repository.files["timestamp.json"]
    repository.publish("targets")
    return _seen_then(repository, {**repository.files, "timestamp.json": old}, "rolled-back")


def rollback_of_the_snapshot(repository: SignedRepository) -> str:
    repository.publish("targets")
    _see(repository)
    repository.signed["snapshot"].version -= 1
    repository.signed["timestamp"].snapshot_meta.version -= 1
    repository.signed["timestamp"].version += 1
    repository.serve("timestamp")
    return "rolled-back"


def rollback_of_targets(repository: SignedRepository) -> str:
    repository.publish("targets")
    _see(repository)
    repository.signed["targets"].version -= 1
    repository.publish("targets", raise_versions=False)
    repository.signed["snapshot"].meta["targets.json"].version = 1
    repository.signed["snapshot"].version += 1
    repository.signed["timestamp"].version += 1
    repository.signed["timestamp"].snapshot_meta.version = repository.signed["snapshot"].version
    repository.serve("snapshot")
    repository.serve("timestamp")
    return "rolled-back"


def a_role_that_vanishes(repository: SignedRepository) -> str:
    repository.delegate("extra", ["extra/*"])
    repository.publish("extra", "targets")
    _see(repository)
    del repository.signed["snapshot"].meta["extra.json"]
    repository.publish()
    return "rolled-back"


def indefinite_freeze(repository: SignedRepository) -> str:
    repository.now += timedelta(days=31)
    return "expired-metadata"


def an_expired_snapshot(repository: SignedRepository) -> str:
    repository.signed["snapshot"].expires = NOW - timedelta(days=1)
    repository.publish()
    return "expired-metadata"


def an_expired_role(repository: SignedRepository) -> str:
    repository.signed["targets"].expires = NOW - timedelta(days=1)
    repository.publish("targets")
    return "expired-metadata"


def an_expired_root(repository: SignedRepository) -> str:
    repository.next_root(lambda root: setattr(root, "expires", NOW - timedelta(days=1)))
    return "expired-metadata"


def mix_and_match(repository: SignedRepository) -> str:
    repository.publish("targets")
    repository.files["2.targets.json"] = repository.files["1.targets.json"]
    return "rolled-back"


def a_stolen_timestamp_key_alone(repository: SignedRepository) -> str:
    repository.publish("targets")
    other = SignedRepository()
    repository.files["2.snapshot.json"] = other.bytes_of(repository.signed["snapshot"], *other.signers["snapshot"])
    return "bad-signature"


def a_root_that_leaves_a_gap(repository: SignedRepository) -> str:
    repository.signed["root"].version += 1
    repository.next_root()
    repository.files["2.root.json"] = repository.files.pop("3.root.json")
    return "rolled-back"


def a_root_signed_by_the_new_keys_alone(repository: SignedRepository) -> str:
    repository.rotate("root")
    repository.next_root()
    return "bad-signature"


def a_root_signed_by_the_old_keys_alone(repository: SignedRepository) -> str:
    old = repository.rotate("root")
    repository.signers["root"] = old
    repository.next_root()
    return "bad-signature"


def a_threshold_met_by_one_key_twice(repository: SignedRepository) -> str:
    first = repository.signers["timestamp"][0]
    repository.add_key("timestamp")
    repository.next_root(lambda root: setattr(root.roles["timestamp"], "threshold", 2))
    repository.signers["timestamp"] = [first, first]
    repository.publish("targets")
    return "bad-signature"


def a_file_of_another_type(repository: SignedRepository) -> str:
    repository.files["timestamp.json"] = repository.files["1.snapshot.json"]
    return "bad-metadata"


def a_file_that_is_no_metadata(repository: SignedRepository) -> str:
    repository.files["timestamp.json"] = b"<html>Sign in to the wireless network</html>"
    return "bad-metadata"


def _see(repository: SignedRepository) -> None:
    """The clients refresh at this moment of the scenario."""
    repository.see()  # type: ignore[attr-defined]


def _seen_then(repository: SignedRepository, files: dict[str, bytes], code: str) -> str:
    _see(repository)
    repository.files = files
    return code


ATTACKS = [
    arbitrary_software,
    endless_data,
    rollback_of_everything,
    rollback_of_the_timestamp,
    rollback_of_the_snapshot,
    rollback_of_targets,
    a_role_that_vanishes,
    indefinite_freeze,
    an_expired_snapshot,
    an_expired_role,
    an_expired_root,
    mix_and_match,
    a_stolen_timestamp_key_alone,
    a_root_that_leaves_a_gap,
    a_root_signed_by_the_new_keys_alone,
    a_root_signed_by_the_old_keys_alone,
    a_threshold_met_by_one_key_twice,
    a_file_of_another_type,
    a_file_that_is_no_metadata,
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.__name__)
def test_attacks_are_refused_and_what_was_believed_stays(both: Both, attack: Attack) -> None:
    def see() -> None:
        assert both.refresh() == ""

    both.repository.see = see  # type: ignore[attr-defined]
    see()
    expected = attack(both.repository)
    both.now = both.repository.now
    assert both.refresh() == expected
    before = {one.name: one.read_bytes() for one in both.state.folder.iterdir()}
    assert both.refresh() == expected
    assert {one.name: one.read_bytes() for one in both.state.folder.iterdir()} == before


def rotation_of_every_key(repository: SignedRepository) -> None:
    old = repository.rotate("root")
    for role in ("timestamp", "snapshot", "targets"):
        repository.rotate(role)
    repository.next_root(lambda root: None, *old)
    repository.publish("targets")


def a_fast_forward_that_was_found(repository: SignedRepository) -> None:
    repository.signed["timestamp"].version = 1_000_000
    repository.signed["snapshot"].version = 1_000_000
    repository.publish("targets")
    repository.see()  # type: ignore[attr-defined]
    for role in ("timestamp", "snapshot"):
        repository.rotate(role)
        repository.signed[role].version = 1
    repository.next_root()
    repository.publish("targets")


def more_keys_than_needed(repository: SignedRepository) -> None:
    repository.add_key("targets")
    repository.add_key("targets")
    repository.next_root(lambda root: setattr(root.roles["targets"], "threshold", 2))
    repository.publish("targets")


def many_roots_some_expired(repository: SignedRepository) -> None:
    for number in range(20):
        expires = NOW - timedelta(days=1) if number < 19 else NOW + timedelta(days=30)
        repository.next_root(lambda root, at=expires: setattr(root, "expires", at))  # type: ignore[misc]


@pytest.mark.parametrize(
    "change",
    [rotation_of_every_key, a_fast_forward_that_was_found, more_keys_than_needed, many_roots_some_expired],
    ids=lambda one: one.__name__,
)
def test_changes_that_are_signed_are_followed(both: Both, change: Callable[[SignedRepository], None]) -> None:
    def see() -> None:
        assert both.refresh() == ""

    both.repository.see = see  # type: ignore[attr-defined]
    see()
    change(both.repository)
    see()


def test_after_a_promotion_the_old_key_alone_is_refused(both: Both) -> None:
    assert both.refresh() == ""
    repository = both.repository
    old = repository.rotate("root")
    repository.add_key("root")
    repository.add_key("root")

    def two_of_three(root: Root) -> None:
        root.roles["root"].threshold = 2

    repository.next_root(two_of_three, *old)
    assert both.refresh() == ""
    repository.signers["root"] = old
    repository.next_root()
    assert both.refresh() == "bad-signature"


@pytest.mark.parametrize("years", [-56, 10])
def test_a_wrong_clock_never_bricks(both: Both, years: int) -> None:
    assert both.refresh() == ""
    both.now = NOW.replace(year=NOW.year + years)
    assert both._ours(None) == ("expired-metadata" if years > 0 else "")
    both.now = NOW
    both.repository.publish("targets")
    assert both._ours(None) == ""


def test_delegations_are_walked_in_order(both: Both) -> None:
    repository = both.repository
    for role in ("first", "second"):
        repository.delegate(role, ["shared/*", f"{role}/*"])
    repository.add_target("second", "shared/file", b"of the second")
    repository.add_target("second", "second/file", b"of the second")
    repository.add_target("first", "second/file", b"not for the first to say")
    repository.publish("first", "second", "targets")
    assert both.refresh("shared/file") == ""
    found = both.ours()
    found.refresh()
    roles = [one.role for one in (found.find("shared/file"), found.find("second/file")) if one is not None]
    assert roles == ["second", "second"]
    assert both.refresh("else/file") == "not-published"


def test_a_terminating_role_lets_no_other_speak(both: Both) -> None:
    repository = both.repository
    repository.delegate("first", ["shared/*"], terminating=True)
    repository.delegate("second", ["shared/*"])
    repository.add_target("second", "shared/file", b"")
    repository.publish("first", "second", "targets")
    assert both.refresh("shared/file") == "not-published"


def test_bytes_are_compared_with_what_was_signed(both: Both) -> None:
    both.repository.add_target("targets", "a/b", b"right")
    both.repository.publish("targets")
    client = both.ours()
    client.refresh()
    found = client.find("a/b")
    assert found is not None
    verify_target("a/b", found.target, b"right")
    for wrong in (b"wrong", b"righ", b"right ", b""):
        with pytest.raises(TrustError, match="digest-mismatch"):
            verify_target("a/b", found.target, wrong)
    digest = found.target.hashes["sha256"]
    assert target_address("a/b c", found.target, hashed=True) == f"a/{digest}.b%20c"


def test_every_byte_of_the_state_flipped_recovers_or_refuses(both: Both, tmp_path: Path) -> None:
    """And the older repository is never believed, whichever file is damaged."""
    old = both.repository.saved()
    both.repository.publish("targets")
    assert both._ours(None) == ""
    new = both.repository.saved()
    files = {one.name: one.read_bytes() for one in both.state.folder.iterdir()}
    chosen = [(name, at) for name, data in files.items() for at in range(0, len(data), 97)]
    for name, at in chosen:
        for flipped in (_flipped(files[name], at), files[name][:at]):
            for path, data in files.items():
                both.state.folder.joinpath(path).write_bytes(data)
            both.state.folder.joinpath(name).write_bytes(flipped)
            both.repository.files = old
            assert both._ours(None) in ("rolled-back", "bad-signature", "bad-metadata"), (name, at)
            both.repository.files = new
            assert both._ours(None) in ("", "bad-signature", "bad-metadata"), (name, at)


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x01]) + data[at + 1 :]


def test_the_state_is_for_its_account_only(both: Both) -> None:
    both.refresh()
    if os.name != "nt":
        assert all(one.stat().st_mode & 0o077 == 0 for one in both.state.folder.iterdir())
