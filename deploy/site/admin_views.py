"""What the pages of administrators show: customers, releases and hotfixes as values for the templates."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from deploy.catalog import Catalog, CatalogEntry
from deploy.errors import MicceError, Problem
from deploy.hotfixes import Repository
from deploy.machine import Role
from deploy.site.model import APPLICATION_ROOT, Customer, CustomerDirectory, Publication, Release, ServerSettings
from deploy.site.repository_check import check_customer

_Seen = tuple[Customer, tuple[int, ...], tuple[int, ...]]


class State(enum.StrEnum):
    """How usable a customer's folder is: errors are those beside the Setup.config, whose own break the customer."""

    OK = "ok"
    WARNINGS = "warnings"
    ERRORS = "errors"
    BROKEN = "broken"

    @property
    def look(self) -> str:
        """The colours it is shown in."""
        return State.BROKEN.value if self is State.ERRORS else self.value


@dataclass(frozen=True, slots=True)
class Link:
    """An address a customer needs: what it is, and the address."""

    title: str
    address: str


@dataclass(frozen=True, slots=True)
class CustomerView:
    """One customer. `problems` are those of the folder, the Setup.config, the ClientSetup.ini and the view."""

    customer: Customer
    problems: tuple[Problem, ...]
    release: Release | None

    @property
    def id(self) -> str:
        return self.customer.id

    @property
    def name(self) -> str:
        return self.customer.name

    @property
    def tenant_id(self) -> int | None:
        return None if self.customer.config is None else self.customer.config.tenant_id

    @property
    def state(self) -> State:
        if self.customer.is_broken:
            return State.BROKEN
        if any(one.is_error for one in self.problems):
            return State.ERRORS
        return State.WARNINGS if self.problems else State.OK

    @property
    def parts(self) -> tuple[tuple[str, int], ...]:
        """The folders of what is published and their bytes, the largest first."""
        parts = {} if self.release is None else self.release.parts
        return tuple(sorted(parts.items(), key=lambda part: (-part[1], part[0])))


@dataclass(frozen=True, slots=True)
class HotfixView:
    """One published revision of a hotfix and what became of it."""

    entry: CatalogEntry
    offered: bool
    state: str


@dataclass(frozen=True, slots=True)
class HotfixesView:
    """The catalogue, the newest first; `problems` say why it cannot be read."""

    folder: Path | None
    hotfixes: tuple[HotfixView, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def offered(self) -> int:
        return sum(one.offered for one in self.hotfixes)


@dataclass(frozen=True, slots=True)
class Overview:
    """How many of everything there are; `customers` counts the folders that are not served too."""

    customers: int
    states: tuple[tuple[State, int], ...]
    published: int
    latest: datetime | None
    hotfixes: HotfixesView


class AdminViews:
    """Reads what there is to show; every method reads anew and works on the disk."""

    def __init__(self, settings: ServerSettings, customers: CustomerDirectory, publication: Publication) -> None:
        self._settings = settings
        self._customers = customers
        self._publication = publication
        self._judged: dict[str, tuple[_Seen, tuple[Problem, ...]]] = {}

    def customers(self) -> tuple[CustomerView, ...]:
        """Every customer, broken ones too, by id."""
        found = self._customers.all()
        for id in frozenset(tuple(self._judged)) - {one.id for one in found}:
            self._judged.pop(id, None)
        return tuple(self._view(one) for one in found)

    def customer(self, id: str) -> CustomerView | None:
        """The customer with this id in any case."""
        found = self._customers.find(id)
        return None if found is None else self._view(found)

    def refused(self) -> tuple[Problem, ...]:
        """The folders that are not served because of their names."""
        return self._customers.refused()

    def releases(self) -> tuple[Release, ...]:
        """What is published for every customer there is, the newest first."""
        found = (self._publication.release(one.id) for one in self._customers.all())
        return tuple(
            sorted(
                (one for one in found if one is not None), key=lambda one: (-one.published.timestamp(), one.customer)
            )
        )

    def hotfixes(self) -> HotfixesView:
        """The catalogue of hotfixes."""
        folder = self._settings.hotfixes
        if folder is None:
            return HotfixesView(None)
        try:
            catalog = Repository(folder).catalog()
        except MicceError as wrong:
            return HotfixesView(folder, (), wrong.problems)
        offered = frozenset(one.key for one in catalog.offered())
        return HotfixesView(
            folder,
            tuple(
                HotfixView(one, one.key in offered, hotfix_state(one, catalog))
                for one in sorted(catalog.entries, key=lambda one: one.published, reverse=True)
            ),
        )

    def overview(self) -> Overview:
        """The sums of everything."""
        customers, releases = self.customers(), self.releases()
        counted = tuple((state, sum(one.state is state for one in customers)) for state in State)
        folders = len(customers) + len(self.refused())
        return Overview(folders, counted, len(releases), releases[0].published if releases else None, self.hotfixes())

    def links(self, customer: Customer, origin: str) -> tuple[Link, ...]:
        """The addresses of a customer; `origin` is what to begin them with where server.toml names no address."""
        root, id = f"{self._settings.uri or origin}/{APPLICATION_ROOT}", quote(customer.id, safe="")
        links = (
            Link("Client download page", f"{root}/install/{id}"),
            Link("ClientSetup.ini page", f"{root}/ClientSetup/{id}"),
            Link("Manifest", f"{root}/manifest/{id}"),
        )
        if customer.client_ini is None:
            return links
        address = f"{root}/WebDeployment/{id}/{quote(customer.client_ini.name, safe='')}"
        return (*links, Link("ClientSetup.ini that clients get", address))

    def _view(self, customer: Customer) -> CustomerView:
        return CustomerView(customer, self._problems(customer), self._publication.release(customer.id))

    def _problems(self, customer: Customer) -> tuple[Problem, ...]:
        """Every problem of a customer, judged again when one of its files changed: views take a while."""
        seen = (customer, _mark(customer.client_ini), _mark(customer.view))
        known = self._judged.get(customer.id)
        if known is not None and known[0] == seen:
            return known[1]
        problems = check_customer(customer).problems
        self._judged[customer.id] = (seen, problems)
        return problems


def _mark(path: Path | None) -> tuple[int, ...]:
    """What changes with a file, empty where there is none to be seen."""
    try:
        found = None if path is None else path.stat()
    except OSError:
        found = None
    return () if found is None else (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def hotfix_state(entry: CatalogEntry, catalog: Catalog) -> str:
    """What became of a published hotfix, in words."""
    standing = catalog.standing(entry)
    if standing.withdrawn:
        return "withdrawn"
    if standing.replaced_by is not None:
        return f"obsolete: replaced by revision {standing.replaced_by}"
    if standing.superseded_by:
        return f"obsolete: superseded by {standing.superseded_by}"
    return "offered" if Role.CLIENT in entry.roles else "for servers only"
