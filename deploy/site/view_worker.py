"""The process that renders custom views, and can do nothing else.

Started by `deploy.site.view_process`. It reads one request after the other from its standard input and
answers on its standard output, as `deploy.site.view_messages` has it. Before the first request it gives
up what it does not need: opening files and connections, starting programs, writing files. Time and
memory are limited for each request; who waits for the answer measures the time by the clock and ends
this process when it is over.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from typing import NoReturn

from jinja2 import Template, TemplateError, TemplateSyntaxError
from jinja2.exceptions import SecurityError

from deploy.errors import Problem, error
from deploy.site import jinja_view, razor_page
from deploy.site.razor import ParsedRazor, parse_razor
from deploy.site.view_context import SAMPLE, Limits
from deploy.site.view_messages import (
    JINJA,
    RAZOR,
    READY,
    Answer,
    Request,
    answer_row,
    read_message,
    request_of,
    write_message,
)

try:
    import resource
except ImportError:  # Windows has no such limits; there the clock is the only one.
    resource = None  # type: ignore[assignment]

KEPT_VIEWS = 32
# What expressions of a template raise in Python; an exception of another kind ends the process, which is noticed.
FAILURES = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    SyntaxError,
    TemplateError,
    TypeError,
    ValueError,
)


def main() -> NoReturn:
    """Answer requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    output = os.dup(1)
    os.dup2(2, 1)
    _warm()
    _give_up()
    write_message(output, READY)
    while (message := read_message(0)) is not None:
        answer = render(request_of(message))
        write_message(output, answer_row(answer))
        if answer.last:
            break
    os._exit(0)


def _warm() -> None:
    """Load everything that is loaded at first use: afterwards no file can be opened."""
    values = SAMPLE.values() | {"CustomerName": "\u00e4\ud83d\ude00 & \udc00"}
    for kind, source in (
        (JINJA, "{% for x in CustomerName|lines %}{{ x|urlencode|striptags|title|truncate(2) }}{% endfor %}"),
        (JINJA, "{{ CustomerName.x }}{% include 'a' %}{{ Nothing }}"),
        (JINJA, "{% if %}"),
        (JINJA, "{{ 1 / (Files|length - 3) }}"),
        (RAZOR, "@Model.CustomerName"),
        (RAZOR, "@Model.CustomerNam"),
    ):
        render(Request(kind, source, "", values, "/", Limits()))
    _parsed.cache_clear()
    _compiled.cache_clear()


def _give_up() -> None:
    """No file, no connection, no program from here on, whatever a template manages to do."""
    if resource is None:
        return
    own = os.dup(2)
    os.close(own)
    for limit, most in (
        (resource.RLIMIT_NOFILE, own),  # type: ignore[attr-defined, unused-ignore]
        (resource.RLIMIT_NPROC, 0),  # type: ignore[attr-defined, unused-ignore]
        (resource.RLIMIT_FSIZE, 0),  # type: ignore[attr-defined, unused-ignore]
        (resource.RLIMIT_CORE, 0),  # type: ignore[attr-defined, unused-ignore]
    ):
        resource.setrlimit(limit, (most, most))  # type: ignore[attr-defined, unused-ignore]


def _limit(limits: Limits) -> None:
    if resource is None:
        return
    used = resource.getrusage(resource.RUSAGE_SELF)  # type: ignore[attr-defined, unused-ignore]
    # The processor's time is for the case that nobody is left to look at the clock.
    seconds = math.ceil(used.ru_utime + used.ru_stime + limits.seconds) + 1
    for limit, most in ((resource.RLIMIT_AS, limits.memory), (resource.RLIMIT_CPU, seconds)):  # type: ignore[attr-defined, unused-ignore]
        _, hard = resource.getrlimit(limit)  # type: ignore[attr-defined, unused-ignore]
        # Not every system knows every limit, or takes it.
        with suppress(ValueError, OSError):
            resource.setrlimit(limit, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))  # type: ignore[attr-defined, unused-ignore]


def render(request: Request) -> Answer:
    """The page of a view, or what is wrong with it. Raises nothing that a template can cause but MemoryError twice."""
    _limit(request.limits)
    try:
        if request.kind == RAZOR:
            return _render_razor(request)
        return _render_jinja(request)
    except MemoryError:
        most = request.limits.memory >> 20
        message = f"rendering the view took more than {most} MB of memory"
        problem = error("view-too-large", message, "look for a text that is repeated or doubled", file=request.file)
        return Answer(None, (problem,), last=True)


def _render_razor(request: Request) -> Answer:
    parsed = _parsed(request.source, request.file, tuple(request.values), request.root)
    if parsed.page is None:
        return Answer(None, parsed.problems)
    return _joined(razor_page.pieces(parsed.page, request.values, request.root), request, parsed.problems)


@lru_cache(KEPT_VIEWS)
def _parsed(source: str, file: str, names: tuple[str, ...], root: str) -> ParsedRazor:
    return parse_razor(source, file, names, root)


@lru_cache(KEPT_VIEWS)
def _compiled(source: str, file: str, names: tuple[str, ...]) -> tuple[Template | None, tuple[Problem, ...]]:
    problems = jinja_view.examine(source, file, names)
    if any(problem.is_error for problem in problems):
        return None, problems
    return jinja_view.compile_template(source), problems


def _render_jinja(request: Request) -> Answer:
    problems: tuple[Problem, ...] = ()
    try:
        template, problems = _compiled(request.source, request.file, tuple(request.values))
        if template is None:
            return Answer(None, problems)
        return _joined(jinja_view.pieces(template, request.values), request, problems)
    except FAILURES as wrong:
        return Answer(None, (*problems, _failure(wrong).at(request.file)))


def _failure(wrong: BaseException) -> Problem:
    """What an exception out of a template says to its author."""
    line = jinja_view.line_of(wrong.__traceback__)
    said = jinja_view.plain(str(wrong))
    if isinstance(wrong, TemplateSyntaxError):
        return error("jinja-syntax", said, jinja_view.SYNTAX_HINT, line=wrong.lineno)
    if isinstance(wrong, RecursionError):
        return error("view-too-deep", "the view calls itself or is nested too deeply", "write it simpler", line=line)
    if isinstance(wrong, SecurityError):
        return error("jinja-unsupported", said, "values are plain texts; use filters", line=line)
    kind = type(wrong).__name__
    return error("view-failed", f"rendering the view failed: {said or kind}", "correct the expression", line=line)


def _joined(pieces: Iterable[str], request: Request, problems: tuple[Problem, ...]) -> Answer:
    """The page, put together only as far as it may grow."""
    found, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > request.limits.output:
            return Answer(None, (*problems, _too_long(request)))
        found.append(piece)
    page = razor_page.whole_characters("".join(found))
    if len(page.encode("utf-8")) > request.limits.output:
        return Answer(None, (*problems, _too_long(request)))
    return Answer(page, problems)


def _too_long(request: Request) -> Problem:
    message = f"the page of the view is larger than {request.limits.output} bytes"
    return error("view-too-large", message, "look for a loop or a text that grows", file=request.file)


if __name__ == "__main__":
    main()
