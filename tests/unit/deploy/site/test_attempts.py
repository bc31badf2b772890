"""What of a network address is counted, and that a flood of attempts frees nobody."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.site import attempts
from deploy.site.accounts import Refused
from deploy.site.attempts import network
from tests.unit.deploy.site.accounts_bench import Bench


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix", "unix"),
    ],
)
def test_network(address: str, counted: str) -> None:
    assert network(address) == counted


def test_a_flood_of_names_is_bounded_and_frees_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "MOST", 20)
    bench = Bench(tmp_path)
    bench.fail(3)
    for number in range(60):
        bench.fail(1, f"name{number}", f"198.51.100.{number}")
    counted = bench.accounts.file.read(lambda one: one.execute("SELECT count(*) FROM failures").fetchone())
    assert counted == (20,)
    refused = bench.sign_in()
    assert isinstance(refused, Refused)
    assert refused.locked_until is not None


def test_old_attempts_are_removed_from_the_file(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    for number in range(5):
        bench.fail(1, f"name{number}")
    bench.clock.pass_minutes(11)
    bench.fail(1)
    counted = bench.accounts.file.read(lambda one: one.execute("SELECT count(*) FROM failures").fetchone())
    assert counted == (2,)
