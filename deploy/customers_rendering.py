"""How customers look on the command line: JSON for programs, plain lines for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from deploy.errors import Problem
from deploy.rendering import Json, problem_json, write_problems
from deploy.resolve import DOCUMENT_NAME
from deploy.site.customers_change import Removed
from deploy.site.model import APPLICATION_ROOT, CLIENT_INI, DEFAULT_CUSTOMER, ServerSettings
from deploy.site.repository_check import CheckedCustomer, CheckedRepository


def customer_json(checked: CheckedCustomer, settings: ServerSettings, *, whole: bool = True) -> Json:
    """One customer; with `whole` the entries of its Setup.config too."""
    customer = checked.customer
    config = customer.config
    document: dict[str, object] = {
        "id": customer.id,
        "name": customer.name,
        "tenantID": None if config is None else config.tenant_id,
        "ok": checked.is_good,
        "folder": str(customer.folder),
        "clientIni": None if customer.client_ini is None else str(customer.client_ini),
        "view": None if customer.view is None else str(customer.view),
        "problems": [problem_json(one) for one in checked.problems],
    }
    if whole:
        execute = None if config is None else config.execute
        document["installUrl"] = _address(settings, "install", customer.id)
        document["clientSetupUrl"] = _address(settings, "ClientSetup", customer.id)
        document["execute"] = (
            None if execute is None else {"command": execute.command, "args": execute.args, "hidden": execute.hidden}
        )
        document["entries"] = [
            {
                "include": entry.include,
                "exclude": entry.exclude,
                "subDirs": entry.sub_dirs,
                "outputFolder": entry.output_folder,
                "line": entry.line,
            }
            for entry in (() if config is None else config.files)
        ]
    return document


def repository_json(checked: CheckedRepository, settings: ServerSettings) -> Json:
    """The document of `micce-deploy customers list --json`."""
    return {
        "root": str(checked.root),
        "customers": [customer_json(one, settings, whole=False) for one in checked.customers],
        "problems": [problem_json(one) for one in checked.problems],
    }


def removed_json(removed: Removed) -> Json:
    """The document of `micce-deploy customers remove --json`."""
    return {"id": removed.id, "folder": str(removed.folder), "kept": str(removed.kept)}


def write_customers(checked: CheckedRepository) -> None:
    """A line a customer, then what is wrong with the repository itself."""
    rows = [("ID", "TENANT", "STATE", "NAME"), *map(_row, checked.customers)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows if checked.customers else ():
        cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)]
        sys.stdout.write("  ".join((*cells, row[3])).rstrip() + "\n")
    write_problems(checked.problems)
    sys.stdout.write(f"{checked.root}: {_count(len(checked.customers), 'customer')}\n")


def write_customer(checked: CheckedCustomer, settings: ServerSettings) -> None:
    """Everything about one customer; its problems go where problems go."""
    say = sys.stdout.write
    customer = checked.customer
    config = customer.config
    say(f"{customer.id}: {customer.name}" + (f", tenant {config.tenant_id}\n" if config else "\n"))
    say(f"folder:           {customer.folder}\n")
    say(f"{DOCUMENT_NAME}:     {'not usable' if config is None else 'good'}\n")
    if config is not None:
        execute = config.execute
        started = "nothing" if execute is None else f"{execute.command} {execute.args}".rstrip()
        say(f"    executes {started}{' (hidden)' if execute is not None and execute.hidden else ''}\n")
        for entry in config.files:
            tree = ", with folders" if entry.sub_dirs else ""
            less = f", without {entry.exclude}" if entry.exclude else ""
            say(f"    <file> {entry.number}, line {entry.line}: {entry.include} -> {entry.output_folder}{tree}{less}\n")
    say(f"{CLIENT_INI}:  {customer.client_ini.name if customer.client_ini else 'none in the folder'}\n")
    say(f"custom view:      {customer.view.name if customer.view else 'none'}\n")
    say(f"download page:    {_address(settings, 'install', customer.id)}\n")
    say(f"generation page:  {_address(settings, 'ClientSetup', customer.id)}\n")
    say(f"{_summary(checked.problems)}\n")
    sys.stdout.flush()
    write_problems(checked.problems)


def write_added(checked: CheckedCustomer, settings: ServerSettings) -> None:
    """The outcome of `micce-deploy customers add`, and what to do next."""
    write_problems(checked.problems)
    customer = checked.customer
    say = sys.stdout.write
    say(f"{customer.id}: {customer.name}, added in {customer.folder}\n")
    say(f"next: change {customer.folder / DOCUMENT_NAME} where this customer needs something else\n")
    say(f"      generate {CLIENT_INI}: micce-deploy clientsetup {_argument(customer.id)} --help, or\n")
    say(f"      {_address(settings, 'ClientSetup', customer.id)}\n")
    say(f"      clients install from {_address(settings, 'install', customer.id)}\n")


def write_removed(removed: Removed) -> None:
    """The outcome of `micce-deploy customers remove`, and how it is undone."""
    sys.stdout.write(f"{removed.id}: removed; everything is kept in {removed.kept}\n")
    sys.stdout.write(f"to bring it back, rename that folder to {removed.folder}\n")


def write_repository(checked: CheckedRepository) -> None:
    """The outcome of `micce-deploy check` over a repository: problems, then a line a customer."""
    write_problems(checked.everything)
    for one in checked.customers:
        state = "good" if one.is_good else "not usable"
        sys.stdout.write(f"{one.customer.id}: {state} ({_summary(one.problems)})\n")
    state = "good" if checked.is_good else "not usable as a whole"
    counted = f"{_count(len(checked.customers), 'customer')}, {_summary(checked.everything)}"
    sys.stdout.write(f"{checked.root}: {state} ({counted})\n")


def _row(checked: CheckedCustomer) -> tuple[str, str, str, str]:
    config = checked.customer.config
    errors = sum(one.is_error for one in checked.problems)
    warnings = len(checked.problems) - errors
    state = _count(errors, "error") if errors else _count(warnings, "warning") if warnings else "good"
    return checked.customer.id, "?" if config is None else str(config.tenant_id), state, checked.customer.name


def _address(settings: ServerSettings, page: str, customer: str) -> str:
    """The page of a customer; without scheme and host where the server's own address is not known."""
    path = f"{settings.uri or ''}/{APPLICATION_ROOT}/{page}"
    return path if customer.lower() == DEFAULT_CUSTOMER.lower() else f"{path}/{customer.replace(' ', '%20')}"


def _argument(id: str) -> str:
    """An id as it is typed."""
    return f'"{id}"' if " " in id else id


def _summary(problems: Iterable[Problem]) -> str:
    found = list(problems)
    errors = sum(one.is_error for one in found)
    return f"{_count(errors, 'error')}, {_count(len(found) - errors, 'warning')}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
