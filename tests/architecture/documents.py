"""The project's Markdown, taken apart: code blocks, inline code, links, headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.architecture.source import ROOT

_FENCE = re.compile(r"^ *```(\w*)[^\n]*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?: \"[^\"]*\")?\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_EXPLICIT = re.compile(r'<a (?:id|name)="([^"]+)">')
_PROMPT = re.compile(r"^(?:\$ |> |PS> )?(?:\.venv/bin/)?(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?(?=micce-deploy )")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, its text, its file and 1-based line."""

    language: str
    text: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class Document:
    """One Markdown file."""

    path: Path
    text: str

    @property
    def name(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @property
    def prose(self) -> str:
        """The text without fenced blocks, line numbers kept."""
        return _FENCE.sub(lambda match: "\n" * match.group().count("\n"), self.text)

    def blocks(self) -> Iterator[Block]:
        for match in _FENCE.finditer(self.text):
            line = self.text.count("\n", 0, match.start()) + 1
            yield Block(match[1], match[2], self.name, line)

    def inline(self) -> Iterator[str]:
        return (match[1] for match in _INLINE.finditer(self.prose))

    def links(self) -> Iterator[str]:
        return (match[1] for match in _LINK.finditer(_INLINE.sub("", self.prose)))

    def anchors(self) -> frozenset[str]:
        """What a link may point at after `#`: headings as a forge renders them, explicit anchors, table codes."""
        headings = (
            re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in _HEADING.findall(self.prose)
        )
        return frozenset(headings) | frozenset(_EXPLICIT.findall(self.text))


@cache
def documents() -> tuple[Document, ...]:
    """Every Markdown file of the project."""
    paths = [*ROOT.glob("*.md"), *sorted((ROOT / "docs").rglob("*.md"))]
    return tuple(Document(path, path.read_text("utf-8")) for path in paths)


def command_lines(block: Block) -> Iterator[str]:
    """The `micce-deploy` commands of a block, without prompt, continued lines joined."""
    joined = re.sub(r"[\\^`]\n\s*", "", block.text)
    for line in joined.splitlines():
        match = _PROMPT.match(line.strip())
        if match is not None:
            yield line.strip()[match.end() :]
