"""`micce-hotfix`: the everyday command for hotfixes, put together from its parts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy import __version__
from deploy.cli import JsonOption, SetOption, assignments, reporting
from deploy.errors import EXIT_FAILED, ConfigError, TargetError, UsageError, error
from deploy.host.current import current
from deploy.rendering import write_json, write_problems
from hotfix.conversation import warning_text
from hotfix.history import find, installed
from hotfix.interruption import interruptible
from hotfix.log import Log, log_path
from hotfix.logged import apply_logged, prepare_logged, recover_logged, uninstall_logged
from hotfix.planned import Plan, Verdict
from hotfix.prepare import prepare_all
from hotfix.progress import progress
from hotfix.rendering import (
    applied_json,
    built_json,
    diagnosis_json,
    installed_json,
    plan_json,
    recovery_json,
    removed_json,
    shown_json,
    uninstall_plan_json,
    write_applied,
    write_built,
    write_diagnosis,
    write_installed,
    write_list,
    write_plan,
    write_recovery,
    write_removed,
    write_uninstall_plan,
)
from hotfix.streams import unfailing
from hotfix.target import Target, open_target

app = typer.Typer(
    name="micce-hotfix",
    help="Apply, list and remove hotfixes of MiCC Enterprise on this computer.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigsArgument = Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="The *.config files of the hotfixes.")]
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The id of an installed hotfix, in any case.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before services are stopped.")]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False) -> None:
    """Options of the command itself."""
    if version:
        typer.echo(f"micce-hotfix {__version__}")
        raise typer.Exit


@app.command("apply", epilog="Example: micce-hotfix apply HF003/HF003.config --yes")
def apply_command(
    configs: ConfigsArgument,
    yes: YesOption = False,
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Apply hotfixes, each wholly or not at all, those that others need first."""
    with reporting(as_json):
        target = _target(set_values)
        log = _log()
        silent = yes or as_json
        with progress(as_json=as_json) as tell:
            recover_logged(target, log, tell)
        plans = prepare_all(configs, target, silent=silent)
        refused = [problem for plan in plans if plan.verdict is Verdict.REFUSED for problem in plan.reasons]
        if refused:
            log.problems(refused)
            raise TargetError(refused)
        _ask_first([warning_text(plan) for plan in plans if plan.verdict is Verdict.READY], yes=silent)
        for foreseen in plans:
            plan = foreseen
            if plan.verdict is Verdict.READY:
                # Those before it are applied now, so it is planned anew.
                plan = prepare_logged(Path(plan.manifest.source), target, log, silent=silent)
            with progress(as_json=as_json) as tell, interruptible(tell) as stop:
                applied = apply_logged(plan, target, log, stop.tell, stop.pause)
            if as_json:
                write_json(applied_json(applied), indent=False)
            else:
                write_applied(applied)
            if stop.asked and foreseen is not plans[-1]:
                raise KeyboardInterrupt


@app.command("plan", epilog="Example: micce-hotfix plan HF003/HF003.config --json")
def plan_command(
    configs: ConfigsArgument,
    set_values: SetOption = [],  # noqa: B006
    as_json: JsonOption = False,
) -> None:
    """Show what applying would do, step by step. Changes nothing. Exit code 1 when it would be refused."""
    with reporting(as_json):
        plans = prepare_all(configs, _target(set_values), silent=True)
        _show(plans, as_json)
        if any(plan.verdict is Verdict.REFUSED for plan in plans):
            raise typer.Exit(1)


def _show(plans: tuple[Plan, ...], as_json: bool) -> None:
    if as_json:
        write_json({"plans": [plan_json(plan) for plan in plans]})
        return
    for plan in plans:
        write_plan(plan)


@app.command("list", epilog="Example: micce-hotfix list --json")
def list_command(as_json: JsonOption = False) -> None:
    """Show the installed hotfixes, the oldest first."""
    with reporting(as_json):
        records = installed(_target([]).hotfixes)
        if as_json:
            write_json({"hotfixes": [installed_json(one) for one in records]})
        else:
            write_list(records)


@app.command("show", epilog="Example: micce-hotfix show MICCE-9.6.1-HF003")
def show_command(id: IdArgument, as_json: JsonOption = False) -> None:
    """Show everything that is known of an installed hotfix."""
    with reporting(as_json):
        one = find(installed(_target([]).hotfixes), id)
        if one is None:
            raise TargetError(error("not-installed", f"{id} is not installed", "see what is: micce-hotfix list"))
        if as_json:
            write_json(shown_json(one))
        else:
            write_installed(one)


@app.command("uninstall", epilog="Example: micce-hotfix uninstall MICCE-9.6.1-HF003 --yes")
def uninstall_command(
    id: IdArgument,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files and values, too, that others changed since.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove an installed hotfix: every original comes back, byte for byte."""
    from hotfix.removalplan import prepare_uninstall

    with reporting(as_json):
        target = _target([])
        log = _log()
        if not dry_run:
            with progress(as_json=as_json) as tell:
                recover_logged(target, log, tell)
        plan = prepare_uninstall(id, target, force=force)
        if dry_run:
            if as_json:
                write_json(uninstall_plan_json(plan))
            else:
                write_uninstall_plan(plan)
            raise typer.Exit(0 if plan.verdict is Verdict.READY else 1)
        if plan.verdict is Verdict.READY:
            _ask_first([warning_text(plan)], yes=yes or as_json)
        with progress(as_json=as_json) as tell, interruptible(tell) as stop:
            removed = uninstall_logged(plan, target, log, stop.tell, stop.pause)
        if as_json:
            write_json(removed_json(removed), indent=False)
        else:
            write_removed(removed)


@app.command("build", epilog="Example: micce-hotfix build HF003/HF003.config --output dist")
def build_command(
    config: Annotated[Path, typer.Argument(metavar="CONFIG", help="The *.config of the hotfix, its files beside it.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="DIR", help="Where the zip goes; the current folder by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a hotfix, fill in digests and sizes, and write <id>-r<revision>.zip."""
    from hotfix.build import build

    with reporting(as_json):
        built = build(config, output)
        if as_json:
            write_json(built_json(built))
        else:
            write_built(built)


@app.command("recover", epilog="Example: micce-hotfix recover")
def recover_command(
    insist: Annotated[
        bool, typer.Option("--insist", help="Try again after three attempts that failed, leaving what resists.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Undo or finish what was broken off. Every other command does that first, too."""
    with reporting(as_json):
        target = _target([])
        log = _log()
        with progress(as_json=False) as tell:
            recovery = recover_logged(target, log, tell, insist=insist)
        if as_json:
            write_json(recovery_json(recovery))
        else:
            write_recovery(recovery)


@app.command("doctor", epilog="Example: micce-hotfix doctor --json")
def doctor_command(as_json: JsonOption = False) -> None:
    """Say what stands in the way of hotfixes here, and what to do. Exit code 1 when something does."""
    from hotfix.doctor import diagnose

    with reporting(as_json):
        found = diagnose(_target([]))
        if as_json:
            write_json(diagnosis_json(found))
        else:
            write_diagnosis(found)
        if not found.is_well:
            raise typer.Exit(1)


def main() -> None:
    """The console script; the exit code is 1, too, where the result could not be written."""
    with unfailing() as streams:
        code = _exit_code()
        sys.stdout.flush()
        if streams.lost_output is not None:
            said = f"the result could not be written: {streams.lost_output}"
            write_problems([error("output-lost", said, "see `micce-hotfix list` and the log for what was done")])
            code = code or EXIT_FAILED
    sys.exit(code)


def _exit_code() -> int:
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else EXIT_FAILED
    return 0


def _target(set_values: list[str]) -> Target:
    return open_target(current(), assignments(set_values))


def _log() -> Log:
    return Log(log_path(current()), lambda problem: write_problems([problem]))


def _ask_first(warnings: list[str], *, yes: bool) -> None:
    """Have the person agree where services stop or programs end; raises `UsageError`, `ConfigError`."""
    said = [text for text in dict.fromkeys(warnings) if text]
    if not said or yes:
        return
    if not sys.stdin or not sys.stdin.isatty():
        raise UsageError(error("needs-answer", " ".join(said), "add --yes to agree: nobody can be asked here"))
    for text in said:
        sys.stderr.write(f"WARNING: {text}\n")
    if not typer.confirm("Go on?", default=False, err=True):
        raise ConfigError(error("cancelled", "nothing was changed", "run the same command again when it suits"))
