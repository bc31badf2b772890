"""Identifiers replaced, roles applied."""

from __future__ import annotations

import pytest

from deploy.config.identifiers import Identifiers
from deploy.host.registry import RegistryValue, ValueType
from deploy.machine import Role
from hotfix.manifest import expand_manifest, parse_manifest
from hotfix.model import Manifest, ParsedManifest

KNOWN = Identifiers().with_values(
    {"InstallDir": "/opt/mi cc/", "BrokerServer": "BROKER", "WebServerPort": "8080"}, "test"
)


def manifest(inner: str, attributes: str = "") -> Manifest:
    text = f'<configuration>\n<hotfix id="HF1" {attributes} />\n{inner}\n</configuration>'
    parsed = parse_manifest(text.encode(), "x.config")
    assert parsed.manifest is not None, parsed.problems
    return parsed.manifest


def expand(inner: str, *roles: Role, attributes: str = "") -> ParsedManifest:
    return expand_manifest(manifest(inner, attributes), KNOWN, frozenset(roles))


def expanded(inner: str, *roles: Role) -> Manifest:
    found = expand(inner, *roles)
    assert found.problems == ()
    assert found.manifest is not None
    return found.manifest


def test_identifiers_are_replaced_in_every_path_and_text() -> None:
    found = expanded(r"""
<requires><file path="$(InstallDir)a" condition="exists($(InstallDir)b)" />
 <diskSpace path="$(installdir)" megabytes="1" />
 <registry key="HKLM\SOFTWARE\x" name="n" equals="$(BrokerServer)" /></requires>
<services><service name="x" condition="exists($(InstallDir)s)" /></services>
<processes><process name="x" condition="exists($(InstallDir)p)" /></processes>
<files><file include="a" outputFolder="$(InstallDir)\Bin" outputName="$(BrokerServer).txt" />
 <delete path="$(InstallDir)d" /></files>
<configFiles><configFile path="$(InstallDir)c">
  <set xpath="/a[@b='$(BrokerServer)']" value="$(InstallDir)v" />
  <add xpath="/a"><b c="$(InstallDir)"><!-- $(Nonsense) -->$(BrokerServer)<c/>$(BrokerServer)</b></add>
</configFile></configFiles>
<commands><execute command="$(InstallDir)e.exe" args="$(InstallDir). $$(x)" idempotent="true"
 undo="$(InstallDir)e.exe /u $(BrokerServer)" /></commands>
""")
    file, space, registry = found.requires
    base = "/opt/mi cc\\"
    assert (file.path, file.when.condition, space.path) == (f"{base}a", f"{base}b", base)  # type: ignore[union-attr]
    assert registry.equals == RegistryValue(ValueType.STRING, "BROKER")  # type: ignore[union-attr]
    assert found.services[0].when.condition == f"{base}s"
    assert found.processes[0].when.condition == f"{base}p"
    assert (found.files[0].output_folder, found.files[0].output_name) == (f"{base}Bin", "BROKER.txt")
    assert found.deletes[0].path == f"{base}d"
    change, add = found.config_files[0].edits
    assert (found.config_files[0].path, change.xpath, change.value) == (f"{base}c", "/a[@b='BROKER']", f"{base}v")
    assert add.fragment == f'<b c="{base}"><!-- $(Nonsense) -->BROKER<c/>BROKER</b>'
    (command,) = found.commands
    assert (command.command, command.args) == (f"{base}e.exe", f"{base}. $(x)")
    assert command.undo == f'"{base}e.exe" /u BROKER'


def test_a_value_is_no_markup_in_a_fragment() -> None:
    add = '<add xpath="/a"><b c="$(InstallDir)"/></add>'
    text = f'<configFiles><configFile path="$(InstallDir)c">{add}</configFile></configFiles>'
    identifiers = Identifiers().with_values({"InstallDir": "/R&D's/"}, "test")
    found = expand_manifest(manifest(text), identifiers, frozenset()).manifest
    assert found is not None
    assert found.config_files[0].edits[0].fragment == '<b c="/R&amp;D\'s\\"/>'


@pytest.mark.parametrize(
    ("type_", "data", "value"),
    [
        ("dword", "$(WebServerPort)", 8080),
        ("string", "$(WebServerPort)", "8080"),
        ("qword", "1$(WebServerPort)", 18080),
        ("binary", "$(WebServerPort)", b"\x80\x80"),
    ],
)
def test_registry_data_is_read_after_replacing(type_: str, data: str, value: object) -> None:
    found = expanded(f'<registry><value key="HKLM\\A\\B" name="n" type="{type_}" data="{data}" /></registry>')
    assert found.registry[0].value == RegistryValue(ValueType(type_), value)  # type: ignore[arg-type]


def test_registry_data_that_turns_out_wrong_is_said_with_its_line() -> None:
    found = expand(
        '<registry><value key="HKLM\\A\\B" name="n" type="dword" data="$(WebServerPort)0000000" /></registry>'
    )
    assert found.manifest is None
    assert [(one.code, one.line, one.file) for one in found.problems] == [("bad-registry-data", 3, "x.config")]


ROLES = """<services>
<service name="a" roles="Router" /><service name="b" roles="Client;TAS" /><service name="c" />
</services>"""


@pytest.mark.parametrize(
    ("roles", "left"),
    [
        ((), "c"),
        ((Role.ROUTER,), "ac"),
        ((Role.TAS,), "bc"),
        ((Role.CLIENT, Role.ROUTER), "abc"),
        ((Role.SERVER,), "c"),
    ],
)
def test_what_names_other_roles_is_dropped(roles: tuple[Role, ...], left: str) -> None:
    assert "".join(one.name for one in expanded(ROLES, *roles).services) == left


def test_what_is_dropped_may_name_identifiers_that_are_unset() -> None:
    inner = '<files><delete path="$(TASInstallDir)x" roles="TAS" /></files>'
    assert expanded(inner, Role.CLIENT).deletes == ()
    found = expand(inner, Role.TAS)
    assert found.manifest is None
    assert [(one.code, one.line) for one in found.problems] == [("unset-identifier", 3)]


def test_all_problems_come_at_once() -> None:
    found = expand(
        '<files>\n<delete path="$(TASInstallDir)x" />\n<file include="a" outputFolder="$(SMInstallDir)" /></files>'
    )
    assert [(one.code, one.line) for one in found.problems] == [("unset-identifier", 4), ("unset-identifier", 5)]


def test_an_address_for_people_may_be_unset() -> None:
    found = expand("", attributes='infoUrl="$(WebServerUri)/x"')
    assert found.problems == ()
    assert found.manifest is not None
    assert found.manifest.info_url == ""


def test_a_value_that_makes_no_path_is_refused() -> None:
    text = '<files><delete path="$(InstallDir)x" /></files>'
    identifiers = Identifiers().with_values({"InstallDir": "relative"}, "test")
    found = expand_manifest(manifest(text), identifiers, frozenset())
    assert [one.code for one in found.problems] == ["bad-path"]


def test_nothing_else_changes() -> None:
    before = manifest(ROLES.replace(' roles="Router"', "").replace(' roles="Client;TAS"', ""))
    assert expand_manifest(before, KNOWN, frozenset()) == ParsedManifest(before)
