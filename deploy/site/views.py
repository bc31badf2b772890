"""Custom customer views: a file of a customer's folder and eight plain texts become a page.

`Index.html.j2` is a Jinja2 template, `Index.cshtml` a Razor page of the subset that
docs/reference/custom-views.md describes. Both are read and rendered in a process of their own, bounded
in time, memory and size; whatever a view does, the caller gets a page or a `ConfigError`.
"""

from __future__ import annotations

import atexit
import codecs
import os
import stat
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from deploy.errors import ConfigError, Problem, error
from deploy.site.customers_folder import Signature, signature
from deploy.site.model import APPLICATION_ROOT
from deploy.site.view_context import LIMITS, SAMPLE, Limits, ViewContext
from deploy.site.view_messages import JINJA, RAZOR, Answer, Request
from deploy.site.view_process import ViewProcess, ViewProcessEndedError

__all__ = ["Limits", "ViewContext", "Views", "check_view", "render_view"]

ROOT = f"/{APPLICATION_ROOT}/"
KEPT_BYTES = 32 << 20
KEPT_PAGES = 1024
RETRY_SECONDS = 60.0
"""So long a view that took too much is not tried again while its file stays the same."""

_KINDS = {".j2": JINJA, ".cshtml": RAZOR}
_READ_HINT = "see that it is an ordinary file that this account may read"


def render_view(view: Path, context: ViewContext, limits: Limits = LIMITS) -> str:
    """The page of a custom view, a whole HTML document, rendered by the server's one rendering process.

    Raises `ConfigError` with every problem, each with its line where it has one: cannot-read,
    document-encoding, view-too-large, view-too-deep, view-too-slow, view-failed, view-not-rendered,
    razor-syntax, razor-unsupported, jinja-syntax, jinja-unsupported, unknown-value, unquoted-value.
    Anything may be in the file: it takes at most `limits`, and nothing else is raised.
    """
    return _shared().render(view, context, limits)


def check_view(view: Path) -> tuple[Problem, ...]:
    """Everything that is wrong with a custom view, seen by reading it and by rendering it with made-up values.

    Errors as `render_view` raises them; warnings are value-in-script and more-problems.
    """
    return _shared().check(view)


@cache
def _shared() -> Views:
    views = Views()
    atexit.register(views.close)
    return views


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer, and until when it holds by the monotonic clock; None for as long as the file is the same."""

    answer: Answer
    until: float | None = None

    @property
    def size(self) -> int:
        return len(self.answer.page or "") + 500 * (1 + len(self.answer.problems))


class Views:
    """Renders views in one warm process, and keeps the pages. For any number of threads.

    The process is started when the first page is needed, and anew after it had to be ended.
    """

    def __init__(self, root: str = ROOT) -> None:
        self._root = root
        self._rendering = threading.Lock()
        self._process: ViewProcess | None = None
        self._broken: tuple[float, str] | None = None
        self._keeping = threading.Lock()
        self._kept: OrderedDict[object, _Kept] = OrderedDict()
        self._size = 0

    def render(self, view: Path, context: ViewContext, limits: Limits = LIMITS) -> str:
        """As `render_view`."""
        answer = self._answer(view, context, limits)
        if answer.page is None:
            raise ConfigError(answer.problems)
        return answer.page

    def check(self, view: Path, limits: Limits = LIMITS) -> tuple[Problem, ...]:
        """As `check_view`."""
        try:
            return self._answer(view, SAMPLE, limits).problems
        except ConfigError as wrong:
            return wrong.problems

    def close(self) -> None:
        """End the process; the next page starts another."""
        with self._rendering:
            self._drop()

    @property
    def pid(self) -> int | None:
        """The id of the process that renders, None while there is none."""
        process = self._process
        return None if process is None else process.pid

    def _answer(self, view: Path, context: ViewContext, limits: Limits) -> Answer:
        seen = _signature(view)
        file = (str(view), None if seen is None else seen.identity, limits)
        found = self._find(file, context)
        if found is not None:
            return found
        with self._rendering:
            # Several visitors may have waited for this page; one of them has rendered it.
            found = self._find(file, context)
            if found is not None:
                return found
            source = read_view(view, limits.template)
            request = Request(_kind(view), source, str(view), context.values(), self._root, limits)
            answer, too_much = self._ask(request)
        if too_much:
            self._keep((file, None), _Kept(answer, time.monotonic() + RETRY_SECONDS))
        elif seen is not None and seen.settled:
            self._keep((file, context), _Kept(answer))
        return answer

    # The process.

    def _ask(self, request: Request) -> tuple[Answer, bool]:
        """The answer, and whether the view took more than it may."""
        while True:
            try:
                process = self._ready()
            except OSError as wrong:
                return Answer(None, (_not_rendered(request, wrong.strerror or str(wrong)),)), False
            is_warm = process.answers > 0
            try:
                answer = process.ask(request)
            except ViewProcessEndedError as wrong:
                self._drop()
                if is_warm and not wrong.expired:
                    # Somebody else may have ended it; a new one tells whether it was the view.
                    continue
                return Answer(None, (_too_slow(request) if wrong.expired else _ended(request, wrong),)), True
            if answer.last:
                self._drop()
            return answer, answer.last

    def _ready(self) -> ViewProcess:
        """The process, started if need be. Raises OSError, for a while without trying again."""
        if self._process is not None and self._process.is_alive:
            return self._process
        self._drop()
        if self._broken is not None and time.monotonic() < self._broken[0]:
            raise OSError(None, self._broken[1])
        try:
            self._process = ViewProcess()
        except OSError as wrong:
            self._broken = time.monotonic() + RETRY_SECONDS, wrong.strerror or str(wrong)
            raise
        self._broken = None
        return self._process

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.stop()

    # What is kept.

    def _find(self, file: object, context: ViewContext) -> Answer | None:
        with self._keeping:
            for key in ((file, context), (file, None)):
                kept = self._kept.get(key)
                if kept is not None and (kept.until is None or time.monotonic() < kept.until):
                    self._kept.move_to_end(key)
                    return kept.answer
        return None

    def _keep(self, key: object, kept: _Kept) -> None:
        with self._keeping:
            before = self._kept.pop(key, None)
            self._size += kept.size - (0 if before is None else before.size)
            self._kept[key] = kept
            while self._size > KEPT_BYTES or len(self._kept) > KEPT_PAGES:
                _, oldest = self._kept.popitem(last=False)
                self._size -= oldest.size


def _signature(view: Path) -> Signature | None:
    try:
        return signature(view)
    except ValueError:  # a name that no file can have
        return None


def read_view(view: Path, most: int) -> str:
    """The text of a view of at most `most` bytes: UTF-8, or UTF-16 with a byte order mark.

    Raises `ConfigError` (cannot-read, view-too-large, document-encoding); waits for nothing.
    """
    try:
        descriptor = os.open(view, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(error("cannot-read", f"{view} is no ordinary file", _READ_HINT, file=str(view)))
            data = file.read(most + 1)
    except (OSError, ValueError) as wrong:
        said = wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)
        raise ConfigError(error("cannot-read", f"{view}: {said}", _READ_HINT, file=str(view))) from wrong
    if len(data) > most:
        hint = "a view is one page: put pictures and styles into files of their own"
        raise ConfigError(error("view-too-large", f"the view is larger than {most} bytes", hint, file=str(view)))
    has_mark = data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    try:
        return data.decode("utf-16" if has_mark else "utf-8-sig")
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        found = error("document-encoding", "the view is not in UTF-8", "save it as UTF-8", file=str(view), line=line)
        raise ConfigError(found) from wrong


def _kind(view: Path) -> str:
    kind = _KINDS.get(view.suffix.lower())
    if kind is None:
        hint = "call it Index.html.j2 or Index.cshtml"
        raise ConfigError(error("cannot-read", f"{view.name} is no name of a view", hint, file=str(view)))
    return kind


def _too_slow(request: Request) -> Problem:
    message = f"rendering the view took more than {request.limits.seconds:g} seconds and was ended"
    return error("view-too-slow", message, "look for loops inside loops", file=request.file)


def _ended(request: Request, wrong: ViewProcessEndedError) -> Problem:
    message = f"rendering the view ended its process (exit code {wrong.code})"
    return error("view-failed", message, "write the view simpler; it takes too much", file=request.file)


def _not_rendered(request: Request, said: str) -> Problem:
    message = f"the process that renders views cannot be started: {said}"
    return error("view-not-rendered", message, "see to it that the server may start its own Python", file=request.file)
