"""The statements of a Razor view that are one expression long: the head of a loop, an assignment. Pure."""

from __future__ import annotations

from deploy.site.csharp import Expressions, Scope, shown, tokens
from deploy.site.razor_cursor import Cursor
from deploy.site.razor_tree import Assign, Items, Literal

LAYOUT = "~/Views/Shared/_Layout.cshtml"
"""The only layout a view may name: the plain page around every view that has none of its own."""


def loop_of(cursor: Cursor, start: int, end: int, scope: Scope) -> tuple[str, Items | None]:
    """The variable and the list of `var variable in list`; without the list if it is not understood, which is said."""
    words = tokens(cursor.source, start, end)
    texts = [word.text for word in words]
    variable = texts[1] if len(words) > 1 and words[1].kind == "name" else ""
    if len(words) > 3 and texts[0] in ("var", "string", "String") and variable and texts[2] == "in":
        return variable, cursor.read(lambda: Expressions(cursor.source, words[3].start, end, scope).items(), start)
    message = f"this is not understood in a foreach: {shown(cursor.source[start:end])}"
    cursor.say(start, "razor-unsupported", message, "write it as foreach (var line in Model.Files)")
    return variable, None


def simple_statement(cursor: Cursor, scope: Scope) -> Assign | str | None:
    """The statement that comes next, taken: an assignment, or the layout, empty for null; None for another, said."""
    start = cursor.position
    end = cursor.position = cursor.statement_end(start)
    inner = end - (cursor.source[end - 1] == ";")
    written = shown(cursor.source[start:inner])
    words = tokens(cursor.source, start, inner)
    texts = [word.text for word in words]
    found: Assign | str | None = None
    if texts[:2] == ["ViewBag", "."] and len(words) > 4 and words[2].kind == "name" and texts[3] == "=":
        value = cursor.read(lambda: Expressions(cursor.source, words[4].start, inner, scope).text(), start)
        # A view with an error has no page: the name is known from here on, so that only the value is told.
        found = Assign(texts[2], Literal(None) if value is None else value)
    elif texts[:2] == ["Layout", "="] and len(words) == 3 and texts[2] in ("null", f'"{LAYOUT}"'):
        found = "" if texts[2] == "null" else LAYOUT
    elif texts[:2] == ["Layout", "="]:
        hint = f'write Layout = null; for a page of its own, or Layout = "{LAYOUT}";'
        cursor.say(start, "razor-unsupported", f"there is no such layout: {written}", hint)
    else:
        cursor.unsupported(start, written)
        return None
    if inner == end:
        cursor.say(start, "razor-syntax", f"a ; is missing after {written}", "write it there")
    return found
