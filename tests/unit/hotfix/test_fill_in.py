"""Digests and sizes in the text of a manifest; everything else as its author wrote it."""

from __future__ import annotations

import codecs

from deploy.digest import Sha256
from deploy.relpath import RelPath
from hotfix.fill_in import filled_in
from hotfix.manifest import parse_manifest
from hotfix.model import Content

A, B = Sha256("a" * 64), Sha256("b" * 64)
CONTENTS = (Content(RelPath(("c", "b.dll")), B, 22), Content(RelPath(("A.exe",)), A, 1))
TEXT = """<?xml version="1.0" encoding="windows-1252"?>\r
<!-- für € -->\r
<configuration>\r
\t<hotfix id='HF1' />\r
\t<files>\r
\t\t<file include="a.EXE"  outputFolder='$(InstallDir)'/>\r
\t\t<!-- more --><file include="c\\*.*" outputFolder="$(InstallDir)" />\r
\t</files>\r
</configuration>\r
"""


def test_only_what_is_filled_in_changes() -> None:
    found = filled_in(TEXT.encode("cp1252"), CONTENTS).decode("cp1252")
    wanted = TEXT.replace("outputFolder='$(InstallDir)'/>", f'outputFolder=\'$(InstallDir)\' sha256="{A}" size="1"/>')
    listed = f'\t<contents>\r\n\t\t<content path="A.exe" sha256="{A}" size="1" />\r\n'
    listed += f'\t\t<content path="c/b.dll" sha256="{B}" size="22" />\r\n\t</contents>\r\n'
    assert found == wanted.replace("</configuration>", listed + "</configuration>")


def test_what_was_filled_in_is_replaced() -> None:
    once = filled_in(codecs.BOM_UTF8 + TEXT.replace("windows-1252", "utf-8").encode(), CONTENTS)
    assert once.startswith(codecs.BOM_UTF8)
    assert filled_in(once, CONTENTS) == once
    other = filled_in(once, [Content(RelPath(("a.exe",)), B, 333)])
    manifest = parse_manifest(other, "x").manifest
    assert manifest is not None
    assert (manifest.files[0].sha256, manifest.files[0].size) == (B, 333)
    assert manifest.contents is not None
    assert [(str(one.path), one.size) for one in manifest.contents] == [("a.exe", 333)]


def test_a_manifest_on_one_line() -> None:
    text = '<configuration><hotfix id="HF1"/></configuration>'
    found = filled_in(text.encode(), CONTENTS[1:])
    assert (
        found == text.replace("</", f'<contents><content path="A.exe" sha256="{A}" size="1" /></contents></').encode()
    )


def test_a_package_without_files() -> None:
    found = parse_manifest(filled_in(TEXT.encode("cp1252"), ()), "x").manifest
    assert found is not None
    assert found.contents == ()
