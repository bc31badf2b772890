"""Set the customer's name and tenant in the bytes of a Setup.config, and leave every other byte as it is.

Pure. Comments, layout, encoding, byte order mark and line ends stay, for the file is somebody's own text.
"""

from __future__ import annotations

from deploy.config.document import LARGEST_TENANT, parse
from deploy.config.identifiers import Identifiers, expand
from deploy.config.model import DEFAULT_TENANT
from deploy.config.xmlspans import Span, asides, spans_of
from deploy.config.xmltree import parse_text, read_text
from deploy.errors import ConfigError, Problem, error, quoted

LONGEST_NAME = 200
_NAME = "customerName"
_TENANT = "tenantID"
_Splice = tuple[int, int, str]


def value_problems(name: str, tenant_id: int) -> tuple[Problem, ...]:
    """What keeps a name and a tenant from being written into a Setup.config (bad-value)."""
    problems: list[Problem] = []
    if " ".join(name.split()) != name or not name.isprintable() or not 0 < len(name) <= LONGEST_NAME:
        hint = f"write 1 to {LONGEST_NAME} characters on one line, without blanks at the ends or two in a row"
        problems.append(error("bad-value", f"the name of the customer is {quoted(name)}", hint))
    if not DEFAULT_TENANT <= tenant_id <= LARGEST_TENANT:
        hint = "write the number of the tenant from the page Defined Tenants, or -1 for the default tenant"
        problems.append(error("bad-value", f"the tenant is {tenant_id}", hint))
    return tuple(problems)


def with_customer(data: bytes, source: str, name: str, tenant_id: int) -> bytes:
    """The Setup.config `data` for another customer; `source` is its path, for messages.

    A `$(` in the name stands for itself. Where there is no `<customerName>`, one is put before
    `<tenantID>`. Raises `ConfigError`: bad-value, and every problem of the document when it has errors.
    """
    problems = value_problems(name, tenant_id)
    if problems:
        raise ConfigError(problems)
    parsed = parse(data, source)
    if parsed.config is None:
        raise ConfigError(parsed.problems)
    document = read_text(data)
    text = document.text

    def escaped(value: str) -> str:
        """The value as text of this document: what its encoding does not have is a character reference."""
        plain = value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return plain.encode(document.encoding, "xmlcharrefreplace").decode(document.encoding)

    written = escaped(name.replace("$(", "$$("))
    places = _children(text)
    tenant, customer = places[_TENANT], places.get(_NAME)
    splices = _filled(text, tenant, str(tenant_id))
    if customer is not None:
        splices += _filled(text, customer, written)
    else:
        line = text.rfind("\n", 0, tenant.start) + 1
        before = text[line : tenant.start]
        margin = "" if before.strip() or not line else before
        end = "" if before.strip() or not line else "\r\n" if text[line - 2 : line] == "\r\n" else "\n"
        splices.append((tenant.start, tenant.start, f"<{_NAME}>{written}</{_NAME}>{end}{margin}"))
    for start, stop, new in sorted(splices, reverse=True):
        text = text[:start] + new + text[stop:]
    return _proven(document.encoded(text), source, name, tenant_id)


def _children(text: str) -> dict[str, Span]:
    """Where the children of the root stand."""
    root = parse_text(text)
    nodes = [one for one in root.iter() if isinstance(one.tag, str)]
    return {str(node.tag): span for node, span in zip(nodes, spans_of(text), strict=True) if node.getparent() is root}


def _filled(text: str, span: Span, value: str) -> list[_Splice]:
    """Make `value` the text of an element without elements in it; comments and blanks around the old text stay."""
    if span.empty:
        tag = text[span.start : span.end - 2].rstrip()
        return [(span.start, span.end, f"{tag}>{value}</{span.name}>")]
    bounds = [span.inner_start, *(place for one in asides(text, span.inner_start, span.inner_end) for place in one)]
    bounds.append(span.inner_end)
    runs = [_bare(text, start, end) for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
    filled = [run for run in runs if run[0] < run[1]] or runs[-1:]
    return [(*filled[0], value), *((start, end, "") for start, end in filled[1:])]


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """The stretch without the blanks at its ends."""
    inner = text[start:end]
    left = len(inner) - len(inner.lstrip())
    return (start + left, start + left + len(inner.strip())) if inner.strip() else (end, end)


def _proven(data: bytes, source: str, name: str, tenant_id: int) -> bytes:
    """The new document, read again: it has to say what it was made for."""
    parsed = parse(data, source)
    config = parsed.config
    if config is None:
        raise ConfigError(parsed.problems)
    if config.tenant_id != tenant_id or expand(config.customer_name, Identifiers()).text != name:
        hint = "write <customerName> and <tenantID> without elements in them, then try again"
        raise ConfigError(error("bad-value", "the name and tenant could not be set there", hint, file=source))
    return data
