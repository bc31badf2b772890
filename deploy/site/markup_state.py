"""Where in HTML a place of a template is: in text, in a quoted attribute, in a tag, in a script. Pure.

Follows the tokenizer of the HTML standard ("13.2.5 Tokenization") as far as it decides whether an
encoded value can become markup.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, TypeAlias

VOID = frozenset(
    "area base br col command embed hr img input keygen link meta param source track wbr".split()  # noqa: SIM905
)
"""Elements without an end tag, as Razor has them."""

_RAW = frozenset({"script", "style", "title", "textarea", "iframe", "xmp", "noembed", "noframes"})
_CODE = frozenset({"script", "style"})
_NAME_END = re.compile(r"[\s/>]")
_TAG_STOP = re.compile(r"[^\s/]")
_ATTRIBUTE_END = re.compile(r"[\s/>=]")
_UNQUOTED_END = re.compile(r"[\s>]")
_COMMENT_END = re.compile(r"--!?>")
HOME = "~/"


class Where(enum.Enum):
    """The state of the tokenizer."""

    TEXT = enum.auto()
    TAG_NAME = enum.auto()
    TAG = enum.auto()
    ATTRIBUTE_NAME = enum.auto()
    AFTER_NAME = enum.auto()
    BEFORE_VALUE = enum.auto()
    QUOTED = enum.auto()
    UNQUOTED = enum.auto()
    RAW = enum.auto()
    COMMENT = enum.auto()
    DECLARATION = enum.auto()


_LOOSE = frozenset(
    {Where.TAG_NAME, Where.TAG, Where.ATTRIBUTE_NAME, Where.AFTER_NAME, Where.BEFORE_VALUE, Where.UNQUOTED}
)


class Kind(enum.Enum):
    """What has just ended."""

    START_TAG = enum.auto()
    EMPTY_TAG = enum.auto()
    END_TAG = enum.auto()
    OTHER = enum.auto()
    HOME = enum.auto()


@dataclass(frozen=True, slots=True)
class Event:
    """Something ended just before `end`: a tag named `name`, a comment; or `~/` begins an attribute's value there."""

    kind: Kind
    name: str
    end: int


_Step: TypeAlias = "Callable[[MarkupState, str, int, int], tuple[Event | None, int]]"


@dataclass(slots=True, unsafe_hash=True)
class MarkupState:
    """A tokenizer fed piece by piece; what stands between two pieces is a value.

    It changes while it is fed; `after` and `after_value` leave it alone, and give states that are
    equal where nothing that follows could tell them apart.
    """

    where: Where = Where.TEXT
    name: str = ""
    attribute: str = ""
    quote: str = ""
    is_end: bool = False
    is_empty: bool = False

    def copy(self) -> MarkupState:
        """The same state, to be fed on its own."""
        return replace(self)

    @property
    def is_in_value(self) -> bool:
        """Whether this is in the value of an attribute, where blanks count."""
        return self.where in (Where.BEFORE_VALUE, Where.QUOTED, Where.UNQUOTED)

    @property
    def is_loose(self) -> bool:
        """Whether a value here stands in a tag without quotation marks around it."""
        return self.where in _LOOSE

    @property
    def is_code(self) -> bool:
        """Whether a value here becomes part of a script or of a style."""
        if self.where is Where.RAW:
            return self.name in _CODE
        return self.where is Where.QUOTED and (self.attribute[:2] == "on" or self.attribute == "style")

    def value(self) -> None:
        """A value stands here: an attribute's value that has not begun has begun now."""
        if self.where is Where.BEFORE_VALUE:
            self.where = Where.UNQUOTED

    def after(self, text: str) -> MarkupState:
        """The state after `text`."""
        state = replace(self)
        state.feed(text)
        return state._settled()

    def after_value(self) -> MarkupState:
        """The state after a value."""
        state = replace(self)
        state.value()
        return state._settled()

    def _settled(self) -> MarkupState:
        match self.where:
            case Where.TEXT | Where.COMMENT | Where.DECLARATION:
                return MarkupState(self.where)
            case Where.RAW:
                return MarkupState(self.where, self.name)
            case Where.TAG_NAME | Where.TAG:
                return replace(self, attribute="", quote="")
            case Where.QUOTED:
                return self
            case _:
                return replace(self, quote="")

    def feed(self, text: str) -> None:
        """Go on to the end of `text`."""
        position = 0
        while (event := self.step(text, position, len(text))) is not None:
            position = event.end

    def step(self, text: str, position: int, end: int) -> Event | None:
        """Go on to the next event; None when `end` comes first."""
        while position < end:
            event, position = self._STEPS[self.where](self, text, position, end)
            if event is not None:
                return event
        return None

    def _text(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        start = text.find("<", position, end)
        if start < 0:
            return None, end
        if text.startswith("<!--", start, end):
            # `<!-->` and `<!--->` are whole comments.
            self.where = Where.COMMENT
            return None, start + 2
        after = text[start + 1 : min(start + 2, end)]
        if after in ("!", "?"):
            self.where = Where.DECLARATION
            return None, start + 2
        self.is_end = after == "/"
        letter = start + 1 + self.is_end
        following = text[letter : min(letter + 1, end)]
        if following and not (following.isascii() and following.isalpha()):
            return None, letter
        self.where, self.name, self.is_empty = Where.TAG_NAME, "", False
        return None, letter

    def _tag_name(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        found = _NAME_END.search(text, position, end)
        stop = end if found is None else found.start()
        self.name += text[position:stop].lower()
        if found is not None:
            self.where = Where.TAG
        return None, stop

    def _tag(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        found = _TAG_STOP.search(text, position, end)
        stop = end if found is None else found.start()
        if stop > position:
            self.is_empty = text[stop - 1] == "/"
        if found is None:
            return None, end
        if found.group() == ">":
            return self._tag_end(stop + 1), stop + 1
        self.is_empty = False
        self.where, self.attribute = Where.ATTRIBUTE_NAME, ""
        return None, stop

    def _tag_end(self, end: int) -> Event:
        # To a browser the slash of `<script />` means nothing.
        raw = self.name in _RAW and not self.is_end
        self.where = Where.RAW if raw else Where.TEXT
        kind = Kind.END_TAG if self.is_end else Kind.EMPTY_TAG if self.is_empty else Kind.START_TAG
        return Event(kind, self.name, end)

    def _attribute_name(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        # A name may begin with "=", nothing else of a tag's signs can be in it.
        start = position + 1 if not self.attribute and text[position] == "=" else position
        found = _ATTRIBUTE_END.search(text, start, end)
        stop = end if found is None else found.start()
        self.attribute += text[position:stop].lower()
        if found is None:
            return None, end
        self.where = Where.AFTER_NAME
        return None, stop

    def _after_name(self, text: str, position: int, _end: int) -> tuple[Event | None, int]:
        sign = text[position]
        if sign.isspace():
            return None, position + 1
        self.where = Where.BEFORE_VALUE if sign == "=" else Where.TAG
        return None, position + (sign == "=")

    def _before_value(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        sign = text[position]
        if sign.isspace():
            return None, position + 1
        if sign == ">":
            self.where = Where.TAG
            return None, position
        start = position
        if sign in "\"'":
            self.where, self.quote = Where.QUOTED, sign
            start += 1
        else:
            self.where = Where.UNQUOTED
        if text.startswith(HOME, start, end):
            return Event(Kind.HOME, self.attribute, start), start
        return None, start

    def _quoted(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        stop = text.find(self.quote, position, end)
        if stop < 0:
            return None, end
        self.where = Where.TAG
        return None, stop + 1

    def _unquoted(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        found = _UNQUOTED_END.search(text, position, end)
        if found is None:
            return None, end
        self.where = Where.TAG
        return None, found.start()

    def _raw(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        found = re.compile(rf"</{re.escape(self.name)}(?=[\s/>])", re.IGNORECASE).search(text, position, end)
        if found is None:
            return None, end
        self.where, self.is_end, self.is_empty = Where.TAG, True, False
        return None, found.end()

    def _comment(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        found = _COMMENT_END.search(text, position, end)
        if found is None:
            return None, end
        self.where = Where.TEXT
        return Event(Kind.OTHER, "", found.end()), found.end()

    def _declaration(self, text: str, position: int, end: int) -> tuple[Event | None, int]:
        stop = text.find(">", position, end)
        if stop < 0:
            return None, end
        self.where = Where.TEXT
        return Event(Kind.OTHER, "", stop + 1), stop + 1

    _STEPS: ClassVar[Mapping[Where, _Step]] = {
        Where.TEXT: _text,
        Where.TAG_NAME: _tag_name,
        Where.TAG: _tag,
        Where.ATTRIBUTE_NAME: _attribute_name,
        Where.AFTER_NAME: _after_name,
        Where.BEFORE_VALUE: _before_value,
        Where.QUOTED: _quoted,
        Where.UNQUOTED: _unquoted,
        Where.RAW: _raw,
        Where.COMMENT: _comment,
        Where.DECLARATION: _declaration,
    }


class OpenTags:
    """The elements that are open in a piece of markup, matched as Razor does it."""

    def __init__(self) -> None:
        self._open: list[tuple[str, int]] = []

    def __bool__(self) -> bool:
        return bool(self._open)

    @property
    def outermost(self) -> tuple[str, int]:
        """The name of the outermost open element and its place."""
        return self._open[0]

    def begin(self, name: str, at: int) -> None:
        """A start tag that was read elsewhere."""
        self._open.append((name, at))

    def take(self, event: Event, at: int) -> tuple[str, int] | None:
        """Follow an event at a place; the name and place of an element without its partner, if that shows now."""
        if event.kind is Kind.START_TAG and event.name not in VOID:
            self.begin(event.name, at)
        elif event.kind is Kind.END_TAG and event.name not in VOID:
            last = None
            while self._open:
                last = self._open.pop()
                if last[0] == event.name:
                    return None
            return last or (f"/{event.name}", at)
        return None
