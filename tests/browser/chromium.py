"""Chromium, and what tests look at in its pages."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from tests.servers.process import program

NARROW, WIDE = (360, 740), (1280, 800)


@contextmanager
def chromium(*names: str) -> Iterator[Browser]:
    """A browser that finds the hosts with these names on this computer; skips where there is none."""
    path = program("chromium")
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in names)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", f"--host-resolver-rules={rules}"]
        )
        yield browser
        browser.close()


def accessibility_faults(page: Page) -> list[str]:
    """What axe finds."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']} {node['failureSummary']}" for one in found for node in one["nodes"]]


def wider_than_the_window(page: Page) -> list[str]:
    """The elements that stand out of the window, so that one would have to scroll sideways."""
    return list(
        page.evaluate(
            """() => [...document.querySelectorAll("body *")]
                .filter((one) => !one.closest(".skip, .unseen"))
                .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5)
                .map((one) => one.outerHTML.slice(0, 200))"""
        )
    ) + (["the page itself"] if page.evaluate("document.documentElement.scrollWidth > innerWidth") else [])


def focused(page: Page) -> str:
    """The id of the element that has the focus, else its words."""
    return str(page.evaluate("document.activeElement.id || document.activeElement.innerText.trim()"))


def tab_order(page: Page, most: int = 60) -> list[str]:
    """What the Tab key reaches from the start of the page, until it leaves it."""
    seen: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        seen.append(focused(page))
    return seen


def tab_to(page: Page, what: str) -> None:
    """Press Tab until something with this id, or these words, has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if focused(page) == what:
            return
    raise AssertionError(f"{what} is not reached by the Tab key")
