r"""What the values of a ClientSetup.ini may be.

Pure. Every fault names its section and key, so that a form can show it beside the field and a reader at
its line. No message holds an account or a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from deploy.config.clientini_values import ClientSetup, General, Options, PasswordFormat, RunAs
from deploy.config.identifiers import Identifiers
from deploy.config.model import DEFAULT_TENANT
from deploy.config.profile import value_problem
from deploy.errors import ConfigError, Problem, error, quoted
from deploy.relpath import segment_problem

LONGEST_PASSWORD = 256  # UTF-16 units, PWLEN of lmcons.h
LONGEST_ACCOUNT = 512  # a domain of 255 and a user of 256 (UNLEN)
LONGEST_PATH = 259
LARGEST_TENANT = 2**31 - 1

ACCOUNT_HINT = r"write DOMAIN\user, user@domain, or .\user for an account of the computer itself"

# What sAMAccountName excludes ("SAM-Account-Name attribute", Active Directory schema), and "@".
_NAME = r'[^"/\\\[\]:;|=,+*?<>@\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]'
_ACCOUNT = re.compile(
    rf"(?:\.|(?!\.)(?:(?!\s){_NAME}){{1,255}})\\(?!\s)(?![. ]+\Z)(?P<user>{_NAME}{{1,256}})(?<![\s.])"
    rf"|(?:(?!\s){_NAME}){{1,256}}@(?=.{{1,255}}\Z)[\w-]+(?:\.[\w-]+)*"
)
_USER_IN_ADDRESS = re.compile(r"//[^/\\?#]*@")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]+")
_SEPARATORS = re.compile(r"[\\/]+")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a value; `section` and `key` as in `LAYOUT`, `key` "" for a section as a whole."""

    section: str
    key: str
    problem: Problem


def faults(setup: ClientSetup) -> tuple[Fault, ...]:
    """Everything that is wrong with the values, in the order of the file; empty if it can be written.

    Codes: bad-value, bad-account, bad-password, no-feature.
    """
    found = [*_general(setup.general), *_run_as(setup.run_as)]
    if not setup.features:
        hint = "choose one at least, as in Agent=true"
        found.append(Fault("Features", "", error("no-feature", "no feature is to be installed", hint)))
    return (*found, *_options(setup.options))


def account_problem(text: str) -> str | None:
    """Why a text is no account, in words that do not hold it; None if it is one."""
    if len(text) > LONGEST_ACCOUNT:
        return f"it is longer than {LONGEST_ACCOUNT} characters"
    if _ACCOUNT.fullmatch(text):
        return None
    if "\\" not in text and "@" not in text:
        return "it says no domain"
    return "a domain or a user cannot be named so"


def password_problem(text: str) -> str | None:
    """Why a text can be no password in the file, in words that do not hold it; None if it can."""
    if not text:
        return "it is empty, and Windows starts no programs under an account without a password"
    if len(text.encode("utf-16-le", "surrogatepass")) // 2 > LONGEST_PASSWORD:
        return f"it is longer than {LONGEST_PASSWORD} characters"
    return value_problem(text)


def path_problem(text: str, *, folder: bool) -> str | None:
    """Why a text is no absolute path of a folder, or of a file, on the computer of the client; None if it is one."""
    drive = _DRIVE.match(text)
    if drive is None and (not text.startswith("/") or text.startswith("//")):
        return "it is not an absolute path on the computer itself"
    if len(text) > LONGEST_PATH:
        return f"it is longer than {LONGEST_PATH} characters"
    rest = text[len(drive.group()) if drive else 1 :]
    if folder:
        rest = rest.rstrip("\\/")
    if not rest:
        return "it names a whole disk"
    return next((problem for name in _SEPARATORS.split(rest) if (problem := segment_problem(name)) is not None), None)


def _general(general: General) -> Iterator[Fault]:
    wrong = segment_problem(general.customer_id)
    if wrong is not None:
        hint = "write the name of the customer's folder in the repository"
        yield _bad("General", "CustomerID", f"CustomerID is {quoted(general.customer_id)}: {wrong}", hint)
    if not DEFAULT_TENANT <= general.tenant_id <= LARGEST_TENANT:
        hint = "write the number of the tenant, or -1 for the default tenant"
        yield _bad("General", "TenantID", f"TenantID is {general.tenant_id}", hint)
    for key, text in (("WebServerUri", general.web_server_uri), ("BrokerServer", general.broker_server)):
        if text is not None:
            yield from _identifier(key, text)


def _identifier(key: str, text: str) -> Iterator[Fault]:
    try:
        Identifiers().with_values({key: text}, "ClientSetup.ini")
    except ConfigError as wrong:
        what = "a whole address" if key == "WebServerUri" else "the name of a computer"
        yield _bad("General", key, f"{key} is not {what}", wrong.problems[0].hint)
        return
    if text != text.strip() or _USER_IN_ADDRESS.search(text):
        yield _bad("General", key, f"{key} holds a user, or a blank at an end", "leave that out: every client reads it")


def _run_as(run_as: RunAs) -> Iterator[Fault]:
    wrong = None if run_as.account is None else account_problem(run_as.account)
    if wrong is not None:
        yield Fault("RunAs", "Account", error("bad-account", f"this can be no account: {wrong}", ACCOUNT_HINT))
    if run_as.password_format is PasswordFormat.NONE:
        if run_as.password:
            hint = "write PasswordFormat=obfuscated or plain, or leave the password out"
            said = "there is a password, and its format is none"
            yield Fault("RunAs", "PasswordFormat", error("bad-password", said, hint))
        return
    if run_as.account is None:
        said = "there is a password, and no account that it is for"
        yield Fault("RunAs", "Account", error("bad-account", said, ACCOUNT_HINT))
    wrong = password_problem(run_as.password)
    if wrong is not None:
        hint = "with PasswordFormat=none the user is asked for it"
        yield Fault("RunAs", "Password", error("bad-password", f"Password cannot be used: {wrong}", hint))


def _options(options: Options) -> Iterator[Fault]:
    for key, text, folder, example in (
        ("InstallDir", options.install_dir, True, r"C:\Program Files (x86)\Mitel\MiCC Enterprise"),
        ("LogFile", options.log_file, False, r"C:\ProgramData\Mitel\ClientSetup.log"),
    ):
        wrong = None if text is None else path_problem(text, folder=folder)
        if wrong is not None:
            hint = f"write a whole path, as in {example}; names between percent signs are not replaced"
            yield _bad("Options", key, f"{key} is {quoted(text or '')}: {wrong}", hint)


def _bad(section: str, key: str, message: str, hint: str) -> Fault:
    return Fault(section, key, error("bad-value", message, hint))
