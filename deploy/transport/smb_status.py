"""What an SMB server's status codes mean, as the errors of the Transport contract (MS-ERREF section 2.3.1)."""

from __future__ import annotations

from deploy.errors import SourceError, error
from deploy.transport.location import Location

_CODES = {
    0xC000000F: "not-found",  # NO_SUCH_FILE
    0xC0000033: "not-found",  # OBJECT_NAME_INVALID
    0xC0000034: "not-found",  # OBJECT_NAME_NOT_FOUND
    0xC0000039: "not-found",  # OBJECT_PATH_INVALID
    0xC000003A: "not-found",  # OBJECT_PATH_NOT_FOUND
    0xC000003B: "not-found",  # OBJECT_PATH_SYNTAX_BAD
    0xC0000056: "not-found",  # DELETE_PENDING
    0xC00000BA: "not-found",  # FILE_IS_A_DIRECTORY
    0xC00000CC: "not-found",  # BAD_NETWORK_NAME
    0xC0000103: "not-found",  # NOT_A_DIRECTORY
    0xC0000225: "not-found",  # NOT_FOUND
    0x8000002D: "not-found",  # STOPPED_ON_SYMLINK, to a place the client cannot know
    0xC0000022: "access-denied",  # ACCESS_DENIED
    0xC0000061: "access-denied",  # PRIVILEGE_NOT_HELD
    0xC000006A: "access-denied",  # WRONG_PASSWORD
    0xC000006D: "access-denied",  # LOGON_FAILURE
    0xC000006E: "access-denied",  # ACCOUNT_RESTRICTION
    0xC000006F: "access-denied",  # INVALID_LOGON_HOURS
    0xC0000070: "access-denied",  # INVALID_WORKSTATION
    0xC0000071: "access-denied",  # PASSWORD_EXPIRED
    0xC0000072: "access-denied",  # ACCOUNT_DISABLED
    0xC000015B: "access-denied",  # LOGON_TYPE_NOT_GRANTED
    0xC0000193: "access-denied",  # ACCOUNT_EXPIRED
    0xC0000224: "access-denied",  # PASSWORD_MUST_CHANGE
    0xC0000234: "access-denied",  # ACCOUNT_LOCKED_OUT
    0xC0000043: "busy",  # SHARING_VIOLATION
    0xC0000054: "busy",  # FILE_LOCK_CONFLICT
    0xC0000011: "changed",  # END_OF_FILE, before the size that was told
    0xC00000B5: "timed-out",  # IO_TIMEOUT
    0xC000009A: "unreachable",  # INSUFFICIENT_RESOURCES
    0xC00000C9: "unreachable",  # NETWORK_NAME_DELETED
    0xC00000D0: "unreachable",  # REQUEST_NOT_ACCEPTED
    0xC0000203: "unreachable",  # USER_SESSION_DELETED
    0xC0000205: "unreachable",  # INSUFF_SERVER_RESOURCES
    0xC0000257: "unreachable",  # PATH_NOT_COVERED, by no referral either
    0xC000026D: "unreachable",  # DFS_UNAVAILABLE
    0xC0000466: "unreachable",  # SERVER_UNAVAILABLE
}
_SAID = {
    "not-found": "the server has no such share, folder or file",
    "access-denied": "the server refuses",
    "busy": "another program holds the file open",
    "changed": "the file changed while it was read",
    "timed-out": "no answer in time",
    "unreachable": "the server cannot be reached",
    "cut-off": "the connection was closed",
    "bad-answer": "the answer is not one of the SMB protocol",
}
_HINTS = {
    "not-found": "check the spelling of share and path, and that it is a file or a folder as asked for",
    "access-denied": "give a user who may read the share, in the settings for this server or in the address",
    "busy": "try again when it is no longer open for writing",
    "changed": "try again when it is no longer written to",
    "timed-out": "check the network and the server's load",
    "unreachable": "check the server's name, port 445 and that SMB 2 or 3 is on",
    "cut-off": "try again",
    "bad-answer": "check that this is an SMB 2 or 3 server",
}
_TRANSIENT = ("busy", "changed", "timed-out", "unreachable", "cut-off")


def refusal(status: int, location: Location) -> SourceError:
    """The error for a status that is not success."""
    code = _CODES.get(status, "bad-answer")
    return failure(_CODES.get(status, "bad-answer"), location, f"{_SAID[code]} (status 0x{status:08X})")


def failure(code: str, location: Location, said: str | None = None, *, lasting: bool = False) -> SourceError:
    """A `SourceError` about a location with the words that go with its code; `lasting` ones are not transient."""
    told = error(code, f"{location}: {said or _SAID[code]}", _HINTS[code])
    return SourceError(told, transient=code in _TRANSIENT and not lasting)
