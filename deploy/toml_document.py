"""The bytes of a TOML settings file as its root table, with what is wrong with its form (TOML 1.0.0).

Pure.
"""

from __future__ import annotations

import re
import tomllib

from deploy.errors import Problem, error
from deploy.toml_lines import key_lines
from deploy.toml_section import Section

SIZE_CAP = 1024 * 1024
_PLACE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


def read_toml(data: bytes, problems: list[Problem], file: str, *, code: str) -> Section | None:
    """The root table of a document in UTF-8, with or without BOM; None after noting what keeps it from being one.

    `file` is what such a file is called, for messages. Notes too-large and `code`, each with its line.
    """
    if len(data) > SIZE_CAP:
        problems.append(error("too-large", f"more than {SIZE_CAP} bytes", f"this is not a {file}"))
        return None
    try:
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as wrong:
        line = data.count(b"\n", 0, wrong.start) + 1
        problems.append(error(code, "the text is not UTF-8", "save the file as UTF-8", line=line))
        return None
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as wrong:
        said = str(wrong)
        place = _PLACE.search(said)
        line = text.rstrip().count("\n") + 1 if place is None or place[1] is None else int(place[1])
        hint = "write Name = value lines; a path with \\ stands between single quotes, as in 'C:\\MiCC'"
        problems.append(error(code, f"not TOML: {_PLACE.sub('', said)}", hint, line=line))
        return None
    return Section(table, (), key_lines(text), problems)
