"""The little of C# that the Razor subset knows: tokens, brackets, texts, conditions, lists. Pure.

C# language specification, chapter "Lexical structure" and chapter "Expressions".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from deploy.config.spelling import nearest
from deploy.errors import error, quoted
from deploy.site.razor_tree import (
    AllOf,
    AnyOf,
    BagValue,
    Choice,
    Condition,
    Empty,
    Items,
    Joined,
    Lines,
    Listed,
    Literal,
    ModelValue,
    Not,
    Same,
    Split,
    Text,
    Truth,
    Variable,
)

DEEPEST = 50
SHOWN = 60
NAME = re.compile(r"[^\W\d]\w*")
# What is never closed reaches to the end, so that nothing is looked at twice.
BLANKS = re.compile(r"(?:[\s\ufeff]+|//[^\r\n]*|/\*.*?(?:\*/|\Z)|@\*.*?(?:\*@|\Z))+", re.DOTALL)
_TOKEN = re.compile(
    r"""(?P<name>[^\W\d]\w*)
      | (?P<verbatim>@"(?:[^"]|"")*+")
      | (?P<string>"(?:[^"\\\r\n]|\\[^\r\n])*+")
      | (?P<unclosed>@"(?:[^"]|"")*+|"(?:[^"\\\r\n]|\\[^\r\n])*+)
      | (?P<char>'(?:[^'\\\r\n]|\\.)')
      | (?P<number>\d+(?![\w.]))
      | (?P<sign>&&|\|\||==|!=|<=|>=|=>|\?\?|\?\.|\+\+|--|\+=|.)""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{1,4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_PLAIN_ESCAPES = frozenset("\\\"'")
CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclass(frozen=True, slots=True)
class Token:
    """A token and where it stands."""

    kind: str
    text: str
    start: int
    end: int


class NotInSubsetError(Exception):
    """What is written is no part of the subset: the problem, without its line, and the place."""

    def __init__(self, at: int, message: str, hint: str = "", code: str = "razor-unsupported") -> None:
        super().__init__(message)
        self.at = at
        self.problem = error(code, message, hint)


@dataclass(frozen=True, slots=True)
class Scope:
    """The names an expression may use: of the values, of what ViewBag holds, of enclosing loops."""

    values: Sequence[str]
    bag: frozenset[str] = frozenset()
    variables: tuple[str, ...] = ()
    root: str = "/"


def shown(text: str) -> str:
    """A piece of a view fit for a message: on one line, cut, what does not print escaped."""
    return quoted(" ".join(text[: 4 * SHOWN].split())[:SHOWN])[1:-1] + ("\u2026" if len(text) > SHOWN else "")


def tokens(text: str, start: int, end: int) -> list[Token]:
    """The tokens between two places, blanks and comments left out."""
    found: list[Token] = []
    while True:
        token = next_token(text, start, end)
        if token is None:
            return found
        found.append(token)
        start = token.end


def next_token(text: str, start: int, end: int) -> Token | None:
    """The token at or after a place."""
    blanks = BLANKS.match(text, start, end)
    match = _TOKEN.match(text, start if blanks is None else blanks.end(), end)
    return None if match is None else Token(str(match.lastgroup), match.group(), match.start(), match.end())


def closing_bracket(text: str, start: int) -> int | None:
    """Where the bracket at `start` closes (after its partner); strings and comments do not count, as Razor has it."""
    opening = text[start]
    closing, depth, position = CLOSING[opening], 0, start
    while (token := next_token(text, position, len(text))) is not None:
        if token.text == opening:
            depth += 1
        elif token.text == closing:
            depth -= 1
            if not depth:
                return token.end
        position = token.end
    return None


class Expressions:
    """Reads one expression out of `text[start:end]`. Every method raises `NotInSubsetError`."""

    def __init__(self, text: str, start: int, end: int, scope: Scope) -> None:
        self._tokens = tokens(text, start, end)
        self._whole = shown(text[start:end])
        self._scope = scope
        self._next = 0
        self._depth = 0
        self._end = Token("end", "", end, end)
        self._start = start

    def text(self) -> Text:
        """The whole is a text."""
        found = self._choice()
        self._finish()
        return self._as_text(found)

    def condition(self) -> Condition:
        """The whole is a condition."""
        found = self._choice()
        self._finish()
        return self._as_condition(found)

    def literal(self) -> str:
        """The whole is one text in quotation marks."""
        token = self._take()
        if token.kind not in ("string", "verbatim") or self._peek() is not self._end:
            raise self._refuse()
        return string_value(token)

    def items(self) -> Items:
        """The whole is something to go through: lines of a value, its parts, or a list of texts."""
        found = self._new_list() if self._peek().text == "new" else self._parts()
        self._finish()
        return found

    def _parts(self) -> Items:
        value = self._as_text(self._primary())
        if self._peek().text != ".":
            return Lines(value)
        self._expect(".")
        self._expect("Split")
        self._expect("(")
        separators = []
        while self._peek().text != ")":
            token = self._take()
            if token.kind != "char":
                raise self._refuse()
            separators.append(string_value(token))
            if self._peek().text != ")":
                self._expect(",")
        self._expect(")")
        return Split(value, "".join(separators))

    def _new_list(self) -> Listed:
        self._expect("new")
        if self._peek().text == "string":
            self._take()
        for sign in "[]{":
            self._expect(sign)
        found = []
        while self._peek().text != "}":
            found.append(self._as_text(self._choice()))
            if self._peek().text != "}":
                self._expect(",")
        self._expect("}")
        return Listed(tuple(found))

    def _choice(self) -> Text | Condition:
        self._deeper()
        condition = self._any()
        if self._peek().text == "?":
            self._take()
            first = self._as_text(self._choice())
            self._expect(":")
            second = self._as_text(self._choice())
            condition = Choice(self._as_condition(condition), first, second)
        self._depth -= 1
        return condition

    def _any(self) -> Text | Condition:
        found = [self._all()]
        while self._peek().text == "||":
            self._take()
            found.append(self._all())
        return found[0] if len(found) == 1 else AnyOf(tuple(self._as_condition(one) for one in found))

    def _all(self) -> Text | Condition:
        found = [self._equality()]
        while self._peek().text == "&&":
            self._take()
            found.append(self._equality())
        return found[0] if len(found) == 1 else AllOf(tuple(self._as_condition(one) for one in found))

    def _equality(self) -> Text | Condition:
        left = self._sum()
        while self._peek().text in ("==", "!="):
            differs = self._take().text == "!="
            self._deeper()
            left = _equal(left, self._sum(), self)
            left = Not(left) if differs else left
        return left

    def _sum(self) -> Text | Condition:
        found = [self._unary()]
        while self._peek().text == "+":
            self._take()
            found.append(self._unary())
        return found[0] if len(found) == 1 else Joined(tuple(self._as_text(one) for one in found))

    def _unary(self) -> Text | Condition:
        if self._peek().text == "!":
            self._take()
            self._deeper()
            found = Not(self._as_condition(self._unary()))
            self._depth -= 1
            return found
        if self._peek().text == "-":
            self._take()
            number = self._take()
            if number.kind != "number":
                raise self._refuse()
            return Literal(f"-{number.text}")
        return self._primary()

    def _primary(self) -> Text | Condition:
        token = self._take()
        match token.kind, token.text:
            case (("string" | "verbatim"), _):
                return Literal(string_value(token))
            case "number", digits:
                return Literal(digits)
            case _, "(":
                found = self._choice()
                self._expect(")")
                return found
            case _, "null":
                return Literal(None)
            case _, ("true" | "false"):
                return Truth(token.text == "true")
            case _, ("Model" | "ViewBag"):
                self._expect(".")
                return self._value(token.text)
            case _, ("string" | "String"):
                return self._is_empty()
            case _, "Url":
                return self._address()
            case "name", name if name in self._scope.variables:
                return Variable(name)
        raise self._refuse(token.start)

    def _value(self, owner: str) -> Text:
        token = self._take()
        known = frozenset(self._scope.values) | (self._scope.bag if owner == "ViewBag" else frozenset())
        if token.kind != "name":
            raise self._refuse()
        if token.text in known:
            return ModelValue(token.text) if owner == "Model" else BagValue(token.text)
        meant = nearest(token.text, known)
        hint = f"write {owner}.{meant}" if meant else f"there are {', '.join(self._scope.values)}"
        raise NotInSubsetError(token.start, f"there is no {owner}.{shown(token.text)}", hint, "unknown-value")

    def _is_empty(self) -> Condition:
        self._expect(".")
        name = self._take()
        if name.text not in ("IsNullOrEmpty", "IsNullOrWhiteSpace"):
            raise self._refuse()
        self._expect("(")
        value = self._as_text(self._choice())
        self._expect(")")
        return Empty(value, name.text == "IsNullOrWhiteSpace")

    def _address(self) -> Text:
        for part in (".", "Content", "("):
            self._expect(part)
        token = self._take()
        if token.kind not in ("string", "verbatim"):
            raise self._refuse()
        self._expect(")")
        address = string_value(token)
        return Literal(self._scope.root + address[2:] if address[:2] == "~/" else address)

    def _as_text(self, found: Text | Condition) -> Text:
        if isinstance(found, Truth | Same | Empty | Not | AllOf | AnyOf):
            message = f"a condition stands where a text belongs: {self._whole}"
            raise NotInSubsetError(self._start, message, 'choose a text by it: condition ? "yes" : "no"')
        return found

    def _as_condition(self, found: Text | Condition) -> Condition:
        if isinstance(found, Truth | Same | Empty | Not | AllOf | AnyOf):
            return found
        hint = 'compare it, as in Model.Release == "9.7", or ask String.IsNullOrEmpty(Model.Release)'
        raise NotInSubsetError(self._start, f"a text stands where a condition belongs: {self._whole}", hint)

    def _peek(self) -> Token:
        return self._tokens[self._next] if self._next < len(self._tokens) else self._end

    def _take(self) -> Token:
        token = self._peek()
        self._next += 1
        return token

    def _expect(self, text: str) -> None:
        if self._take().text != text:
            raise self._refuse()

    def _finish(self) -> None:
        if self._peek() is not self._end:
            raise self._refuse()

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise NotInSubsetError(self._start, "brackets are nested too deeply", "write it simpler", "view-too-deep")

    def _refuse(self, at: int | None = None) -> NotInSubsetError:
        hint = (
            "values, texts, ==, !=, !, &&, ||, +, ?: and String.IsNullOrEmpty are understood; "
            "write @@ where a plain @ is meant"
        )
        return NotInSubsetError(
            self._start if at is None else at, f"this is not understood in a view: {self._whole}", hint
        )


def _equal(left: Text | Condition, right: Text | Condition, reader: Expressions) -> Condition:
    """`left == right` of two texts, or of a condition and `true` or `false`."""
    if isinstance(right, Truth):
        condition = reader._as_condition(left)
        return condition if right.value else Not(condition)
    return Same(reader._as_text(left), reader._as_text(right))


def string_value(token: Token) -> str:
    """What a string, verbatim string or character means. Raises `NotInSubsetError` for an escape that is none."""
    if token.kind == "verbatim":
        return token.text[2:-1].replace('""', '"')

    def escaped(match: re.Match[str]) -> str:
        digits = match[1] or match[2] or match[3]
        if digits:
            number = int(digits, 16)
            if number > 0x10FFFF:
                raise NotInSubsetError(token.start, f"{match.group()} is no character", "", "razor-syntax")
            return chr(number)
        if match[4] in _PLAIN_ESCAPES:
            return str(match[4])
        if match[4] not in _ESCAPES:
            hint = r"write \\ for a backslash"
            raise NotInSubsetError(token.start, f"{match.group()} means nothing in a text", hint, "razor-syntax")
        return _ESCAPES[match[4]]

    return _ESCAPE.sub(escaped, token.text[1:-1])
