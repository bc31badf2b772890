"""What the fields of the form become, and where a fault is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.config import clientini
from deploy.config.clientini import Feature, PasswordFormat, Reboot
from deploy.site.clientsetup_page import Facts, Form, facts_of, form_of, setup_of
from deploy.site.model import Customer, ServerSettings
from tests.unit.deploy.site.pages_bench import FIELDS, NOW

FACTS = Facts("acmecorp", 1, "http://miccserver", "MICCESERVER")


def form(**changes: str | list[str]) -> Form:
    pairs: list[tuple[str, str]] = []
    for name, value in {**FIELDS, **changes}.items():
        pairs += [(name, one) for one in value] if isinstance(value, list) else [(name, str(value))]
    return form_of(pairs)


def faults(**changes: str | list[str]) -> dict[str, str]:
    changed = form(**changes)
    return dict(changed.with_faults(setup_of(changed, FACTS, NOW)).faults)


def test_every_field_reaches_the_file() -> None:
    setup = setup_of(form(log_file="  C:\\x.log "), FACTS, NOW)
    assert setup.general == clientini.General("acmecorp", 1, "http://miccserver", "MICCESERVER", NOW)
    assert setup.run_as == clientini.RunAs(r"ACME\installer", "Käsekuchen & 100%", PasswordFormat.OBFUSCATED)
    assert setup.features == {Feature.AGENT, Feature.REPORT_MANAGER}
    assert setup.options == clientini.Options(r"C:\MiCCE", True, Reboot.PROMPT, r"C:\x.log")
    assert setup.updater == clientini.Updater(background_check=True, check_on_startup=False)


def test_an_empty_form_chooses_nothing() -> None:
    setup = setup_of(form_of([]), FACTS, NOW)
    assert setup.run_as == clientini.RunAs()
    assert setup.features == frozenset()
    assert setup.options == clientini.Options(desktop_shortcuts=False)


def test_the_form_starts_as_the_file_does() -> None:
    setup = setup_of(Form(), FACTS, NOW)
    assert setup == clientini.ClientSetup(setup.general, features=frozenset({Feature.AGENT}))
    assert not Form().with_faults(setup).is_faulty


def test_blanks_of_a_password_belong_to_it() -> None:
    assert setup_of(form(password=" a "), FACTS, NOW).run_as.password == " a "


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({}, set()),
        ({"account": "nobody"}, {"account"}),
        ({"account": ""}, {"account"}),
        ({"password": ""}, {"password"}),
        ({"password": "a\nb"}, {"password"}),
        ({"password_format": "none"}, {"password_format"}),
        ({"password_format": "none", "password": ""}, set()),
        ({"feature": []}, {"feature"}),
        ({"feature": ["Nothing"]}, {"feature"}),
        ({"install_dir": "relative"}, {"install_dir"}),
        ({"log_file": "C:\\"}, {"log_file"}),
        (
            {"account": "x", "feature": [], "install_dir": "x", "log_file": "x"},
            {"account", "feature", "install_dir", "log_file"},
        ),
    ],
)
def test_each_fault_stands_at_its_field(changes: dict[str, str | list[str]], fields: set[str]) -> None:
    found = faults(**changes)
    assert set(found) == fields
    assert all(said[0].isupper() and said.endswith(".") for said in found.values())


def test_what_no_field_can_put_right_is_said_too() -> None:
    faulty = Facts("acmecorp", 1, "http://user@miccserver", None)
    judged = form().with_faults(setup_of(form(), faulty, NOW))
    assert judged.faults == {}
    assert len(judged.others) == 1
    assert judged.is_faulty


@given(st.text(min_size=4, max_size=30), st.text(min_size=4, max_size=30))
def test_no_fault_holds_the_password_or_the_account(account: str, password: str) -> None:
    secret_account, secret_password = f"{account}canary1", f"{password}canary2"
    for wanted in PasswordFormat:
        said = " ".join(faults(account=secret_account, password=secret_password, password_format=wanted.value).values())
        assert "canary" not in said


def test_the_password_is_not_shown_again_nor_by_accident() -> None:
    assert "Käsekuchen" not in repr(form())
    assert form().without_password().value("password") == ""
    assert form().without_password().value("account") == r"ACME\installer"


def test_facts_come_of_the_customer_and_the_server() -> None:
    server = ServerSettings(Path("/r"), Path("/p"), Path("/s"), uri="https://micc.example", broker="B")
    assert facts_of(Customer("acmecorp", Path("/r/acmecorp"), None), server) == Facts(
        "acmecorp", -1, "https://micc.example", "B"
    )


@given(st.lists(st.tuples(st.sampled_from([*FIELDS, "x", "token"]), st.text(max_size=20)), max_size=12))
def test_any_fields_give_a_file_or_faults(pairs: list[tuple[str, str]]) -> None:
    sent = form_of(pairs)
    setup = setup_of(sent, FACTS, NOW)
    judged = sent.with_faults(setup)
    if not judged.is_faulty:
        written = clientini.read(clientini.write(setup), "ClientSetup.ini").setup
        assert written == setup
