"""What the server and its rendering process say to each other over two pipes.

Each message is a JSON value after its length: four bytes, the highest first. Both ends are the same
program of the same version.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Any

from deploy.disk import write_all
from deploy.errors import Problem
from deploy.messages import problem_of, problem_row
from deploy.site.view_context import Limits

RAZOR, JINJA = "razor", "jinja"
READY = "ready"
LENGTH_BYTES = 4
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """One rendering: the text of a view, what it is called in problems, its values by their names."""

    kind: str
    source: str
    file: str
    values: dict[str, str]
    root: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class Answer:
    """The page, None after an error; `last` when the process ends after this answer."""

    page: str | None
    problems: tuple[Problem, ...] = ()
    last: bool = False


def request_row(request: Request) -> dict[str, Any]:
    """A request as a message."""
    return asdict(request)


def request_of(message: dict[str, Any]) -> Request:
    """The request of a `request_row`."""
    return Request(**{**message, "limits": Limits(**message["limits"])})


def answer_row(answer: Answer) -> list[Any]:
    """An answer as a message."""
    return [answer.page, [problem_row(one) for one in answer.problems], answer.last]


def answer_of(message: list[Any]) -> Answer:
    """The answer of an `answer_row`."""
    page, problems, last = message
    return Answer(page, tuple(problem_of(one) for one in problems), last)


def read_message(descriptor: int, most: int | None = None) -> Any:
    """The next message of a pipe; None at its end. Raises ValueError for one of more than `most` bytes."""
    head = _read_bytes(descriptor, LENGTH_BYTES)
    length = int.from_bytes(head, "big")
    if most is not None and length > most:
        raise ValueError(f"a message of {length} bytes")
    data = _read_bytes(descriptor, length) if len(head) == LENGTH_BYTES else b""
    return json.loads(data) if data and len(data) == length else None


def write_message(descriptor: int, message: object) -> None:
    """Write one message. Raises OSError."""
    data = json.dumps(message).encode("ascii")
    write_all(descriptor, len(data).to_bytes(LENGTH_BYTES, "big") + data)


def _read_bytes(descriptor: int, count: int) -> bytes:
    found = bytearray()
    while len(found) < count:
        piece = os.read(descriptor, min(count - len(found), 1 << 20))
        if not piece:
            break
        found += piece
    return bytes(found)
