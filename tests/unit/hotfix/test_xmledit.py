"""Edits of XML files: exactly the place that was meant changes, every other byte stays."""

from __future__ import annotations

import codecs

import pytest

from deploy.errors import ConfigError
from hotfix.model import ConfigFileEntry, Edit, EditKind, IfMissing
from hotfix.xmledit import edited

FILE = """<?xml version="1.0" encoding="utf-8"?>\r
<!-- Agent é -->\r
<configuration>\r
    <appSettings>\r
        <add key='A'   value="1"/><!-- keep -->\r
        <add key="B" value = '2' />\r
    </appSettings>\r
    <box><value><!-- days --> 10 </value></box>\r
    <empty/>\r
    <note><![CDATA[a<b]]></note>\r
    <runtime xmlns="urn:asm"><probing privatePath="bin" /></runtime>\r
</configuration>\r
"""
SET, ADD, REMOVE = EditKind.SET, EditKind.ADD, EditKind.REMOVE


def edit(*edits: Edit, text: str = FILE, missing: IfMissing = IfMissing.ERROR) -> str:
    return edited(text.encode(), ConfigFileEntry("C:\\x.config", edits, missing)).decode()


def changed(before: str, after: str, *edits: Edit, missing: IfMissing = IfMissing.ERROR) -> None:
    """The edits put `after` in the place of `before`, change nothing else, and do nothing when done again."""
    assert FILE.count(before) == 1
    result = edit(*edits, missing=missing)
    assert result == FILE.replace(before, after)
    assert edit(*edits, text=result, missing=missing) == result


def refused(*edits: Edit, text: str = FILE, missing: IfMissing = IfMissing.ERROR) -> str:
    with pytest.raises(ConfigError) as raised:
        edit(*edits, text=text, missing=missing)
    (problem,) = raised.value.problems
    assert problem.hint
    assert "C:\\x.config" in (problem.file or problem.message)
    return problem.code


class TestSet:
    def test_an_attribute_keeps_its_quotation_marks(self) -> None:
        changed('value="1"', 'value="a&quot;&lt;&amp;\'"', Edit(SET, "//add[@key='A']", "value", "a\"<&'"))
        changed("value = '2'", "value = 'a\"&apos;'", Edit(SET, "//add[@key='B']", "value", "a\"'"))

    def test_an_attribute_that_an_element_lacks_is_made(self) -> None:
        changed(
            "<add key=\"B\" value = '2' />", '<add key="B" value = \'2\' new="3" />', Edit(SET, "//add[2]", "new", "3")
        )
        changed("<empty/>", '<empty new="3"/>', Edit(SET, "//empty", "new", "3"))

    def test_a_path_may_end_in_the_attribute(self) -> None:
        changed('value="1"', 'value="9"', Edit(SET, "//add[@key='A']/@value", value="9"))
        assert refused(Edit(SET, "//empty/@value", value="9")) == "nothing-found"
        changed("<empty/>", '<empty value="9"/>', Edit(SET, "//empty/@value", value="9"), missing=IfMissing.CREATE)

    def test_a_text_keeps_the_comments_beside_it(self) -> None:
        changed("<!-- days --> 10 <", "<!-- days -->20<", Edit(SET, "//value", value="20"))

    def test_a_text_of_a_closed_element(self) -> None:
        changed("<empty/>", "<empty>a&lt;b&gt;&amp;</empty>", Edit(SET, "//empty", value="a<b>&"))

    def test_a_section_of_characters_is_replaced(self) -> None:
        changed("<![CDATA[a<b]]>", "c", Edit(SET, "//note", value="c"))
        assert edit(Edit(SET, "//note", value="a<b")) == FILE

    def test_a_value_over_several_lines_has_the_line_ends_of_the_file(self) -> None:
        changed("<empty/>", "<empty>a\r\nb</empty>", Edit(SET, "//empty", value="a\nb"))
        changed('value="1"', 'value="a&#10;b"', Edit(SET, "//add[1]", "value", "a\nb"))

    def test_every_element_that_is_found(self) -> None:
        assert edit(Edit(SET, "//add", "value", "0")).count('value="0"') == 1
        assert edit(Edit(SET, "//add", "value", "0")).count("value = '0'") == 1

    def test_an_element_with_elements_has_no_text(self) -> None:
        assert refused(Edit(SET, "/configuration", value="x")) == "not-a-text"

    def test_an_attribute_of_a_namespace(self) -> None:
        spaces = (("p", "urn:p"),)
        changed("<empty/>", '<empty xmlns:ns1="urn:p" ns1:a="1"/>', Edit(SET, "//empty", "p:a", "1", namespaces=spaces))
        changed("<empty/>", '<empty xml:lang="de"/>', Edit(SET, "//empty", "xml:lang", "de"))


class TestAdd:
    def test_an_element_stands_on_its_own_line(self) -> None:
        changed(
            "value = '2' />\r\n",
            "value = '2' />\r\n        <!-- new -->\r\n        <add key=\"C\">\r\n          <x/>\r\n        </add>\r\n",
            Edit(ADD, "//appSettings", fragment='<!-- new --><add key="C">\n      <x/>\n    </add>'),
        )

    def test_one_that_is_there_is_not_added_again(self) -> None:
        for fragment in ("<add key='A' value='1'/>", '<add value="1" key="A"></add>', "<add key='B' value='2'> </add>"):
            assert edit(Edit(ADD, "//appSettings", fragment=fragment)) == FILE
        fragment = "<add key='A' value='1'/><add key='Z'/>"
        changed(
            "value = '2' />\r\n",
            "value = '2' />\r\n        <add key='Z'/>\r\n",
            Edit(ADD, "//appSettings", fragment=fragment),
        )

    def test_a_closed_element_is_opened(self) -> None:
        changed(
            "<empty/>",
            "<empty>\r\n        <a/>\r\n        <b/>\r\n    </empty>",
            Edit(ADD, "//empty", fragment="<a/><b/>"),
        )

    def test_a_line_stays_a_line(self) -> None:
        changed("</value></box>", "</value><b/></box>", Edit(ADD, "//box", fragment="<b/>"))
        assert edit(Edit(ADD, "/a", fragment="<b/><c/>"), text="<a/>") == "<a><b/><c/></a>"

    def test_an_element_without_a_namespace_takes_that_of_its_place(self) -> None:
        spaces = (("n", "urn:asm"),)
        new = Edit(ADD, "//n:runtime", fragment="<probing privatePath='x'/>", namespaces=spaces)
        changed('"bin" />', "\"bin\" /><probing privatePath='x'/>", new)
        known = Edit(ADD, "//n:runtime", fragment='<probing privatePath="bin"/>', namespaces=spaces)
        assert edit(known) == FILE

    def test_a_text_over_several_lines_is_not_indented(self) -> None:
        assert "<t>a\r\n  b</t>" in edit(Edit(ADD, "//empty", fragment="<t>a\n  b</t>"))


class TestRemove:
    def test_an_element_goes_with_its_line(self) -> None:
        changed("        <add key=\"B\" value = '2' />\r\n", "", Edit(REMOVE, "//add[@key='B']"))

    def test_what_else_is_on_the_line_stays(self) -> None:
        changed("<add key='A'   value=\"1\"/>", "", Edit(REMOVE, "//add[@key='A']"))

    def test_an_attribute_goes_with_the_blank_before_it(self) -> None:
        changed('   value="1"', "", Edit(REMOVE, "//add[@key='A']/@value"))
        changed('   value="1"', "", Edit(REMOVE, "//add[@key='A']", "value"))

    def test_nothing_to_remove_is_no_error(self) -> None:
        assert edit(Edit(REMOVE, "//nothing"), Edit(REMOVE, "//empty", "value")) == FILE

    def test_elements_in_each_other(self) -> None:
        assert edit(Edit(REMOVE, "//a"), text="<r><a><a/></a><a/>x</r>") == "<r>x</r>"

    def test_the_document_stays(self) -> None:
        assert refused(Edit(REMOVE, "/configuration")) == "bad-xpath"


class TestMissing:
    def test_an_error_names_the_line_of_the_manifest(self) -> None:
        with pytest.raises(ConfigError) as raised:
            edit(Edit(SET, "//x", value="1", line=7))
        assert [(one.code, one.line, one.file) for one in raised.value.problems] == [("nothing-found", 7, None)]

    def test_skip(self) -> None:
        edits = (Edit(SET, "//x", value="1"), Edit(ADD, "//x", fragment="<b/>"))
        assert edit(*edits, missing=IfMissing.SKIP) == FILE

    def test_create(self) -> None:
        changed(
            "</runtime>\r\n",
            '</runtime>\r\n    <a>\r\n        <b k="1" n="2" value="3" />\r\n    </a>\r\n',
            Edit(SET, "/configuration/a/b[@k='1' and @n='2']", "value", "3"),
            missing=IfMissing.CREATE,
        )
        changed(
            "value = '2' />\r\n",
            "value = '2' />\r\n        <sub>\r\n            <x/>\r\n        </sub>\r\n",
            Edit(ADD, "/configuration/appSettings/sub", fragment="<x/>"),
            missing=IfMissing.CREATE,
        )

    def test_a_value_over_several_lines_is_created_whole(self) -> None:
        found = edit(Edit(SET, "/configuration/a", value="x\n y"), missing=IfMissing.CREATE)
        assert "<a>x&#10; y</a>" in found

    def test_create_in_a_namespace(self) -> None:
        path, spaces = "/configuration/n:runtime/n:gc", (("n", "urn:asm"),)
        new = Edit(SET, path, "enabled", "true", namespaces=spaces)
        changed('"bin" />', '"bin" /><gc enabled="true" />', new, missing=IfMissing.CREATE)
        other = Edit(SET, "/configuration/n:other", value="1", namespaces=spaces)
        assert '<other xmlns="urn:asm">1</other>' in edit(other, missing=IfMissing.CREATE)
        plain = Edit(SET, "/configuration/n:runtime/gc", value="1", namespaces=spaces)
        assert '<gc xmlns="">1</gc>' in edit(plain, missing=IfMissing.CREATE)

    @pytest.mark.parametrize(
        "path", ["/configuration/*", "/wrong/a", "/configuration/a[2]", "/configuration/a[b]", "//a"]
    )
    def test_a_path_that_does_not_say_what_to_create(self, path: str) -> None:
        path = path if path != "/configuration/*" else "/configuration/empty/*"
        assert refused(Edit(SET, path, value="1"), missing=IfMissing.CREATE) == "cannot-create"

    def test_a_new_file(self) -> None:
        edits = (Edit(SET, "/configuration/a", "b", "1"), Edit(ADD, "/configuration/a", fragment="<c/>"))
        lines = ('<?xml version="1.0" encoding="utf-8"?>', "<configuration>", '  <a b="1">', "    <c/>", "  </a>")
        new = "\r\n".join((*lines, "</configuration>", ""))
        assert edit(*edits, text="", missing=IfMissing.CREATE) == new
        assert refused(*edits, text="") == "not-well-formed"


class TestEncodings:
    @pytest.mark.parametrize(
        ("encoding", "mark"),
        [
            ("utf-8", b""),
            ("utf-8", codecs.BOM_UTF8),
            ("utf-16-le", codecs.BOM_UTF16_LE),
            ("utf-16-be", codecs.BOM_UTF16_BE),
            ("windows-1252", b""),
            ("iso-8859-15", b""),
        ],
    )
    def test_encoding_and_mark_stay(self, encoding: str, mark: bytes) -> None:
        said = "utf-16" if encoding.startswith("utf-16") else encoding
        text = FILE.replace('encoding="utf-8"', f'encoding="{said}"')
        entry = ConfigFileEntry("x", (Edit(SET, "//add[@key='A']", "value", "é"),))
        found = edited(mark + text.encode(encoding), entry)
        assert found == mark + text.replace('value="1"', 'value="é"').encode(encoding)

    def test_what_the_encoding_lacks_is_written_as_a_reference(self) -> None:
        data = b'<?xml version="1.0" encoding="iso-8859-1"?><a>x</a>'
        entry = ConfigFileEntry("x", (Edit(SET, "/a", value="€"), Edit(ADD, "/a/..", fragment="<b/>")))
        with pytest.raises(ConfigError):
            edited(data, entry)
        assert edited(data, ConfigFileEntry("x", entry.edits[:1])).endswith(b"<a>&#8364;</a>")

    def test_bytes_stay_where_nothing_changes(self) -> None:
        data = codecs.BOM_UTF8 + b"<a  b = 'c' >\r</a >\n\n"
        assert edited(data, ConfigFileEntry("x", (Edit(SET, "/a", "b", "c"),))) is data


class TestFaultyFiles:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("<a>", "not-well-formed"),
            ("", "not-well-formed"),
            ("<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>", "document-doctype"),
            ("<a>" + "x" * 1024 * 1024 + "</a>", "document-too-large"),
        ],
    )
    def test_they_are_refused_with_their_name(self, text: str, code: str) -> None:
        assert refused(Edit(SET, "/a", value="1"), text=text) == code
