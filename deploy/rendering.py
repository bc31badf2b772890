"""How results and events look: JSON for programs, plain lines for pipes, bars for people.

The only place that prints. Results go to stdout, what happens on the way and what is wrong to stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from deploy.disk import readable_size
from deploy.errors import Problem
from deploy.events import Current, Event, Failed, Fetched, Phase, Progress, Retrying, Stopped
from deploy.install import InstallResult
from deploy.plan import Plan

if TYPE_CHECKING:
    from deploy.doctor import Diagnosis

Json = Mapping[str, object]


def problem_json(problem: Problem) -> Json:
    """{"severity", "code", "message", "file", "line"}; the message ends with what to do next."""
    return {
        "severity": problem.severity.value,
        "code": problem.code,
        "message": f"{problem.message}; {problem.hint}" if problem.hint else problem.message,
        "file": problem.file,
        "line": problem.line,
    }


def check_json(problems: Iterable[Problem]) -> Json:
    """{"ok", "problems"} of `micce-deploy check --json`."""
    found = list(problems)
    return {"ok": not any(one.is_error for one in found), "problems": [problem_json(one) for one in found]}


def plan_json(plan: Plan) -> Json:
    """The document of `micce-deploy resolve --json`; outputs have forward slashes."""
    return {
        "customerName": plan.customer_name,
        "tenantID": plan.tenant_id,
        "execute": None
        if plan.execute is None
        else {"command": plan.execute.command, "args": plan.execute.args, "hidden": plan.execute.hidden},
        "files": [
            {"source": str(one.source), "output": str(one.output), "size": one.validators.size, "entry": one.entry}
            for one in plan.files
        ],
        "overwritten": [
            {
                "output": str(one.winner.output),
                "source": str(one.loser.source),
                "entry": one.loser.entry,
                "by": {"source": str(one.winner.source), "entry": one.winner.entry},
            }
            for one in plan.overwritten
        ],
        "warnings": [problem_json(one) for one in plan.warnings],
    }


def result_json(result: InstallResult) -> Json:
    """The last line of `micce-deploy install --json`."""
    return {
        "event": "done",
        "base": str(result.base),
        "files": result.files,
        "fetched": result.fetched,
        "alreadyRight": result.already_right,
        "transferred": result.transferred,
        "execute": None
        if result.executed is None
        else {
            "program": str(result.executed.program),
            "exitCode": result.executed.exit_code,
            "restartNeeded": result.executed.restart_needed,
        },
        "warnings": [problem_json(one) for one in result.warnings],
    }


def failure_json(problems: Iterable[Problem]) -> Json:
    """The last line of a command that failed, with `--json`."""
    return {"event": "failed", "problems": [problem_json(one) for one in problems]}


def event_json(event: Event) -> Json:
    """One line of `micce-deploy install --json`."""
    match event:
        case Phase(name, files, size):
            return {"event": "phase", "phase": name, "files": files, "size": size}
        case Progress(done, files, bytes_done, bytes_total, received):
            return {
                "event": "progress",
                "done": done,
                "files": files,
                "bytesDone": bytes_done,
                "bytesTotal": bytes_total,
                "received": received,
            }
        case Retrying(key, problem, attempt, delay):
            return {
                "event": "retry",
                "output": key,
                "attempt": attempt,
                "delay": round(delay, 3),
                "problem": problem_json(problem),
            }
        case Fetched(key, _, size, sha256, _, _, transferred):
            return {"event": "fetched", "output": key, "size": size, "sha256": sha256, "transferred": transferred}
        case Current(key):
            return {"event": "unchanged", "output": key}
        case Failed(key, problems):
            return {"event": "failed-file", "output": key, "problems": [problem_json(one) for one in problems]}
        case Stopped(problem, unfinished):
            return {"event": "stopped", "unfinished": unfinished, "problem": problem_json(problem)}


def diagnosis_json(found: Diagnosis) -> Json:
    """The document of `micce-deploy doctor --json`."""
    return {
        "ok": found.healthy,
        "versions": {one.name: one.version for one in found.versions},
        "machineFile": None if found.machine_file is None else str(found.machine_file),
        "looked": [{"path": str(one.path), "place": one.place.value, "exists": one.exists} for one in found.looked],
        "roles": [role.value for role in found.roles],
        "productVersion": found.product_version,
        "identifiers": [{"name": one.name, "value": one.text, "origin": one.origin} for one in found.identifiers],
        "state": {
            "path": str(found.state.path),
            "origin": found.state.origin,
            "exists": found.state.exists,
            "writable": found.state.writable,
            "free": found.state.free,
        },
        "proxies": {
            "http": found.proxies.http,
            "https": found.proxies.https,
            "noProxy": list(found.proxies.no_proxy),
            "origin": found.proxies.origin,
        },
        "opensUncPaths": found.opens_unc_paths,
        "account": {"name": found.account.name, "elevated": found.account.elevated},
        "services": {"driver": found.services.driver, "answers": found.services.answers},
        "registry": {"driver": found.registry.driver, "answers": found.registry.answers},
        "problems": [problem_json(one) for one in found.problems],
    }


def write_json(document: Json, *, indent: bool = True) -> None:
    """One JSON document on stdout."""
    json.dump(document, sys.stdout, indent=2 if indent else None, ensure_ascii=False)
    sys.stdout.write("\n")
    sys.stdout.flush()


def write_problems(problems: Iterable[Problem]) -> None:
    """Problems for people, on stderr."""
    for problem in problems:
        sys.stderr.write(f"{problem}\n")


def write_check(name: str, problems: Iterable[Problem]) -> None:
    """The outcome of `micce-deploy check` for people."""
    found = list(problems)
    write_problems(found)
    errors = sum(one.is_error for one in found)
    warnings = len(found) - errors
    counted = f"{_count(errors, 'error')}, {_count(warnings, 'warning')}"
    sys.stdout.write(f"{name}: {'not usable' if errors else 'good'} ({counted})\n")


def write_plan(plan: Plan) -> None:
    """The outcome of `micce-deploy resolve` for people: a line a file."""
    write_problems(plan.warnings)
    for one in plan.files:
        size = "?" if one.validators.size is None else str(one.validators.size)
        sys.stdout.write(f"{size:>12}  {one.output}  <-  {one.source}  (<file> {one.entry})\n")
    for lost in plan.overwritten:
        sys.stdout.write(
            f"{'overwritten':>12}  {lost.winner.output}  <-  {lost.loser.source}  "
            f"(<file> {lost.loser.entry}, by <file> {lost.winner.entry})\n"
        )
    known = sum(one.validators.size or 0 for one in plan.files)
    sys.stdout.write(
        f"{_count(len(plan.files), 'file')}, {readable_size(known)}, {plan.customer_name or 'no customer name'}\n"
    )
    if plan.execute is not None:
        sys.stdout.write(f"then executes {plan.execute.command} {plan.execute.args}".rstrip() + "\n")


def write_result(result: InstallResult) -> None:
    """The outcome of `micce-deploy install` for people."""
    write_problems(result.warnings)
    if result.fetched:
        done = f"{_count(result.fetched, 'file')} placed, {readable_size(result.transferred)} transferred"
    else:
        done = "nothing to transfer"
    sys.stdout.write(f"{result.base}: {_count(result.files, 'file')} right ({done})\n")
    if result.executed is not None:
        restart = ", a restart is needed" if result.executed.restart_needed else ""
        sys.stdout.write(f"{result.executed.program} ended with exit code {result.executed.exit_code}{restart}\n")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def write_diagnosis(found: Diagnosis) -> None:
    """The outcome of `micce-deploy doctor` for people."""
    say = sys.stdout.write
    say("versions:      " + ", ".join(f"{one.name} {one.version}" for one in found.versions) + "\n")
    say(f"machine.toml:  {found.machine_file or 'none; every setting has its default'}\n")
    for place in found.looked:
        seen = {True: "is there", False: "not there", None: "may not be looked at by this account"}[place.exists]
        say(f"    looked for {place.path} ({place.place.value}): {seen}\n")
    roles = ", ".join(role.value for role in found.roles)
    say(f"roles:         {roles or 'none set'}; product version {found.product_version or 'not set'}\n")
    say("identifiers:\n")
    for one in found.identifiers:
        say(f"    $({one.name}) = {one.text} ({one.origin})\n" if one.text else f"    $({one.name}) is not set\n")
    state = found.state
    free = "" if state.free is None else f", {readable_size(state.free)} free"
    say(f"state:         {state.path} ({state.origin}; {'writable' if state.writable else 'NOT writable'}{free})\n")
    proxies = [
        f"{scheme} through {url}"
        for scheme, url in (("http", found.proxies.http), ("https", found.proxies.https))
        if url
    ]
    say(f"proxies:       {', '.join(proxies) or 'none'} ({found.proxies.origin})\n")
    unc = "opened by the system" if found.opens_unc_paths else "read by the built-in SMB client"
    say(f"\\\\SERVER\\Share: {unc}\n")
    say(f"account:       {found.account.name}, {'elevated' if found.account.elevated else 'not elevated'}\n")
    for title, driver in (("services:", found.services), ("registry:", found.registry)):
        say(f"{title:<15}{driver.driver}{'' if driver.answers else ' (does not answer)'}\n")
    say("all is well\n" if not found.problems else f"{_count(len(found.problems), 'problem')}:\n")
    write_problems(found.problems)
