"""What the proxy variables of an environment say, as curl reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from deploy.transport.contract import Proxies


def proxies_in(environment: Mapping[str, str]) -> Proxies:
    """Proxies from http_proxy, https_proxy, all_proxy and no_proxy; lower case goes before upper case.

    A proxy without a scheme is an http one; an empty variable is as good as none.
    """
    everything = _proxy(environment, "all_proxy")
    return Proxies(
        http=_proxy(environment, "http_proxy") or everything,
        https=_proxy(environment, "https_proxy") or everything,
        no_proxy=tuple(part for part in re.split(r"[,\s]+", _variable(environment, "no_proxy")) if part),
    )


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name, "").strip() or environment.get(name.upper(), "").strip()


def _proxy(environment: Mapping[str, str], name: str) -> str | None:
    return with_scheme(_variable(environment, name))


def with_scheme(proxy: str) -> str | None:
    """The address of a proxy, `http://` added where it names no scheme; None for an empty one."""
    if not proxy:
        return None
    return proxy if "://" in proxy else f"http://{proxy}"
