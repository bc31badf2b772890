"""No document makes the reader of manifests stumble, and what is written is what is read."""

from __future__ import annotations

import re
from pathlib import Path
from xml.sax.saxutils import quoteattr

from hypothesis import given
from hypothesis import strategies as st

from deploy.config.identifiers import Identifiers
from deploy.machine import Role
from hotfix.manifest import expand_manifest, parse_manifest
from hotfix.model import Manifest

WHOLE = (Path(__file__).parents[1] / "corpora" / "hotfix" / "good-everything.config").read_text("utf-8")
ATTRIBUTE = re.compile(r'(?<=\s)([A-Za-z]+)="([^"]*)"')
PLACES = [found.span() for found in ATTRIBUTE.finditer(WHOLE, WHOLE.index("<hotfix"))]
ELEMENTS = sorted(
    set(re.findall(r"<([A-Za-z]+)", WHOLE)) | {"com", "sql", "script", "registrations", "contents", "content"}
)
NAMES = sorted({found[1] for found in ATTRIBUTE.finditer(WHOLE)} | {"Roles", "src", "transform", "xmlns"})
KNOWN = Identifiers().with_examples()

printable = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Cn"]), max_size=30)
values = st.one_of(
    printable,
    st.sampled_from(
        [
            "",
            "0",
            "-1",
            "99999999999999999999",
            "true",
            "exists(C:\\a)",
            "$(InstallDir)x",
            "$(",
            "$$(",
            "C:\\a\\..",
            "//",
        ]
    ),
    st.sampled_from(
        ["/a/b[@c='d']", "*", "a\\*.*", "HKLM\\A\\B\\C", "Client;Router", "dword", "delete", "1.2.3", "a" * 64]
    ),
)
xml_texts = st.text(
    alphabet=st.characters(exclude_categories=["Cs", "Cn"], exclude_characters="\x00"), max_size=30
).filter(lambda text: all(character in "\t\n" or character >= " " for character in text) and "\ufffe" not in text)


@st.composite
def elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(st.sampled_from(ELEMENTS))
    attributes = {one: draw(values) for one in draw(st.sets(st.sampled_from(NAMES), max_size=5))}
    text = "".join(f" {one}={quoteattr(value)}" for one, value in sorted(attributes.items()))
    inner = "".join(draw(st.lists(elements(depth - 1), max_size=4))) if depth else ""
    return f"<{name}{text}>{inner}</{name}>"


def judge(data: bytes) -> Manifest | None:
    """Read and expand; whatever is wrong is said and never raised."""
    parsed = parse_manifest(data, "x.config")
    assert (parsed.manifest is None) is any(one.is_error for one in parsed.problems)
    for problem in parsed.problems:
        assert problem.hint
        assert problem.message.isprintable()
    if parsed.manifest is not None:
        for roles in (frozenset[Role](), frozenset(Role)):
            assert expand_manifest(parsed.manifest, KNOWN, roles).manifest is not None
            expand_manifest(parsed.manifest, Identifiers(), roles)
    return parsed.manifest


@given(st.lists(elements(), max_size=5))
def test_any_elements_are_judged(inner: list[str]) -> None:
    judge(f'<configuration><hotfix id="HF1"/>{"".join(inner)}</configuration>'.encode())


@given(st.sampled_from(PLACES), values)
def test_any_value_in_any_place_is_judged(place: tuple[int, int], value: str) -> None:
    name = WHOLE[place[0] : place[1]].partition("=")[0]
    judge((WHOLE[: place[0]] + f"{name}={quoteattr(value)}" + WHOLE[place[1] :]).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_judged(data: bytes) -> None:
    assert judge(data) is None


@given(st.integers(0, len(WHOLE)), st.integers(0, 40))
def test_a_piece_that_is_missing_is_judged(start: int, length: int) -> None:
    judge((WHOLE[:start] + WHOLE[start + length :]).encode())


@given(xml_texts, xml_texts, xml_texts)
def test_texts_come_through(args: str, data: str, value: str) -> None:
    text = f"""<configuration><hotfix id="HF1"/>
<configFiles><configFile path="C:\\x"><set xpath="/a" value={quoteattr(value)}/></configFile></configFiles>
<registry><value key="HKLM\\A" name={quoteattr(value)} data={quoteattr(data)}/></registry>
<commands><execute command="x.exe" args={quoteattr(args)}/></commands></configuration>"""
    if "$(" in args + data + value:
        judge(text.encode())
        return
    manifest = judge(text.encode())
    assert manifest is not None
    assert manifest.commands[0].args == args
    assert manifest.config_files[0].edits[0].value == value
    (entry,) = manifest.registry
    assert entry.value is not None
    assert (entry.name, entry.value.data) == (value, data)
