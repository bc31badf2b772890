"""The bytes of a manifest to its values; whole documents are in tests/corpora/hotfix, attacks in tests/corpora/xml."""

from __future__ import annotations

import builtins
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deploy.change.model import InUse, Restart
from deploy.errors import Problem
from deploy.host.registry import Hive, RegistryKey, RegistryValue, ValueType, View
from deploy.machine import Role
from hotfix.manifest import parse_manifest
from hotfix.model import (
    CommandPhase,
    EditKind,
    ExitCode,
    ExitResult,
    IfMissing,
    Manifest,
    OnError,
    Overwrite,
    ProcessAction,
    Reboot,
    RegistryAction,
    RequiredFile,
    RequiredHotfix,
    RequiredProduct,
    RequiredRegistry,
    RequiredSpace,
    RequiredSystem,
    ServiceAction,
    Unsupported,
    Versions,
)

CORPORA = Path(__file__).parents[2] / "corpora"
DOCUMENTS = sorted(path.stem for path in (CORPORA / "hotfix").glob("*.config"))
ATTACKS = sorted(path.stem for path in (CORPORA / "xml").glob("attack-*.config"))


@cache
def expected() -> dict[str, Any]:
    return tomllib.loads((CORPORA / "hotfix" / "expected.toml").read_text("utf-8"))


def document(name: str) -> Manifest:
    parsed = parse_manifest((CORPORA / "hotfix" / f"{name}.config").read_bytes(), name)
    assert parsed.manifest is not None
    return parsed.manifest


def read(inner: str, *, before: str = "") -> tuple[Manifest | None, tuple[Problem, ...]]:
    text = f'<configuration {before}>\n<hotfix id="HF1" />\n{inner}\n</configuration>'
    parsed = parse_manifest(text.encode(), "x.config")
    return parsed.manifest, parsed.problems


def codes(inner: str) -> list[str]:
    return [problem.code for problem in read(inner)[1]]


def test_every_document_has_an_expectation() -> None:
    assert sorted(expected()) == DOCUMENTS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_gives_exactly_these_problems(name: str) -> None:
    parsed = parse_manifest((CORPORA / "hotfix" / f"{name}.config").read_bytes(), name)
    assert [[problem.code, problem.line or 0] for problem in parsed.problems] == expected()[name]["problems"]
    assert (parsed.manifest is not None) is expected()[name]["read"]
    assert (parsed.manifest is not None) is not any(problem.is_error for problem in parsed.problems)
    for problem in parsed.problems:
        assert problem.file == name
        assert problem.hint
        assert problem.message.isprintable()


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_opens_nothing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (CORPORA / "xml" / f"{name}.config").read_bytes()

    def refuse(*arguments: object, **_: object) -> None:
        raise AssertionError(f"opened {arguments}")

    monkeypatch.setattr(builtins, "open", refuse)
    parsed = parse_manifest(data, name)
    assert parsed.manifest is None
    assert any(problem.is_error for problem in parsed.problems)
    assert "root:" not in repr(parsed)


def test_who_a_hotfix_is() -> None:
    found = document("good-everything")
    assert (found.id, found.revision, found.name) == ("MICCE-9.6.2-HF011", 3, "Callback list")
    assert (found.classification, found.release_date, found.min_installer_version) == ("Security", "2024-02-29", "0.1")
    assert found.description == "Keeps the callback list\nafter a restart."
    assert not found.allow_uninstall
    assert found.info_url == "$(WebServerUri)/readme.htm"
    assert found.supersedes == ("MICCE-9.6.2-HF002", "micce-9.6.2-hf003")
    assert found.conflicts == ("MICCE-9.6.2-BETA",)
    assert found.reboot is Reboot.ALWAYS


def test_defaults() -> None:
    found = document("good-smallest")
    assert found == Manifest("good-smallest", "HF1", name="HF1")
    assert (found.revision, found.classification, found.allow_uninstall, found.reboot, found.contents) == (
        1,
        "Hotfix",
        True,
        Reboot.IF_NEEDED,
        None,
    )


def test_requirements() -> None:
    product, hotfix, file, absent, value, key, system, space = document("good-everything").requires
    assert isinstance(product, RequiredProduct)
    assert product.versions == Versions("9.6.2", "9.6.2.65535")
    assert isinstance(hotfix, RequiredHotfix)
    assert (hotfix.id, hotfix.min_revision) == ("MICCE-9.6.2-HF001", 2)
    assert isinstance(file, RequiredFile)
    assert (file.exists, file.versions.minimum, file.when.roles) == (True, "9.6", {Role.ROUTER})
    assert isinstance(absent, RequiredFile)
    assert not absent.exists
    assert (absent.when.condition, absent.when.negated) == ("$(InstallDir)Services\\beta (x86).txt", True)
    assert isinstance(value, RequiredRegistry)
    assert value.key == RegistryKey(Hive.HKLM, r"SOFTWARE\Mitel\SeC", View.BITS32)
    assert (value.name, value.equals) == ("Edition", RegistryValue(ValueType.STRING, "Enterprise"))
    assert isinstance(key, RequiredRegistry)
    assert (key.name, key.exists, key.equals, key.key.view) == (None, False, None, View.BITS64)
    assert isinstance(system, RequiredSystem)
    assert (system.versions.minimum, system.architecture) == ("10.0.17763", "x64")
    assert isinstance(space, RequiredSpace)
    assert (space.path, space.megabytes) == ("$(InstallDir)", 200)


def test_services_and_programs() -> None:
    found = document("good-everything")
    router, broker, log = found.services
    assert (router.action, router.restart, router.dependents, router.timeout) == (
        ServiceAction.STOP,
        Restart.IF_WAS_RUNNING,
        True,
        120,
    )
    assert router.when.roles == {Role.ROUTER, Role.WEB_SERVICES}
    assert (broker.action, broker.restart, broker.dependents, broker.timeout) == (
        ServiceAction.RESTART,
        Restart.ALWAYS,
        False,
        30,
    )
    assert (log.action, log.when.on_error) == (ServiceAction.START, OnError.CONTINUE)
    agent, supervisor = found.processes
    assert (agent.action, agent.timeout) == (ProcessAction.CLOSE, 60)
    assert (supervisor.action, supervisor.timeout) == (ProcessAction.PROMPT, 5)


def test_files() -> None:
    found = document("good-everything")
    router, client, readme = found.files
    assert (router.sha256, router.size, router.version, router.overwrite) == (
        "a" * 64,
        12,
        "9.6.2.5",
        Overwrite.NEWER,
    )
    assert router.when.line == 31
    assert (client.include, client.exclude, client.sub_dirs) == ("Client\\*.*", "*.pdb; Samples\\", True)
    assert (client.in_use, client.backup, client.overwrite) == (InUse.REBOOT, False, Overwrite.ONLY_IF_EXISTS)
    assert (readme.output_name, readme.overwrite, readme.in_use) == ("HF011.txt", Overwrite.NEVER, InUse.FAIL)
    (delete,) = found.deletes
    assert delete.when.condition == delete.path


def test_edits() -> None:
    (entry,) = document("good-everything").config_files
    assert entry.if_missing is IfMissing.CREATE
    change, add, remove = entry.edits
    assert (change.kind, change.attribute, change.value) == (EditKind.SET, "value", "3")
    assert add.kind is EditKind.ADD
    assert add.fragment == '<add key="Log" value="$(InstallDir)Log"/>\n<!-- new -->'
    assert (remove.kind, remove.namespaces) == (EditKind.REMOVE, (("a", "urn:a"),))


def test_registry() -> None:
    entries = document("good-everything").registry
    values = [entry.value for entry in entries]
    assert values[:7] == [
        RegistryValue(ValueType.DWORD, 16),
        RegistryValue(ValueType.STRING, "$(WebServer)"),
        RegistryValue(ValueType.DWORD, "$(WebServerPort)"),
        RegistryValue(ValueType.QWORD, 2**64 - 1),
        RegistryValue(ValueType.BINARY, b"\x00\xff\x1a"),
        RegistryValue(ValueType.MULTI, ("one", "$(BrokerServer)")),
        RegistryValue(ValueType.EXPAND, r"%ProgramFiles%\x"),
    ]
    assert [(entry.action, entry.name) for entry in entries[7:]] == [
        (RegistryAction.DELETE, "Old"),
        (RegistryAction.CREATE, None),
        (RegistryAction.DELETE, None),
    ]
    assert entries[7].key.hive is Hive.HKCU


def test_commands() -> None:
    reindex, net, last, gone = document("good-everything").commands
    assert (reindex.command, reindex.phase, reindex.timeout, reindex.hidden) == (
        "tools\\Reindex.exe",
        CommandPhase.AFTER_FILES,
        900,
        True,
    )
    assert reindex.args == '/quiet "$(InstallDir)."'
    assert reindex.exit_codes == (
        ExitCode(0, ExitResult.SUCCESS),
        ExitCode(3010, ExitResult.SUCCESS, reboot=True),
        ExitCode(2**32 - 5, ExitResult.ALREADY_INSTALLED),
    )
    assert (net.phase, net.idempotent, net.exit_codes) == (CommandPhase.BEFORE, True, ())
    assert (last.phase, gone.phase) == (CommandPhase.AFTER, CommandPhase.UNINSTALL)


def test_what_cannot_be_carried_out_is_kept_with_its_restrictions() -> None:
    found = document("good-sample").unsupported
    assert [(one.what, one.subject, one.sources) for one in found] == [
        (Unsupported.REGISTRATIONS, "$(NextCCShareDir)QueueCom.dll", ()),
        (Unsupported.REGISTRATIONS, "$(InstallDir)Services\\Bin\\Queue.Interop.dll", ()),
        (Unsupported.TRANSFORM, "$(InstallDir)Services\\Web\\Queue\\web.config", ("Queue.xdt",)),
        (Unsupported.SQL, "sql\\queue.sql", ("sql\\queue.sql", "sql\\queue_undo.sql")),
    ]
    assert found[3].when.roles == {Role.BROKER}


def test_recycle_is_read_as_restart() -> None:
    assert document("good-sample").services[1].action is ServiceAction.RESTART


def test_contents() -> None:
    manifest, problems = read(f'<contents><content path="a\\b.dll" sha256="{"AB" * 32}" size="7" /></contents>')
    assert problems == ()
    assert manifest is not None
    assert manifest.contents is not None
    (content,) = manifest.contents
    assert (str(content.path), content.sha256, content.size, content.line) == ("a/b.dll", "ab" * 32, 7, 3)


def test_a_restriction_that_would_be_ignored_is_an_error() -> None:
    for attribute in ('Roles="Router"', 'role="Router"', 'conditions="exists(x)"'):
        service = f'<services><service name="x" {attribute} /></services>'
        assert codes(service) == ["unclear-restriction"]
    assert codes('<files roles="Router" />') == ["unclear-restriction"]
    assert codes('<services><service name="x" restrat="never" /></services>') == ["unknown-attribute"]


@pytest.mark.parametrize("version", ["1", "1.0", "1.9", " 1.2.3 "])
def test_a_format_of_this_major_version_is_read(version: str) -> None:
    manifest, problems = read("", before=f'schemaVersion="{version}"')
    assert manifest is not None
    assert problems == ()


def test_a_newer_format_says_nothing_else() -> None:
    _, problems = read("<nonsense /><files><file /></files>", before='schemaVersion="2.0"')
    assert [problem.code for problem in problems] == ["newer-schema"]


@pytest.mark.parametrize("id_", ["", " ", "..", "a/b", "a b", "NUL", "x.", "é", "catalog.json", "-a", "a" * 101, "a:b"])
def test_an_id_that_is_no_folder_name_is_refused(id_: str) -> None:
    data = f'<configuration><hotfix id="{id_}" /></configuration>'.encode()
    (problem,) = parse_manifest(data, "x").problems
    assert problem.code in ("bad-id", "missing-attribute")


@pytest.mark.parametrize(
    ("condition", "path", "negated"),
    [
        ("exists(C:\\a)", "C:\\a", False),
        (" ! exists ( C:\\Program Files (x86)\\a ) ", "C:\\Program Files (x86)\\a", True),
    ],
)
def test_conditions(condition: str, path: str, negated: bool) -> None:
    manifest, _ = read(f'<files><delete path="C:\\x" condition="{condition}" /></files>')
    assert manifest is not None
    assert (manifest.deletes[0].when.condition, manifest.deletes[0].when.negated) == (path, negated)


@pytest.mark.parametrize("condition", ["", "exists", "exists()", "exist(C:\\a)", "exists(C:\\a) or exists(C:\\b)"])
def test_other_conditions_are_refused(condition: str) -> None:
    assert "bad-condition" in codes(f'<files><delete path="C:\\x" condition="{condition}" /></files>')


def test_a_group_may_be_there_once() -> None:
    assert codes("<files /><files />") == ["repeated-element"]


def test_many_problems_are_cut_and_said() -> None:
    _, problems = read("<files>" + "<file />" * 2000 + "</files>")
    assert len(problems) == 501
    assert problems[-1].code == "more-problems"
