"""The order in which services that need each other are stopped. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def stop_order(name: str, needs: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """The services that need `name`, directly or not, each before what it needs itself.

    `needs` says for every service which others it needs; names are compared in any case and come back
    as its keys spell them. Services that need each other in a circle each appear once.
    """
    users: dict[str, list[str]] = {}
    for user, needed in needs.items():
        for one in needed:
            users.setdefault(one.casefold(), []).append(user)
    order: list[str] = []
    seen = {name.casefold()}
    waiting = [(name, iter(users.get(name.casefold(), ())))]
    while waiting:
        current, rest = waiting[-1]
        found = next((user for user in rest if user.casefold() not in seen), None)
        if found is None:
            order.append(current)
            waiting.pop()
        else:
            seen.add(found.casefold())
            waiting.append((found, iter(users.get(found.casefold(), ()))))
    return tuple(order[:-1])
