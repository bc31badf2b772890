"""What the download engine is asked for, and what it finds in its staging folder. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from deploy.digest import Sha256
from deploy.transport.contract import Validators
from deploy.transport.location import Location

NOTHING_KNOWN = Validators()


@dataclass(frozen=True, slots=True)
class FetchJob:
    """One file to have.

    `key` is unique among the jobs and stable between runs (the output path); staged names are made
    from it. `known` is what the listing said. `unless` describes the version the caller already
    holds. `size` in bytes and `sha256` are promises of a manifest: anything else is an error.
    """

    key: str
    location: Location
    known: Validators = NOTHING_KNOWN
    unless: Validators | None = None
    size: int | None = None
    sha256: Sha256 | None = None

    @property
    def expected_size(self) -> int | None:
        """The size in bytes as promised or, failing that, as listed."""
        return self.size if self.size is not None else self.known.size


@dataclass(frozen=True, slots=True)
class StagedFile:
    """A finished download as the staging journal has it.

    `source` is `source_of` its location. `fetched_at` is the POSIX time, by this machine's clock,
    at which its transfer began.
    """

    key: str
    source: str
    size: int
    sha256: Sha256
    validators: Validators
    fetched_at: float


@dataclass(frozen=True, slots=True)
class Task:
    """A job together with what an earlier run already staged for it."""

    job: FetchJob
    staged: StagedFile | None = None


def source_of(location: Location) -> str:
    """What tells one location from every other, without credentials: its parts as they are, for no one to read.

    No segment holds a slash, so nothing needs an escape.
    """
    host = f"{location.scheme.value}:{location.host}:{location.effective_port}:{location.anchor}"
    return "/".join((host, *location.segments))
