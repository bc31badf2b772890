"""Razor views, the subset of docs/reference/custom-views.md: text in, tree and problems out. Pure.

Where markup ends and code begins follows ASP.NET Razor 3, that of MVC 5 (Microsoft: "Razor syntax
reference"). What that takes and this does not is named, all of it at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from deploy.errors import Problem
from deploy.site.csharp import Expressions, NotInSubsetError, Scope, shown, tokens
from deploy.site.markup_places import place_problems
from deploy.site.markup_state import Event, Kind, MarkupState, OpenTags
from deploy.site.razor_cursor import Cursor, LostError
from deploy.site.razor_places import parts_of
from deploy.site.razor_statements import loop_of, simple_statement
from deploy.site.razor_tree import Assign, Branch, Condition, Loop, Node, Page, Truth
from deploy.site.razor_writer import Writer

_WHOLE_PAGE = re.compile(r"<html[\s>]|<!doctype\s", re.IGNORECASE)
_TEXT_TAG = re.compile(r"<text\s*(/?)\s*>", re.IGNORECASE)
_STATEMENTS = frozenset({"if", "foreach"})
_OTHER_STATEMENTS = frozenset(
    {"for", "while", "do", "switch", "try", "catch", "finally", "lock", "using", "unsafe", "else"}
)
_WITH_BRACES = frozenset({"functions", "section", "helper", "code"})
_DIRECTIVES = frozenset({"inherits", "layout", "sessionstate", "namespace", "page", "inject", "implements"})
_NO_AT = "remove the @"


@dataclass(frozen=True, slots=True)
class ParsedRazor:
    """The page, None when a problem is an error; the problems by line, warnings too."""

    page: Page | None
    problems: tuple[Problem, ...]


def parse_razor(text: str, file: str, names: Sequence[str], root: str = "/") -> ParsedRazor:
    """Read a view. `names` are those of the values, `root`, with a slash at its end, is what `~/` stands for.

    Problems: razor-unsupported, razor-syntax, unknown-value, unquoted-value, uneven-markup,
    view-too-deep, and the warnings value-in-script and more-problems.
    """
    cursor = Cursor(text, file)
    parser = _Parser(cursor, Writer(cursor, root), names)
    nodes: list[Node] = []
    try:
        parser.mixed(nodes, int(text.startswith("\ufeff")), len(text))
        cursor.problems += (problem.at(file) for problem in place_problems(parts_of(nodes)))
    except LostError:
        nodes = []
    problems = tuple(sorted(cursor.problems, key=lambda problem: problem.line or len(text) + 1))
    if any(problem.is_error for problem in problems):
        return ParsedRazor(None, problems)
    own_page = bool(_WHOLE_PAGE.search(text)) if parser.layout is None else not parser.layout
    return ParsedRazor(Page(tuple(nodes), own_page), problems)


@dataclass(slots=True)
class _Parser:
    """Reads markup and code in turn."""

    cursor: Cursor
    writer: Writer
    names: Sequence[str]
    layout: str | None = None
    has_model: bool = False
    bag: set[str] = field(default_factory=set)
    variables: list[str] = field(default_factory=list)
    keeps_blanks: bool = False

    def mixed(self, nodes: list[Node], start: int, end: int) -> None:
        """Markup up to `end`, with what begins with @ in it; that may reach further than `end`."""
        while (at := self._next_at(start, start, end)) >= 0:
            self._transition(nodes, start, at)
            start = self.cursor.position
        self.writer.source(nodes, start, end)
        self.cursor.position = max(start, end)

    def _next_at(self, start: int, scan: int, end: int) -> int:
        """The next @ that is not the one of an e-mail address, -1 if there is none; markup began at `start`."""
        source = self.cursor.source
        while (at := source.find("@", scan, end)) >= 0:
            before, after = source[max(at - 1, start) : at], source[at + 1 : at + 2]
            if not (before.isalnum() and after.isalnum()):
                return at
            scan = at + 1
        return -1

    # What begins with @.

    def _transition(self, nodes: list[Node], start: int, at: int) -> None:
        """Write the markup from `start` to the @ at `at`, and read what begins there."""
        cursor = self.cursor
        following = cursor.source[at + 1 : at + 2]
        if following == "*":
            self._comment(nodes, start, at)
        elif following == "{":
            self._alone(nodes, start, at, self._block)
        elif cursor.name(at + 1):
            self._named(nodes, start, at, cursor.name(at + 1))
        elif following == "@":
            self.writer.source(nodes, start, at + 1)
            cursor.position = at + 2
        elif following == "(":
            self.writer.source(nodes, start, at)
            end = cursor.closing(at + 1)
            cursor.position = end
            self._value(nodes, at, at + 2, end - 1)
        else:
            self.writer.source(nodes, start, at)
            what = f"{following!r} follows it" if following else "nothing follows it"
            cursor.say(at, "razor-syntax", f"an @ begins code, and {what}", "write @@ for a plain @")
            cursor.position = at + 1

    def _named(self, nodes: list[Node], start: int, at: int, name: str) -> None:
        """What begins with @ and a name: a directive, a statement, a value."""
        after = at + 1 + len(name)
        follows_blank = self.cursor.source[after : after + 1].isspace()
        if name == "model" and follows_blank:
            self._alone(nodes, start, at, self._model)
        elif name in _STATEMENTS or name in _OTHER_STATEMENTS:
            self._alone(nodes, start, at, self._keyword)
        elif name in _WITH_BRACES or (name in _DIRECTIVES and follows_blank):
            self._alone(nodes, start, at, self._directive)
        else:
            self.writer.source(nodes, start, at)
            self._implicit(nodes, at)

    def _alone(self, nodes: list[Node], start: int, at: int, read: Callable[[list[Node]], None]) -> None:
        """Code that writes nothing itself: if it has its lines for itself, nothing is left of them."""
        cursor = self.cursor
        tight = not (self.keeps_blanks or self.writer.place.is_in_value)
        self.writer.source(nodes, start, cursor.line_start(start, at) if tight else at)
        cursor.position = at + 1
        read(nodes)
        if tight:
            cursor.position = cursor.line_end(cursor.position)

    def _comment(self, nodes: list[Node], start: int, at: int) -> None:
        cursor = self.cursor
        end = cursor.source.find("*@", at + 2) + 2
        if end < 2:
            cursor.lost(at, "the comment that begins with @* has no *@", "close it with *@")
        line_start, line_end = cursor.line_start(start, at), cursor.line_end(end)
        tight = not (self.keeps_blanks or self.writer.place.is_in_value)
        own_line = tight and line_end > end and cursor.begins_line(line_start)
        self.writer.source(nodes, start, line_start if own_line else at)
        cursor.position = line_end if own_line else end

    def _model(self, _nodes: list[Node]) -> None:
        cursor = self.cursor
        start = cursor.position
        if not cursor.rest_of_line(start)[len("model") :].strip():
            cursor.say(start, "razor-syntax", "@model names no type", "write @model and a type, or remove the line")
        if self.has_model:
            cursor.say(start, "razor-syntax", "there is a second @model", "keep the first")
        self.has_model = True
        cursor.position = cursor.next_line(start)

    def _directive(self, _nodes: list[Node]) -> None:
        cursor = self.cursor
        start = cursor.position
        cursor.unsupported(start, f"@{cursor.rest_of_line(start)}")
        brace = cursor.source.find("{", start)
        if cursor.name(start) in _WITH_BRACES and brace >= 0:
            cursor.position = cursor.closing(brace)
        else:
            cursor.position = cursor.next_line(start)

    def _implicit(self, nodes: list[Node], at: int) -> None:
        """`@Model.Name` and the like."""
        cursor = self.cursor
        end = cursor.position = cursor.value_end(at + 1)
        words = tokens(cursor.source, at + 1, end)
        if [word.text for word in words[:4]] == ["Html", ".", "Raw", "("] and words[-1].text == ")":
            self._raw(nodes, at, words[3].end, words[-1].start)
        else:
            self._value(nodes, at, at + 1, end)

    def _value(self, nodes: list[Node], at: int, start: int, end: int) -> None:
        value = self.cursor.read(lambda: self._expression(start, end).text(), at)
        if value is not None:
            self.writer.value(nodes, value, at)

    def _raw(self, nodes: list[Node], at: int, start: int, end: int) -> None:
        try:
            self.writer.markup(nodes, self._expression(start, end).literal())
        except NotInSubsetError:
            hint = "write the value without Html.Raw: then it is encoded, as it has to be"
            message = "Html.Raw takes one text in quotation marks and nothing else"
            self.cursor.say(at, "razor-unsupported", message, hint)

    # Statements.

    def _block(self, nodes: list[Node]) -> None:
        """`{ ... }`; the position is at the brace."""
        cursor = self.cursor
        opening = cursor.position
        cursor.position += 1
        cursor.deeper(opening)
        while True:
            indent = cursor.skip_blanks()
            if cursor.at_end:
                cursor.lost(opening, "this { is never closed", "every { needs its }, every element its end tag")
            if cursor.startswith("}"):
                break
            self._statement(nodes, indent)
        cursor.position += 1
        cursor.shallower()

    def _statement(self, nodes: list[Node], indent: int) -> None:
        """One statement; the blanks before it on its line began at `indent`."""
        cursor = self.cursor
        here = cursor.position
        sign, following = cursor.source[here], cursor.source[here + 1 : here + 2]
        if sign == "<":
            self._tag_block(nodes, indent)
        elif sign == "@" and following == ":":
            self._line_block(nodes, indent)
        elif sign == "@" and (following in ("@", "{", "<", "") or self._is_keyword(here + 1)):
            message = f"code has begun already, so no @ belongs before {cursor.name(here + 1) or 'this'}"
            cursor.say(here, "razor-syntax", message, _NO_AT)
            cursor.position += 1
        elif sign == "@":
            self._transition(nodes, here, here)
        elif sign == "{":
            self._block(nodes)
        elif sign == ";":
            cursor.position += 1
        elif self._is_keyword(here):
            self._keyword(nodes)
        else:
            self._simple(nodes)

    def _is_keyword(self, at: int) -> bool:
        return self.cursor.name(at) in _STATEMENTS | _OTHER_STATEMENTS

    def _keyword(self, nodes: list[Node]) -> None:
        """A statement that begins with a word and has a block."""
        cursor = self.cursor
        start = cursor.position
        word = cursor.word()
        if word == "if":
            self._if(nodes)
        elif word == "foreach":
            self._foreach(nodes)
        elif word == "else":
            cursor.say(start, "razor-syntax", "there is no if before this else", "put it right after the } of the if")
        else:
            cursor.unsupported(start, cursor.rest_of_line(start))
            ends = [self._skip_group(sign) for sign in "({"]
            if not any(ends):
                cursor.position = cursor.statement_end(cursor.position)

    def _skip_group(self, sign: str) -> bool:
        cursor = self.cursor
        before = cursor.position
        cursor.skip_blanks()
        if cursor.startswith(sign):
            cursor.position = cursor.closing(cursor.position)
            return True
        cursor.position = before
        return False

    def _if(self, nodes: list[Node]) -> None:
        cursor, before = self.cursor, self.writer.place.copy()
        line = cursor.line(cursor.position)
        arms: list[tuple[Condition, tuple[Node, ...]]] = []
        otherwise: tuple[Node, ...] = ()
        while True:
            start, end = cursor.brackets("if")
            condition = self._condition(start, end)
            self.writer.place = before.copy()
            arms.append((condition, self._body("if")))
            here = cursor.position
            if cursor.word() != "else":
                cursor.position = here
                break
            here = cursor.position
            if cursor.word() != "if":
                cursor.position = here
                self.writer.place = before.copy()
                otherwise = self._body("else")
                break
        nodes.append(Branch(tuple(arms), otherwise, line))

    def _condition(self, start: int, end: int) -> Condition:
        found = self.cursor.read(lambda: self._expression(start, end).condition(), start)
        # A view with an error has no page, so what stands in for a refused condition is never asked.
        return Truth(False) if found is None else found

    def _foreach(self, nodes: list[Node]) -> None:
        cursor = self.cursor
        line = cursor.line(cursor.position)
        start, end = cursor.brackets("foreach")
        variable, items = loop_of(cursor, start, end, self._scope)
        self.variables.append(variable)
        body = self._body("foreach")
        self.variables.pop()
        if items is not None:
            nodes.append(Loop(variable, items, body, line))

    def _body(self, owner: str) -> tuple[Node, ...]:
        cursor = self.cursor
        nodes: list[Node] = []
        indent = cursor.skip_blanks()
        if cursor.startswith("{"):
            self._block(nodes)
        else:
            message = f"a {{ is missing after {owner}"
            cursor.say(cursor.position, "razor-syntax", message, "write { and } around what belongs to it")
            if not cursor.at_end and not cursor.startswith("}"):
                self._statement(nodes, indent)
        return tuple(nodes)

    def _simple(self, nodes: list[Node]) -> None:
        """`ViewBag.Name = text;` or `Layout = null;`."""
        found = simple_statement(self.cursor, self._scope)
        if isinstance(found, Assign):
            self.bag.add(found.name)
            nodes.append(found)
        elif found is not None:
            self.layout = found

    # Markup inside code.

    def _tag_block(self, nodes: list[Node], indent: int) -> None:
        """An element with all in it, or `<text>`, inside code; the position is at its `<`."""
        cursor = self.cursor
        opening = cursor.position
        text_tag = _TEXT_TAG.match(cursor.source, opening)
        start = indent
        open_tags = OpenTags()
        if text_tag is not None:
            start = cursor.position = text_tag.end()
            if text_tag[1]:
                return
            open_tags.begin("text", opening)
        cursor.deeper(opening)
        start, end = self._element(nodes, start, start if text_tag else opening, open_tags)
        cursor.shallower()
        # The blanks around an element are its own; <text> is there to have none.
        cursor.position = end if text_tag else cursor.blanks_end(end)
        self.writer.source(nodes, start, cursor.source.rfind("</", start, end) if text_tag else cursor.position)

    def _element(self, nodes: list[Node], start: int, scan: int, open_tags: OpenTags) -> tuple[int, int]:
        """Read to the end of the outermost element; from where it is still to be written, and where it ends."""
        cursor, shape = self.cursor, MarkupState()
        opening, size = scan, len(cursor.source)
        at = self._next_at(start, scan, size)
        while True:
            event = shape.step(cursor.source, scan, at if at >= 0 else size)
            if event is not None:
                scan = event.end
                if event.kind is not Kind.HOME and not self._still_open(open_tags, event):
                    return start, scan
            elif at >= 0:
                self._transition(nodes, start, at)
                shape.value()
                start = scan = cursor.position
                at = self._next_at(start, scan, size)
            else:
                name, place = open_tags.outermost if open_tags else ("", opening)
                cursor.lost(place, f"<{shown(name)}> is never closed", "inside code every element needs its end tag")

    def _still_open(self, open_tags: OpenTags, event: Event) -> bool:
        lonely = open_tags.take(event, event.end - 1)
        if lonely is not None:
            name, place = lonely
            message = f"<{shown(name)}> stands alone"
            hint = "inside code every element needs a start tag and an end tag; <br /> and the like need one"
            self.cursor.say(place, "razor-syntax", message, hint)
        return bool(open_tags)

    def _line_block(self, nodes: list[Node], indent: int) -> None:
        """`@:` and the rest of its line."""
        cursor = self.cursor
        self.writer.source(nodes, indent, cursor.position)
        kept, self.keeps_blanks = self.keeps_blanks, True
        start = cursor.position + 2
        while (at := self._next_at(start, start, cursor.next_line(start))) >= 0:
            self._transition(nodes, start, at)
            start = cursor.position
        cursor.position = cursor.next_line(start)
        self.writer.source(nodes, start, cursor.position)
        self.keeps_blanks = kept

    @property
    def _scope(self) -> Scope:
        return Scope(self.names, frozenset(self.bag), tuple(self.variables), self.writer.root)

    def _expression(self, start: int, end: int) -> Expressions:
        return Expressions(self.cursor.source, start, end, self._scope)
