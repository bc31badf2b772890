"""Our own pages from their templates: everything escaped, nothing undefined."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from deploy import __version__
from deploy.site.model import APPLICATION_ROOT

_FOLDER = Path(__file__).parent / "templates"


def render(name: str, /, **values: object) -> str:
    """The template with this name, filled in; raises what Jinja2 raises for a mistake of ours."""
    return _environment().get_template(name).render(values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(root=f"/{APPLICATION_ROOT}", version=__version__)
    return environment
