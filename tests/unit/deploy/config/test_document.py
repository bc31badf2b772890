"""The elements of a Setup.config to its values."""

from __future__ import annotations

import pytest

from deploy.config.check import MOST_PROBLEMS
from deploy.config.document import LARGEST_TENANT, parse
from deploy.config.model import Execute, FileEntry, ParsedConfig, SetupConfig

FILE = '<file include="http://server/a.exe" outputFolder="Solidus"/>'


def document(*, before: str = "", tenant: str = "<tenantID>1</tenantID>", files: str = FILE) -> str:
    return f"<configuration>{before}\n{tenant}\n<files>\n{files}\n</files>\n</configuration>"


def read(text: str) -> ParsedConfig:
    return parse(text.encode(), "Setup.config")


def codes(text: str) -> list[str]:
    return [problem.code for problem in read(text).problems]


def config_of(text: str) -> SetupConfig:
    parsed = read(text)
    assert parsed.config is not None, parsed.problems
    return parsed.config


def test_the_example_of_the_manual() -> None:
    config = config_of("""<configuration>
  <execute command="Solidus\\ClientSetup.exe" args="/Q /F /C:ClientSetup.ini"
  hidden="true" />
  <customerName>Default Tenant</customerName>
  <tenantID>-1</tenantID>
  <files>
    <file include="$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*"
  subDirs="true" outputFolder="Solidus" />
    <file include="$(WebServerUri)/MicCEInstallation/ScriptManager/*.*"
subDirs="true" outputFolder="ScriptManager" />
  </files>
</configuration>""")
    assert config == SetupConfig(
        name="Setup.config",
        tenant_id=-1,
        files=(
            FileEntry(1, "$(WebServerUri)/MiCCEInstallation/NextCCClient/*.*", "Solidus", "", True, 7),
            FileEntry(2, "$(WebServerUri)/MicCEInstallation/ScriptManager/*.*", "ScriptManager", "", True, 9),
        ),
        customer_name="Default Tenant",
        execute=Execute("Solidus\\ClientSetup.exe", "/Q /F /C:ClientSetup.ini", True, 2),
        customer_line=4,
    )


def test_what_is_not_given_has_the_manuals_default() -> None:
    config = config_of(document())
    assert (config.customer_name, config.customer_line, config.execute) == ("", None, None)
    assert config.files == (FileEntry(1, "http://server/a.exe", "Solidus", exclude="", sub_dirs=False, line=4),)
    assert config_of(document(before='<execute command="$(System32Dir)a.exe"/>')).execute == Execute(
        "$(System32Dir)a.exe", "", False, 1
    )


@pytest.mark.parametrize(
    ("written", "value"),
    [("true", True), ("TRUE", True), ("True", True), ("false", False), ("FALSE", False)],
)
def test_a_boolean_is_written_in_any_case(written: str, value: bool) -> None:
    files = f'<file include="http://server/*" outputFolder="." subDirs="{written}"/>'
    before = f'<execute command="$(System32Dir)a.exe" hidden="{written}"/>'
    config = config_of(document(before=before, files=files))
    assert config.files[0].sub_dirs is value
    assert config.execute is not None
    assert config.execute.hidden is value


@pytest.mark.parametrize("written", ["", "1", "0", "yes", "no", " true", "true ", "wahr", "ＴＲＵＥ"])
def test_nothing_else_is_a_boolean(written: str) -> None:
    files = f'<file include="http://server/*" outputFolder="." subDirs="{written}"/>'
    before = f'<execute command="$(System32Dir)a.exe" hidden="{written}"/>'
    problems = read(document(before=before, files=files)).problems
    assert [(one.code, one.line) for one in problems] == [("bad-value", 1), ("bad-value", 4)]


@pytest.mark.parametrize(
    ("written", "tenant"),
    [("-1", -1), ("0", 0), (" 12 \n", 12), ("+7", 7), ("007", 7), (str(LARGEST_TENANT), 2**31 - 1)],
)
def test_a_tenant_is_a_number(written: str, tenant: int) -> None:
    assert config_of(document(tenant=f"<tenantID>{written}</tenantID>")).tenant_id == tenant


@pytest.mark.parametrize(
    "written", ["", "one", "1.0", "1 2", "-2", "0x1", "１", str(LARGEST_TENANT + 1), "9" * 5000, "$(X)"]
)
def test_nothing_else_is_a_tenant(written: str) -> None:
    parsed = read(document(tenant=f"<tenantID>{written}</tenantID>"))
    assert [(one.code, one.line) for one in parsed.problems] == [("bad-value", 2)]
    assert parsed.config is None


@pytest.mark.parametrize(
    ("element", "name"),
    [
        ("<customerName>ACME Corporation</customerName>", "ACME Corporation"),
        ("<customerName>\n  ACME\n  Corporation &amp; Sons\n</customerName>", "ACME Corporation & Sons"),
        ("<customerName><![CDATA[A<B]]><!-- c --> C</customerName>", "A<B C"),
        ("<customerName/>", ""),
    ],
)
def test_the_customers_name_is_one_line(element: str, name: str) -> None:
    assert config_of(document(before=element)).customer_name == name


def test_an_output_folder_may_be_the_base_itself_but_must_be_written() -> None:
    assert config_of(document(files='<file include="http://s/a" outputFolder=""/>')).files[0].output_folder == ""
    assert codes(document(files='<file include="http://s/a"/>')) == ["missing-attribute"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<configuration/>", ["missing-element", "missing-element"]),
        (document(tenant=""), ["missing-element"]),
        (document(files=""), ["missing-element"]),
        (document(before="<tenantID>2</tenantID>"), ["repeated-element"]),
        (document(before="<files>" + FILE + "</files>"), ["repeated-element"]),
        (document(before="<customerName/><customerName/><customerName/>"), ["repeated-element"] * 2),
        (document(before="<execute/>"), ["missing-attribute"]),
        (document(before='<execute command=" "/>'), ["missing-attribute"]),
        (document(files='<file include=" " outputFolder="a"/>'), ["missing-attribute"]),
        (document(files="<file/><file/>"), ["missing-attribute"] * 4),
        (document(before="<update/>"), ["unknown-element"]),
        (document(before="words"), ["stray-text"]),
        (document(files="words" + FILE), ["stray-text"]),
        (document(files=FILE.replace("/>", ">words</file>")), ["stray-text"]),
        (document(files=FILE.replace("/>", "><a/></file>")), ["unknown-element"]),
        (document(files=FILE.replace("/>", ' hash="1"/>')), ["unknown-attribute"]),
        (document(tenant='<tenantID type="int">1</tenantID>'), ["unknown-attribute"]),
        (document().replace("<files>", '<files base="x">'), ["unknown-attribute"]),
        (document().replace("<configuration>", '<configuration version="1">'), ["unknown-attribute"]),
        ("<Configuration/>", ["wrong-root", "missing-element", "missing-element"]),
        ("<setup/>", ["wrong-root"]),
        ('<configuration xmlns="x"/>', ["wrong-root"]),
    ],
)
def test_the_form_of_the_document(text: str, expected: list[str]) -> None:
    assert codes(text) == expected


def test_what_is_unknown_is_a_warning_and_the_configuration_is_read() -> None:
    parsed = read(document(before="<update/>", files=FILE.replace("/>", ' hash="1"/>')))
    assert parsed.config is not None
    assert [(one.code, one.line, one.is_error) for one in parsed.problems] == [
        ("unknown-element", 1, False),
        ("unknown-attribute", 4, False),
    ]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (document(before="<Execute/>"), "did you mean <execute>? (upper and lower case matter)"),
        (document(before="<customer/>"), "did you mean <customerName>?"),
        (
            document(files=FILE.replace("/>", ' recurse="true"/>')),
            "<file> takes include, exclude, subDirs, outputFolder",
        ),
        (
            document(files=FILE.replace("/>", ' subdirs="true"/>')),
            "did you mean subDirs? (upper and lower case matter)",
        ),
        (document(tenant="<tenantId>1</tenantId>"), "write tenantID for tenantId: upper and lower case matter"),
        (document(files="<File/>"), "write <file> for <File>: upper and lower case matter"),
    ],
)
def test_the_name_meant_is_offered(text: str, hint: str) -> None:
    assert hint in [problem.hint for problem in read(text).problems]


def test_mistakes_of_form_and_of_content_are_said_together() -> None:
    files = '<file include="$(Nowhere)/x" outputFolder="CON"/>\n<file outputFolder=".."/>'
    problems = read(document(tenant="", files=files)).problems
    assert [(one.line, one.code) for one in problems] == [
        (1, "missing-element"),
        (4, "unknown-identifier"),
        (4, "unsafe-path"),
        (5, "missing-attribute"),
        (5, "unsafe-path"),
    ]


def test_identifiers_need_no_value_to_be_read() -> None:
    files = "".join(
        f'<file include="$({name}){rest}" outputFolder="a"/>'
        for name, rest in [("WebServerUri", "/x"), ("InstallDir", "x"), ("BrokerServer", "")]
        if name != "BrokerServer"
    )
    assert codes(document(files=files + '<file include="\\\\$(BrokerServer)\\Share\\x" outputFolder="b"/>')) == []


def test_many_problems_are_bounded_and_the_errors_come_first() -> None:
    files = "<odd/>" * 20_000 + '<file outputFolder="a"/>' * 5_000
    parsed = read(document(files=files))
    assert parsed.config is None
    assert len(parsed.problems) == MOST_PROBLEMS + 1
    assert {one.code for one in parsed.problems[:-1]} == {"missing-attribute"}
    assert parsed.problems[-1].code == "more-problems"


def test_no_entry_goes_unchecked_however_many_there_are() -> None:
    good = '<file include="$(WebServerUri)/a" outputFolder="a"/>\n' * (3 * MOST_PROBLEMS)
    problems = read(document(files=good + '<file include="$(WebServerUri)/a" outputFolder="NUL"/>')).problems
    assert [(one.code, one.line) for one in problems] == [("unsafe-path", 4 + 3 * MOST_PROBLEMS)]
