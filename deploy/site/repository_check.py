"""Everything that is wrong in a repository of customers, found at once: `micce-deploy check WebDeployment`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from deploy.config.clientini import ParsedClientSetup
from deploy.config.clientini import read as read_client_setup
from deploy.config.profile import SIZE_CAP
from deploy.errors import MicceError, Problem, error, warning
from deploy.resolve import DOCUMENT_NAME
from deploy.site.customers import Customers
from deploy.site.customers_folder import entries_of, unreadable
from deploy.site.model import DEFAULT_CUSTOMER, Customer
from deploy.site.views import check_view

TEMPLATES = "jinja2"

Judge = Callable[[str], tuple[Problem, ...]]
"""Every problem of the Setup.config at a path."""


@dataclass(frozen=True, slots=True)
class CheckedCustomer:
    """One customer and every problem of its folder, each once."""

    customer: Customer
    problems: tuple[Problem, ...]

    @property
    def is_good(self) -> bool:
        return not any(problem.is_error for problem in self.problems)


@dataclass(frozen=True, slots=True)
class CheckedRepository:
    """What a check of the repository `root` found; `problems` are those that belong to no customer."""

    root: Path
    customers: tuple[CheckedCustomer, ...]
    problems: tuple[Problem, ...]

    @property
    def everything(self) -> tuple[Problem, ...]:
        """The problems of the repository, then those of every customer."""
        return (*self.problems, *(problem for one in self.customers for problem in one.problems))

    @property
    def is_good(self) -> bool:
        return not any(problem.is_error for problem in self.everything)


def is_repository(where: str) -> bool:
    """Whether `where` is a folder that holds customers' folders and is none itself."""
    try:
        entries = entries_of(where)
        if DOCUMENT_NAME.lower() in entries:
            return False
        return any(
            DOCUMENT_NAME.lower() in entries_of(entry.path)
            for twins in entries.values()
            for entry in twins
            if entry.is_dir() and not entry.name.startswith(".")
        )
    except (OSError, ValueError):
        return False


def check_repository(root: Path, judge: Judge | None = None) -> CheckedRepository:
    """Check every customer of a repository; `judge` finds what more is wrong with a Setup.config.

    Codes of its own: no-default-customer (warning); the rest are those of `Customers`, of `check_customer`
    and of `judge`. Raises nothing for what is on the disk.
    """
    customers = Customers(root)
    problems = list(customers.refused())
    if customers.find(DEFAULT_CUSTOMER) is None:
        hint = f"copy WebDeployment/{DEFAULT_CUSTOMER} of the product there: it is what clients get without an ID"
        problems.append(warning("no-default-customer", f"there is no {DEFAULT_CUSTOMER}", hint, file=str(root)))
    checked = tuple(check_customer(customer, judge) for customer in customers.all())
    return CheckedRepository(root, checked, tuple(problems))


def check_customer(customer: Customer, judge: Judge | None = None) -> CheckedCustomer:
    """Check one customer: its Setup.config, its ClientSetup.ini, its view.

    Codes of its own: other-customer, view-not-checked (warning); the rest are those of what is checked.
    """
    problems = list(customer.problems)
    if customer.config is not None and judge is not None:
        try:
            problems += judge(customer.config.name)
        except MicceError as wrong:
            problems += wrong.problems
    if customer.client_ini is not None:
        problems += client_setup_problems(customer, customer.client_ini)
    if customer.view is not None:
        problems += _view_problems(customer.view)
    return CheckedCustomer(customer, tuple(dict.fromkeys(problems)))


def client_setup_problems(customer: Customer, path: Path) -> tuple[Problem, ...]:
    """What is wrong with a ClientSetup.ini, and where it says that it is for somebody else (other-customer)."""
    try:
        with path.open("rb") as file:
            data = file.read(SIZE_CAP + 1)
    except OSError as wrong:
        return (unreadable(wrong, path),)
    parsed = read_client_setup(data, str(path))
    return (*parsed.problems, *strangers(parsed, customer, str(path)))


def strangers(parsed: ParsedClientSetup, customer: Customer, name: str) -> Iterator[Problem]:
    """What a ClientSetup.ini, its path being `name`, says of its customer that is not so (other-customer)."""
    if parsed.setup is None or customer.config is None:
        return
    general, lines = parsed.setup.general, parsed.lines
    hint = f"generate it again: micce-deploy clientsetup {customer.id}"
    if general.customer_id.lower() != customer.id.lower():
        said = f"the file is for the customer {general.customer_id}"
        yield error("other-customer", said, hint, file=name, line=lines.get(("General", "CustomerID")))
    if general.tenant_id != customer.config.tenant_id:
        said = f"the file is for tenant {general.tenant_id}, and {customer.id} is tenant {customer.config.tenant_id}"
        yield error("other-customer", said, hint, file=name, line=lines.get(("General", "TenantID")))


def _view_problems(view: Path) -> tuple[Problem, ...]:
    """What is wrong with a custom view; a warning where what renders views is not installed (the extra "server")."""
    if find_spec(TEMPLATES) is None:
        said = f"the custom view is not checked, because {TEMPLATES} is not installed"
        hint = 'install the part for servers: pip install "micce-deployment[server]"'
        return (warning("view-not-checked", said, hint, file=str(view)),)
    return check_view(view)
