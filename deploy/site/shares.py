"""Files of served folders: found in any case, opened at once, never outside their folder.

    opened = open_file(share.folder, segments)  # segments from deploy.site.address.parse_path
    if opened is None:
        ...  # 404
    else:
        await send_file(scope, receive, send, opened, headers=FIELDS)  # closes it

A file is opened before anything is said of it, so that all of an answer is of one version even while
the file is replaced.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from deploy.errors import TargetError, error
from deploy.site.shares_names import Names
from deploy.site.shares_walk import Allowed, open_below

KEYS = (
    ".bcfks",
    ".jks",
    ".kdb",
    ".kdbx",
    ".key",
    ".keystore",
    ".p12",
    ".p8",
    ".pem",
    ".pfx",
    ".pk8",
    ".ppk",
    ".pvk",
    ".snk",
)
"""Ends of names in a customer folder that are taken for private keys, and not served."""
VIEW_ENDS = (".cshtml", ".vbhtml", ".j2", ".jinja", ".jinja2")
"""Ends of names in a customer folder that are views: what pages are made from, not for visitors."""
KEY_NAMES = ("id_dsa", "id_ecdsa", "id_ed25519", "id_rsa")
"""Private keys of OpenSSH have no end of their own."""

# Copies that people and editors leave behind hold the same: tls.key.bak, Index.cshtml~, server.pem (1).
_PRIVATE = re.compile(
    rf"(?:{'|'.join(map(re.escape, (*KEYS, *VIEW_ENDS)))}|\A(?:{'|'.join(KEY_NAMES)}|web\.config))(?![0-9A-Z])",
    re.IGNORECASE | re.ASCII,
)
_ABSENT = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR, errno.ENXIO}
)
_DENIED = frozenset({errno.EACCES, errno.EPERM})
_IN_USE = (32, 33)  # Windows: sharing and lock violation
_HIDDEN = stat.FILE_ATTRIBUTE_HIDDEN | stat.FILE_ATTRIBUTE_SYSTEM
_LOG = logging.getLogger("micce.site")
_NAMES = Names()


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A regular file that is open: whoever has it closes `descriptor`.

    `name` is as it is spelled on disk, behind links too; `size` in bytes; `mtime_ns` and `changed_ns`
    are the times of its last change in nanoseconds, of its contents and of anything about it.
    """

    descriptor: int
    name: str
    size: int
    mtime_ns: int
    inode: int
    changed_ns: int = 0


def open_file(folder: Path, segments: tuple[str, ...]) -> OpenFile | None:
    """Open a file below `folder`, its path in any case; None where there is none to be served.

    `segments` are names as `deploy.site.address.parse_path` gives them. The exact spelling comes first.
    Not served are hidden files (a name that begins with a dot, Windows' attributes), anything that is
    no regular file (opening never waits), what a link leads to outside the folder, and what this
    account may not read, which is said in the log. Raises `TargetError` (cannot-read) where the system
    fails at it for now: too many open files, a disk that does not answer, a file in use. That is a
    503, for who is told there is no such file does not come back.
    """
    return _opened(folder, segments, _is_visible)


def own_file(folder: Path, segments: tuple[str, ...]) -> OpenFile | None:
    """Open a file of a tree that this product writes itself, as `open_file` does, whatever its attributes.

    Wine calls a file hidden that had a dot first in its name while it was written.
    """
    return _opened(folder, segments, _is_visible, attributes=False)


def customer_file(folder: Path, segments: tuple[str, ...]) -> OpenFile | None:
    """Open a file of a customer folder as `open_file` does; what `is_private` names stays unseen."""
    return _opened(folder, segments, _is_public)


def is_private(name: str) -> bool:
    """Whether a name in a customer folder is for the server alone: a view, a private key, a copy of one.

    Keys are known by `KEYS` and `KEY_NAMES`, views by `VIEW_ENDS`, also before a further end such as
    `.bak`, `~` or ` (1)`. IIS never sends web.config; nor is it sent here.
    """
    return _PRIVATE.search(name) is not None


def _is_visible(name: str) -> bool:
    return not name.startswith(".")


def _is_public(name: str) -> bool:
    return not name.startswith(".") and not is_private(name)


def _opened(folder: Path, segments: tuple[str, ...], allowed: Allowed, *, attributes: bool = True) -> OpenFile | None:
    if not segments or not all(map(allowed, segments)):
        return None
    try:
        found = open_below(folder, segments, allowed, _NAMES)
    except ValueError:  # a name no file can have
        return None
    except OSError as wrong:
        _judge(wrong, folder, segments)
        return None
    if found is None:
        return None
    about = found.about
    if attributes and getattr(about, "st_file_attributes", 0) & _HIDDEN:
        os.close(found.descriptor)
        return None
    return OpenFile(
        found.descriptor, found.name, about.st_size, about.st_mtime_ns, about.st_ino, changed_ns=about.st_ctime_ns
    )


def _judge(wrong: OSError, folder: Path, segments: tuple[str, ...]) -> None:
    """Return where a file is as good as not there; raises `TargetError` where it may be there the next time."""
    if wrong.errno in _ABSENT:
        return
    path = folder.joinpath(*segments)
    said = wrong.strerror or type(wrong).__name__
    if wrong.errno in _DENIED and getattr(wrong, "winerror", None) not in _IN_USE:
        _LOG.warning("%r is not served: %s; let the server's account read it, or take it away", str(path), said)
        return
    hint = "see to the disk or share it is on, or let the server open more files"
    raise TargetError(error("cannot-read", f"{path}: {said}", hint, file=str(path))) from wrong
