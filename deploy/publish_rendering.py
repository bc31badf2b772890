"""How a publication looks on the command line: JSON for programs, plain lines for people."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from deploy.disk import readable_size
from deploy.events import Event, Phase
from deploy.rendering import Json, problem_json, write_problems
from deploy.site.publish_result import CustomerResult, PublishResult, State, Step

if TYPE_CHECKING:
    from deploy.site.remote import PushResult

_STEPS = {
    "verify": "reading what is published again",
    "read": "reading",
    "ingest": "asking foreign servers",
    "write": "writing",
    "wait": "waiting for files to come to rest",
    "repack": "packing anew",
    "remove": "removing what nobody needs any more",
    "upload": "copying",
}


def publish_json(result: PublishResult, copied: PushResult | None) -> Json:
    """The document of `micce-deploy publish --json`."""
    return {
        "ok": result.ok and (copied is None or not copied.problems),
        "customers": [
            {
                "customer": one.customer,
                "state": one.state.value,
                "files": one.files,
                "size": one.size,
                "clientEntries": one.client_entries,
                "problems": [problem_json(problem) for problem in one.problems],
            }
            for one in result.customers
        ],
        "written": result.written,
        "bytesWritten": result.bytes_written,
        "removed": result.removed,
        "copied": None
        if copied is None
        else {
            "url": copied.url,
            "uploaded": copied.uploaded,
            "size": copied.size,
            "manifests": copied.manifests,
            "removed": copied.removed,
            "problems": [problem_json(problem) for problem in copied.problems],
        },
        "problems": [problem_json(problem) for problem in result.problems],
    }


def telling(tell: Callable[[Event], None]) -> Callable[[Step | CustomerResult | Event], None]:
    """What a publication tells, for who shows the progress of a download."""

    def told(what: Step | CustomerResult | Event) -> None:
        match what:
            case Step(name, customer, files, size):
                words = _STEPS.get(name, name)
                tell(Phase(f"{customer}: {words}" if customer else words, files, size))
            case CustomerResult():
                return  # shown at the end
            case _:
                tell(what)

    return told


def write_published(result: PublishResult, copied: PushResult | None) -> None:
    """The outcome of `micce-deploy publish` for people: a line a customer."""
    say = sys.stdout.write
    for one in result.customers:
        write_problems(one.problems)
        say(f"{one.customer}: {_outcome(one)}\n")
    write_problems(result.problems)
    if result.written or result.removed:
        removed = f", {_count(result.removed, 'content')} removed" if result.removed else ""
        size = readable_size(result.bytes_written)
        say(f"{_count(result.written, 'pack or object', 'packs and objects')} written, {size}{removed}\n")
    if copied is not None:
        write_problems(copied.problems)
        contents, manifests = _count(copied.uploaded, "content"), _count(copied.manifests, "manifest")
        say(f"{copied.url}: {contents} copied, {readable_size(copied.size)}; {manifests} changed\n")


def _outcome(one: CustomerResult) -> str:
    match one.state:
        case State.REFUSED:
            return "NOT published; what was published before stays"
        case State.REMOVED:
            return "has no folder any more, and is taken back"
        case _:
            left = (
                f", {_count(one.client_entries, 'entry', 'entries')} left to the clients" if one.client_entries else ""
            )
            return f"{one.state.value} ({_count(one.files, 'file')}, {readable_size(one.size)}{left})"


def _count(number: int, what: str, several: str = "") -> str:
    return f"{number} {what}" if number == 1 else f"{number} {several or what + 's'}"
