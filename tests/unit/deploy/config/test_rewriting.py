"""A Setup.config for another customer: the two values change, and no other byte."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from deploy.config.document import LARGEST_TENANT, parse
from deploy.config.identifiers import Identifiers, expand
from deploy.config.rewriting import LONGEST_NAME, value_problems, with_customer
from deploy.errors import ConfigError
from tests.architecture.source import ROOT

DEFAULT = (ROOT / "WebDeployment" / "Default" / "Setup.config").read_bytes()
FILES = "<files><file include='http://h/*.*' outputFolder='x'/></files>"


def _document(name: str = "<customerName>Old</customerName>", tenant: str = "<tenantID>-1</tenantID>") -> str:
    return f"<configuration>\n\t{name}\n\t{tenant}\n\t{FILES}\n</configuration>\n"


def _read(data: bytes) -> tuple[str, int]:
    config = parse(data, "x").config
    assert config is not None
    return expand(config.customer_name, Identifiers()).text, config.tenant_id


def test_the_example_of_the_manual() -> None:
    made = with_customer(DEFAULT, "x", "ACME Corporation", 1)
    assert made == DEFAULT.replace(b">Default Tenant<", b">ACME Corporation<").replace(b">-1<", b">1<")
    assert b"<!-- Shown on the download page. -->" in made


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "mark", "declared"),
    [
        ("utf-8", b"", ""),
        ("utf-8", b"\xef\xbb\xbf", "utf-8"),
        ("utf-16-le", b"\xff\xfe", "utf-16"),
        ("utf-16-be", b"\xfe\xff", "utf-16"),
        ("utf-16-le", b"", ""),
        ("windows-1252", b"", "windows-1252"),
        ("iso-8859-1", b"", "ISO-8859-1"),
        ("ascii", b"", "us-ascii"),
    ],
)
def test_encoding_mark_and_line_ends_stay(encoding: str, mark: bytes, declared: str, line_end: str) -> None:
    declaration = f'<?xml version="1.0" encoding="{declared}"?>\n' if declared else ""
    umlaut = "" if encoding == "ascii" else "<!-- für alle -->\n"
    text = f"{declaration}{umlaut}{_document()}".replace("\n", line_end)
    made = with_customer(mark + text.encode(encoding), "x", "Grün & Co 東京", 7)
    assert made.startswith(mark)
    assert _read(made) == ("Grün & Co 東京", 7)
    escaped = "Grün &amp; Co 東京".encode(encoding, "xmlcharrefreplace")
    before, after = text.split("Old")
    assert made == mark + before.encode(encoding) + escaped + after.replace(">-1<", ">7<").encode(encoding)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<customerName/>", "<customerName>N</customerName>"),
        ("<customerName />", "<customerName>N</customerName>"),
        ("<customerName></customerName>", "<customerName>N</customerName>"),
        ("<customerName>\n  Old\n  Name\n</customerName>", "<customerName>\n  N\n</customerName>"),
        ("<customerName><![CDATA[A & B]]></customerName>", "<customerName>N</customerName>"),
        (
            "<customerName> A <!-- why --> B <?x y?></customerName>",
            "<customerName> N <!-- why -->  <?x y?></customerName>",
        ),
        ("<customerName><!-- none --></customerName>", "<customerName><!-- none -->N</customerName>"),
        ("<customerName\n>A&amp;B</customerName >", "<customerName\n>N</customerName >"),
        ("<!-- <customerName>no</customerName> -->", "<!-- <customerName>no</customerName> -->"),
    ],
)
def test_however_the_name_is_written(old: str, new: str) -> None:
    made = with_customer(_document(old).encode(), "x", "N", 1)
    wanted = _document(new, "<tenantID>1</tenantID>")
    if old.startswith("<!--"):
        wanted = wanted.replace("<tenantID>", "<customerName>N</customerName>\n\t<tenantID>")
    assert made.decode() == wanted


def test_the_order_of_the_elements_does_not_matter() -> None:
    made = with_customer(_document("<tenantID> -1 </tenantID>", "<customerName>A</customerName>").encode(), "x", "B", 2)
    assert made.decode() == _document("<tenantID> 2 </tenantID>", "<customerName>B</customerName>")


@pytest.mark.parametrize("line_end", ["", "\n", "\r\n"])
def test_a_missing_name_is_put_before_the_tenant(line_end: str) -> None:
    text = f"<configuration>{line_end}<tenantID>1</tenantID>{line_end}{FILES}{line_end}</configuration>"
    made = with_customer(text.encode(), "x", "N", 3).decode()
    begin = f"<configuration>{line_end}<customerName>N</customerName>{line_end}<tenantID>3</tenantID>{line_end}"
    assert made == f"{begin}{FILES}{line_end}</configuration>"


def test_the_very_same_values_change_nothing() -> None:
    assert with_customer(DEFAULT, "x", "Default Tenant", -1) == DEFAULT


@pytest.mark.parametrize("name", ["", " a", "a ", "a  b", "a\tb", "a\nb", "a\x00", "\ud800", "x" * (LONGEST_NAME + 1)])
def test_names_that_no_page_can_show_are_refused(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_customer(DEFAULT, "x", name, 1)
    assert [one.code for one in caught.value.problems] == ["bad-value"]


def test_both_values_are_judged_at_once() -> None:
    assert len(value_problems("", -2)) == 2
    assert value_problems("A", LARGEST_TENANT) == ()
    assert len(value_problems("A", LARGEST_TENANT + 1)) == 1


def test_a_broken_document_is_not_copied_and_every_problem_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        with_customer(_document("", "").encode().replace(b"include", b"inclde"), "there/Setup.config", "N", 1)
    assert {one.code for one in caught.value.problems} >= {"missing-element", "missing-attribute"}
    assert {one.file for one in caught.value.problems} == {"there/Setup.config"}


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60)
PARTS = st.text(st.sampled_from("$(WebServer)&<>]\"'%;é"), min_size=1, max_size=20)


@given(NAMES | PARTS, st.integers(-1, LARGEST_TENANT), st.sampled_from(["utf-8", "utf-16", "cp1252", "ascii"]))
def test_what_was_set_is_read_and_everything_else_is_byte_identical(name: str, tenant: int, encoding: str) -> None:
    assume(not value_problems(name, tenant))
    text = DEFAULT.decode().replace('encoding="utf-8"', f'encoding="{"us-ascii" if encoding == "ascii" else encoding}"')
    data = text.encode(encoding)
    made = with_customer(data, "x", name, tenant)
    assert _read(made) == (name, tenant)
    again = with_customer(made, "x", "Default Tenant", -1)
    assert again == data
