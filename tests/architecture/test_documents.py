"""What the documentation shows is true: commands parse, links lead somewhere, examples are valid."""

from __future__ import annotations

import ast
import re
import shlex
import tomllib

import pytest
import typer
from typer.exceptions import TyperException

from deploy.config.document import parse as parse_setup_config
from deploy.machine import parse_machine
from deploy.site.server_toml import parse_server
from hotfix.deploy_cli import program
from hotfix.manifest import parse_manifest
from tests.architecture.documents import Block, Document, command_lines, documents
from tests.architecture.source import ROOT, python_files

COMMANDS = typer.main.get_command(program())
SHELLS = ("", "sh", "console", "bash", "bat", "powershell", "text")


def arguments(line: str, language: str) -> list[str]:
    """The words of a command line, by the shell of its block; what a pipe or comment adds is left out."""
    windows = language in ("bat", "powershell")
    words = [word.strip('"') for word in shlex.split(line, comments=True, posix=not windows)]
    for number, word in enumerate(words):
        if re.fullmatch(r"[12]?>>?.*|[|;&]{1,2}", word):
            return words[1:number]
    return words[1:]


def mistakes(words: list[str]) -> str | None:
    """What the command line's own parser says against these words; nothing is carried out."""
    try:
        context = COMMANDS.make_context("micce-deploy", list(words))
        name, *rest = words
        if name.startswith("-"):
            return None
        command = COMMANDS
        while hasattr(command, "list_commands"):
            command = command.get_command(context, name)
            if command is None:
                return f"no command {name}"
            context = command.make_context(name, rest, parent=context)
            if hasattr(command, "list_commands"):
                name, *rest = rest
    except TyperException as wrong:
        return str(wrong) or type(wrong).__name__
    except typer.Exit:
        return None
    return None


def options(command: str | None = None) -> set[str]:
    """Every option of a command, or of the program itself."""
    context = COMMANDS.make_context("micce-deploy", [command] if command else ["--help"], resilient_parsing=True)
    found = COMMANDS.get_command(context, command) if command else COMMANDS  # type: ignore[attr-defined]
    below = (
        [found.get_command(context, name) for name in found.list_commands(context)]
        if found is not COMMANDS and hasattr(found, "list_commands")
        else []
    )
    return {
        name
        for one in (found, *below)
        for parameter in one.params
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name[:1] == "-"
    }


def command_names() -> list[str]:
    return list(COMMANDS.list_commands(COMMANDS.make_context("micce-deploy", ["--help"], resilient_parsing=True)))  # type: ignore[attr-defined]


def test_every_command_shown_is_one_the_program_takes() -> None:
    found = [
        f"{block.file}:{block.line}: {line}: {wrong}"
        for document in documents()
        for block in document.blocks()
        if block.language in SHELLS
        for line in command_lines(block)
        if (wrong := mistakes(arguments(line, block.language))) is not None
    ]
    assert found == []


def test_every_example_of_the_help_is_one_the_program_takes() -> None:
    context = COMMANDS.make_context("micce-deploy", ["--help"], resilient_parsing=True)
    found = [COMMANDS.get_command(context, name) for name in command_names()]  # type: ignore[attr-defined]
    found += [
        one.get_command(context, name)
        for one in found
        if hasattr(one, "list_commands")
        for name in one.list_commands(context)
    ]
    examples = [re.search(r"micce-deploy .*", command.epilog or "") for command in found]
    assert len(list(filter(None, examples))) > 8
    for example in filter(None, examples):
        assert mistakes(arguments(example.group(), "sh")) is None, example.group()


def test_every_option_mentioned_exists() -> None:
    known = {option for name in command_names() for option in options(name)} | options()
    for document in documents():
        for code in document.inline():
            if code.startswith("micce-deploy "):
                words = code.split()
                assert words[1].startswith("-") or words[1].strip("|") in command_names(), f"{document.name}: {code}"
                unknown = {word.partition("=")[0] for word in words if word.startswith("--")} - known
                assert not unknown, f"{document.name}: {code}"


def test_every_option_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "command-line.md").read_text("utf-8")
    sections = dict(re.findall(r"^## micce-deploy (\w+)\n(.*?)(?=^## |\Z)", text, flags=re.DOTALL | re.MULTILINE))
    assert set(sections) == set(command_names())
    for name, section in sections.items():
        described = set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", section))
        assert {option for option in options(name) if option.startswith("--")} <= described | {"--help"}, name


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    by_path = {document.path: document for document in documents()}
    broken = []
    for document in documents():
        for link in document.links():
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (document.path.parent / file).resolve() if file else document.path
            if not target.exists() or (anchor and anchor not in by_path[target].anchors()):
                broken.append(f"{document.name}: {link}")
    assert broken == []


def test_every_page_can_be_reached_from_the_first() -> None:
    by_path = {document.path: document for document in documents()}
    seen, ahead = set(), [ROOT / "README.md"]
    while ahead:
        path = ahead.pop()
        if path in seen or path not in by_path:
            continue
        seen.add(path)
        ahead += [(path.parent / link.partition("#")[0]).resolve() for link in by_path[path].links()]
    assert sorted(str(path.relative_to(ROOT)) for path in by_path.keys() - seen) == []


def test_every_setup_config_shown_is_valid() -> None:
    shown = [block for document in documents() for block in document.blocks() if "<configuration>" in block.text]
    assert shown
    for block in shown:
        parsed = parse_setup_config(block.text.encode(), f"{block.file}:{block.line}")
        assert parsed.problems == ()


def test_every_hotfix_shown_is_valid() -> None:
    shown = [block for document in documents() for block in document.blocks() if "<hotfix id" in block.text]
    assert shown
    for block in shown:
        parsed = parse_manifest(block.text.encode(), f"{block.file}:{block.line}")
        assert parsed.problems == ()
        assert parsed.manifest is not None


def test_every_toml_shown_is_valid() -> None:
    shown = [block for document in documents() for block in document.blocks() if block.language == "toml"]
    assert shown
    for block in shown:
        tomllib.loads(block.text)
        parse = parse_server if "[server]" in block.text else parse_machine
        assert parse(block.text.encode(), f"{block.file}:{block.line}").problems == ()


def test_every_name_of_the_json_is_in_the_reference() -> None:
    trees = [
        ast.parse((ROOT / "deploy" / f"{name}.py").read_text("utf-8"))
        for name in ("rendering", "customers_rendering", "hotfixes_rendering")
    ]
    keys = {
        key.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    described = set(re.findall(r"`([\w-]+)`", (ROOT / "docs" / "reference" / "json.md").read_text("utf-8")))
    assert {"files", "sha256", "restartNeeded"} <= keys
    assert keys - described == set()


def test_every_make_target_mentioned_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.MULTILINE))
    mentioned = {
        name
        for document in documents()
        for text in (*document.inline(), *(block.text for block in document.blocks()))
        for name in re.findall(r"(?m)(?:^|[`$] ?)make ([a-z][a-z-]*)", text)
    }
    assert mentioned <= targets


def test_every_page_the_source_points_at_exists() -> None:
    missing = [
        f"{path.relative_to(ROOT)}: {page}"
        for path in python_files()
        for page in re.findall(r"(?<![\w/])docs/[\w/-]+\.md", path.read_text("utf-8"))
        if not (ROOT / page).exists()
    ]
    assert missing == []


@pytest.mark.parametrize(
    "line",
    [
        "micce-deploy instal x --to y",
        "micce-deploy install x",
        "micce-deploy install x --to y --jobs 0",
        "micce-deploy install x --to y --nonsense",
        "micce-deploy check",
        "micce-deploy hotfixes",
        "micce-deploy hotfixes lst",
        "micce-deploy hotfixes show",
        "micce-deploy hotfixes show X --nonsense",
    ],
)
def test_a_wrong_command_line_is_noticed(line: str) -> None:
    assert mistakes(arguments(line, "sh")) is not None


def test_commands_are_found_in_blocks() -> None:
    text = "$ micce-deploy check a\nMICCE_MACHINE=x micce-deploy doctor # why\nnot micce-deploy\n"
    text += "micce-deploy install a \\\n  --to b > c\n"
    lines = list(command_lines(Block("sh", text, "x.md", 1)))
    assert [arguments(line, "sh") for line in lines] == [["check", "a"], ["doctor"], ["install", "a", "--to", "b"]]


def test_a_document_is_taken_apart() -> None:
    document = Document(
        ROOT / "x.md", "# A `b` c\n[t](u.md#v)\n```sh\n[no](x.md)\n```\n`micce-deploy x` `[no](y.md)`\n"
    )
    assert list(document.links()) == ["u.md#v"]
    assert document.anchors() == {"a-b-c"}
    assert list(document.inline()) == ["b", "micce-deploy x", "[no](y.md)"]
