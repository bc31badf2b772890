"""Custom views as the server renders them: by a process of its own, bounded, kept, never a surprise."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.errors import ConfigError, Problem
from deploy.site import views as views_module
from deploy.site.view_context import NAMES, SAMPLE, Limits
from deploy.site.view_process import ViewProcess
from deploy.site.views import Views, check_view, render_view
from tests.unit.deploy.site.hostile_views import COSTLY, HARMLESS, REFUSED

SECONDS = 30
PATIENT = Limits(seconds=SECONDS)
"""For what has to end by itself, on however busy a machine."""
SHORT = Limits(seconds=1.0)


@pytest.fixture(scope="module")
def views() -> Iterator[Views]:
    shared = Views()
    yield shared
    shared.close()


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every file was written long enough ago that its time stamp is its own."""
    monkeypatch.setattr("deploy.site.customers_folder.SETTLED_NS", -(10**18))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that were sent to be rendered."""
    found: list[str] = []
    ask = ViewProcess.ask

    def noted(self: ViewProcess, request: object) -> object:
        found.append(request.source)  # type: ignore[attr-defined]
        return ask(self, request)  # type: ignore[arg-type]

    monkeypatch.setattr(ViewProcess, "ask", noted)
    return found


def write(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
    return path


def refused(views: Views, path: Path, limits: Limits = PATIENT) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as wrong:
        views.render(path, SAMPLE, limits)
    assert all(problem.file == str(path) for problem in wrong.value.problems if problem.code != "more-problems")
    return wrong.value.problems


def until(holds: object) -> None:
    """Wait for a condition, which is a function."""
    ends = time.monotonic() + SECONDS
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < ends
        time.sleep(0.005)


# Pages.


@pytest.mark.parametrize(
    ("name", "text", "page"),
    [
        ("Index.html.j2", "<p>{{ CustomerName }}</p>", "<p>A &amp; B</p>"),
        ("INDEX.HTML.J2", "{{ TenantID }}", "1"),
        ("Index.cshtml", "@{ Layout = null; }<p>@Model.CustomerName</p>", "<p>A &amp; B</p>"),
        ("index.CSHTML", "@{ Layout = null; }<a href='~/x'></a>", "<a href='/MiCCEInstallation/x'></a>"),
    ],
)
def test_a_view_is_rendered(views: Views, tmp_path: Path, name: str, text: str, page: str) -> None:
    view = write(tmp_path, name, text)
    assert views.render(view, replace(SAMPLE, customer_name="A & B"), PATIENT) == page
    assert views.check(view) == ()


def test_every_value_is_there_under_its_name(views: Views, tmp_path: Path) -> None:
    jinja = write(tmp_path, "Index.html.j2", "".join(f"{{{{ {name} }}}};" for name in NAMES))
    razor = write(tmp_path, "Index.cshtml", "@{ Layout = null; }" + "".join(f"@Model.{name};" for name in NAMES))
    expected = ";".join(SAMPLE.values().values()) + ";"
    assert views.render(jinja, SAMPLE, PATIENT) == expected
    assert views.render(razor, SAMPLE, PATIENT) == expected


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_view_is_read_as_editors_save_it(views: Views, tmp_path: Path, encoding: str) -> None:
    view = write(tmp_path, "Index.cshtml", "\u20ac@Model.Release".encode(encoding))
    assert "<main>\n\u20ac9.7.1\n</main>" in views.render(view, SAMPLE, PATIENT)


def test_the_functions_use_one_process_for_all(tmp_path: Path) -> None:
    view = write(tmp_path, "Index.html.j2", "{{ Release }}")
    assert render_view(view, SAMPLE, PATIENT) == "9.7.1"
    assert check_view(view) == ()
    assert views_module._shared() is views_module._shared()
    assert views_module._shared().pid is not None


def test_odd_values_stay_values(views: Views, tmp_path: Path) -> None:
    odd = replace(SAMPLE, customer_name="{{ Release }}@Model.Release<b>\0\ud83d", release="\U0001f600")
    jinja = write(tmp_path, "Index.html.j2", "{{ CustomerName }}{{ Release }}")
    assert views.render(jinja, odd, PATIENT) == "{{ Release }}@Model.Release&lt;b&gt;\0\ufffd\U0001f600"
    razor = write(tmp_path, "Index.cshtml", "@{ Layout = null; }@Model.CustomerName")
    assert views.render(razor, odd, PATIENT) == "{{ Release }}@Model.Release&lt;b&gt;\0\ufffd"


# What is wrong.


def test_everything_wrong_is_told_with_its_line(views: Views, tmp_path: Path) -> None:
    view = write(tmp_path, "Index.cshtml", "@Model.A\n\n@Html.Partial(1)\n")
    problems = refused(views, view)
    assert [(problem.line, problem.code) for problem in problems] == [(1, "unknown-value"), (3, "razor-unsupported")]
    assert views.check(view) == problems


def test_an_error_while_rendering_has_its_line(views: Views, tmp_path: Path) -> None:
    view = write(tmp_path, "Index.html.j2", "<p>\n{% for x in Files|lines %}\n{{ 1 / (x|length - 3) }}\n{% endfor %}")
    (problem,) = refused(views, view)
    assert (problem.line, problem.code) == (3, "view-failed")
    assert "division by zero" in problem.message


def test_a_warning_stops_nothing(views: Views, tmp_path: Path) -> None:
    view = write(tmp_path, "Index.html.j2", "<script>x = '{{ Release }}'</script>")
    assert views.render(view, SAMPLE, PATIENT) == "<script>x = '9.7.1'</script>"
    assert [problem.code for problem in views.check(view)] == ["value-in-script"]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("Index.html.j2", b"a\n\xff", "document-encoding"),
        ("Index.cshtml", b"\xff\xfea", "document-encoding"),
        ("Index.html.j2", b"x" * (256 * 1024 + 1), "view-too-large"),
        ("Index.txt", b"x", "cannot-read"),
    ],
)
def test_a_file_that_is_no_view(views: Views, tmp_path: Path, name: str, data: bytes, code: str) -> None:
    assert [problem.code for problem in refused(views, write(tmp_path, name, data))] == [code]


def test_what_cannot_be_read_is_told_and_not_waited_for(views: Views, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "Index.html.j2")
    (tmp_path / "Index.cshtml").mkdir()
    for name in ("Index.html.j2", "Index.cshtml", "missing.j2", "a\0b.j2"):
        assert [problem.code for problem in refused(views, tmp_path / name)] == ["cannot-read"]
        assert [problem.code for problem in views.check(tmp_path / name)] == ["cannot-read"]


# Limits.


@pytest.mark.parametrize(("what", "name", "text"), REFUSED, ids=[row[0] for row in REFUSED])
def test_what_is_refused(views: Views, tmp_path: Path, what: str, name: str, text: str) -> None:
    problems = refused(views, write(tmp_path, name, text))
    assert all(problem.is_error or problem.code == "more-problems" for problem in problems)
    assert not {"view-too-slow", "view-not-rendered"} & {problem.code for problem in problems}


@pytest.mark.parametrize(("what", "name", "text"), COSTLY, ids=[row[0] for row in COSTLY])
def test_what_is_bounded(views: Views, tmp_path: Path, what: str, name: str, text: str) -> None:
    begun = time.monotonic()
    problems = refused(views, write(tmp_path, name, text), SHORT)
    # The time of a process that is started anew comes on top; this is no measurement, only an end.
    assert time.monotonic() - begun < SECONDS
    assert len(problems) == 1
    assert {problem.code for problem in problems} <= {"view-too-slow", "view-too-large", "razor-syntax", "view-failed"}
    good = write(tmp_path, "Index.html.j2", "{{ Release }}")
    assert views.render(good, SAMPLE, PATIENT) == "9.7.1"


@pytest.mark.parametrize(("what", "name", "text"), HARMLESS, ids=[row[0] for row in HARMLESS])
def test_what_is_odd_and_right(views: Views, tmp_path: Path, what: str, name: str, text: str) -> None:
    assert isinstance(views.render(write(tmp_path, name, text), SAMPLE, PATIENT), str)


def test_the_size_of_a_page_is_counted_in_bytes(views: Views, tmp_path: Path) -> None:
    view = write(tmp_path, "Index.html.j2", "{{ CustomerName }}")
    limits = replace(PATIENT, output=20)
    assert views.render(view, replace(SAMPLE, customer_name="\u20ac" * 6), limits) == "\u20ac" * 6
    with pytest.raises(ConfigError) as wrong:
        views.render(view, replace(SAMPLE, customer_name="\u20ac" * 7), limits)
    assert wrong.value.code == "view-too-large"


def test_memory_is_bounded_and_the_next_page_finds_a_new_process(views: Views, tmp_path: Path) -> None:
    good = write(tmp_path, "Index.cshtml", "@{ Layout = null; }@Model.Release")
    assert views.render(good, SAMPLE, PATIENT) == "9.7.1"
    before = views.pid
    text = "{% set x = 'xxxxxxxxxxxxxxxx' %}" + "{% set x = x ~ x %}" * 23 + "{{ x|length }}"
    small = write(tmp_path, "Index.html.j2", text)
    assert [problem.code for problem in refused(views, small, replace(PATIENT, memory=64 << 20))] == ["view-too-large"]
    assert views.pid is None
    assert views.render(small, SAMPLE, replace(PATIENT, memory=1 << 30)) == str(16 << 23)
    assert views.pid not in (None, before)


def test_the_time_is_over_and_the_process_ended(views: Views, tmp_path: Path) -> None:
    assert views.render(write(tmp_path, "Index.html.j2", "x"), SAMPLE, PATIENT) == "x"
    before = views.pid
    assert before is not None
    (problem,) = refused(views, write(tmp_path, "Index.html.j2", COSTLY[0][2]), SHORT)
    assert problem.code == "view-too-slow"
    assert problem.message == "rendering the view took more than 1 seconds and was ended"
    assert not Path(f"/proc/{before}").exists()
    assert views.pid is None


def test_a_view_that_took_too_much_is_not_tried_again_at_once(tmp_path: Path) -> None:
    views = Views()
    view = write(tmp_path, "Index.html.j2", COSTLY[0][2])
    assert refused(views, view, SHORT)[0].code == "view-too-slow"
    for number in range(1000):
        with pytest.raises(ConfigError):
            views.render(view, replace(SAMPLE, customer_name=str(number)), SHORT)
    assert views.pid is None
    write(tmp_path, "Index.html.j2", "better now")
    assert views.render(view, SAMPLE, SHORT) == "better now"
    views.close()


def test_a_view_that_took_too_much_is_tried_again_later(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    views = Views()
    view = write(tmp_path, "Index.html.j2", COSTLY[0][2])
    limits = replace(SHORT, seconds=0.1)
    monkeypatch.setattr(views_module, "RETRY_SECONDS", 0.0)
    for _ in range(3):
        assert refused(views, view, limits)[0].code == "view-too-slow"
    assert len(asked) == 3
    views.close()


# The process.


def test_a_process_that_was_ended_is_replaced(views: Views, tmp_path: Path) -> None:
    for number in range(3):
        assert views.render(write(tmp_path, "Index.html.j2", f"{number}"), SAMPLE, PATIENT) == f"{number}"
        assert views.pid is not None
        os.kill(views.pid, 9)


def test_a_process_that_is_ended_in_the_middle_is_replaced_and_the_page_comes(tmp_path: Path) -> None:
    views = Views()
    assert views.render(write(tmp_path, "Index.cshtml", "@{ Layout = null; }x"), SAMPLE, PATIENT) == "x"
    text = "{% set x = 'xxxxxxxxxx' %}" + "{% set x = x ~ x %}" * 16 + "{% for a in x %}{% endfor %}{{ x|length }}"
    view = write(tmp_path, "Index.html.j2", text)
    pages: list[str] = []
    thread = threading.Thread(target=lambda: pages.append(views.render(view, SAMPLE, PATIENT)))
    first = views.pid
    assert first is not None
    before = _cpu_ticks(first)
    thread.start()
    until(lambda: _cpu_ticks(first) > before or not thread.is_alive())
    os.kill(first, 9)
    thread.join()
    assert pages == [str(10 << 16)]
    views.close()


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_a_process_that_cannot_be_started_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views()
    view = write(tmp_path, "Index.html.j2", "x")
    monkeypatch.setattr("sys.executable", str(tmp_path / "missing"))
    for _ in range(2):
        assert [problem.code for problem in refused(views, view)] == ["view-not-rendered"]
    assert "No such file" in refused(views, view)[0].message
    monkeypatch.undo()
    monkeypatch.setattr(views_module, "RETRY_SECONDS", 0.0)
    views._broken = None
    assert views.render(view, SAMPLE, PATIENT) == "x"
    views.close()


def test_a_process_that_ends_before_it_is_ready_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    views = Views()
    monkeypatch.setattr("deploy.site.view_process._START", "raise SystemExit(3)")
    (problem,) = refused(views, write(tmp_path, "Index.html.j2", "x"))
    assert problem.code == "view-not-rendered"
    assert "exit code 3" in problem.message


def test_the_process_knows_nothing_of_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MICCE_SECRET", "canary-in-the-environment")
    with open(tmp_path / "secret", "w") as secret:
        os.set_inheritable(secret.fileno(), True)
        views = Views()
        assert views.render(write(tmp_path, "Index.html.j2", "x"), SAMPLE, PATIENT) == "x"
        place = Path(f"/proc/{views.pid}")
        assert set(place.joinpath("environ").read_bytes().split(b"\0")) <= {
            b"", *(f"{name}={os.environ[name]}".encode() for name in ("LD_LIBRARY_PATH",) if name in os.environ)
        }  # fmt: skip
        kinds = {os.readlink(one).partition(":")[0] for one in place.joinpath("fd").iterdir()}
        assert kinds == {"pipe", "/dev/null"}
        assert os.readlink(place / "cwd") == "/"
        assert os.getsid(views.pid or 0) == views.pid
        limits = {line[:26].strip(): line[26:].split()[:2] for line in (place / "limits").read_text().splitlines()}
        assert limits["Max open files"] == ["4", "4"]
        assert limits["Max processes"] == limits["Max file size"] == limits["Max core file size"] == ["0", "0"]
        assert limits["Max address space"][0] == str(PATIENT.memory)
        assert int(limits["Max cpu time"][0]) < 3 * SECONDS
        views.close()


SERVER = """
import sys
from pathlib import Path
from deploy.site import views
from deploy.site.view_context import SAMPLE
views.render_view(Path(sys.argv[1]), SAMPLE)
print(views._shared().pid, flush=True)
if sys.argv[2] == "wait":
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", ["end", "wait"])
def test_the_process_ends_with_its_server(how: str) -> None:
    view = Path(__file__).parents[3] / "corpora" / "views" / "Index.cshtml"
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, str(view), how],
        cwd=Path(views_module.__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as server:
        assert server.stdout is not None
        worker = int(server.stdout.readline())
        if how == "wait":
            assert _runs(worker)
            server.kill()
        server.wait()
        until(lambda: not _runs(worker))


def _runs(pid: int) -> bool:
    """Whether a process is there and not only waited for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_process_may_be_stopped_twice() -> None:
    process = ViewProcess()
    assert process.is_alive
    process.stop()
    process.stop()
    assert not process.is_alive


# What is kept.


@pytest.mark.usefixtures("settled")
def test_a_page_is_rendered_once_until_the_file_or_a_value_changes(tmp_path: Path, asked: list[str]) -> None:
    views = Views()
    view = write(tmp_path, "Index.html.j2", "{{ Release }}a")
    for _ in range(3):
        assert views.render(view, SAMPLE, PATIENT) == "9.7.1a"
        assert views.render(view, replace(SAMPLE, release="2"), PATIENT) == "2a"
    assert len(asked) == 2
    other = write(tmp_path, "other.j2", "{{ Release }}b")
    os.replace(other, view)
    assert views.render(view, SAMPLE, PATIENT) == "9.7.1b"
    views.close()


@pytest.mark.usefixtures("settled")
def test_problems_are_kept_like_pages(tmp_path: Path, asked: list[str]) -> None:
    views = Views()
    view = write(tmp_path, "Index.html.j2", "{{ No }}")
    assert {refused(views, view) for _ in range(3)} == {refused(views, view)}
    assert len(asked) == 1
    views.close()


def test_a_file_that_was_written_just_now_is_read_again(tmp_path: Path, asked: list[str]) -> None:
    views = Views()
    for text in ("a", "b", "b"):
        view = write(tmp_path, "Index.html.j2", text)
        assert views.render(view, SAMPLE, PATIENT) == text
    assert asked == ["a", "b", "b"]
    views.close()


@pytest.mark.usefixtures("settled")
def test_what_is_kept_has_a_limit(tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views_module, "KEPT_BYTES", 10_000)
    views = Views()
    view = write(tmp_path, "Index.html.j2", "{{ Release }}" + "x" * 2000)
    for number in (1, 2, 3, 4, 5, 6, 6, 6, 1):
        views.render(view, replace(SAMPLE, release=str(number)), PATIENT)
    assert len(asked) == 7
    assert views._size <= 10_000
    views.close()
    monkeypatch.setattr(views_module, "KEPT_PAGES", 2)
    for number in range(10):
        views.render(view, replace(SAMPLE, release=str(number)), PATIENT)
    assert len(views._kept) == 2
    views.close()


@pytest.mark.usefixtures("settled")
def test_many_threads_get_their_own_pages_and_one_page_is_rendered_once(tmp_path: Path, asked: list[str]) -> None:
    views = Views()
    found: list[tuple[str, str]] = []
    barrier = threading.Barrier(16)
    paths = [write(tmp_path, f"{number}.html.j2", f"{number} {{{{ Release }}}}") for number in range(4)]

    def work(number: int) -> None:
        barrier.wait()
        for turn in range(20):
            path = paths[(number + turn) % 4]
            found.append((path.name[0] + " 9.7.1", views.render(path, SAMPLE, PATIENT)))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 320
    assert {expected == page for expected, page in found} == {True}
    assert len(asked) == 4
    views.close()


def test_what_is_said_to_the_process_is_one_json_value(tmp_path: Path) -> None:
    """The reader of an answer takes no more than the page may hold."""
    from deploy.site.view_messages import read_message, write_message

    reading, writing = os.pipe()
    write_message(writing, {"a": "\u00e4"})
    assert read_message(reading) == {"a": "\u00e4"}
    os.write(writing, (1 << 31).to_bytes(4, "big"))
    with pytest.raises(ValueError, match="bytes"):
        read_message(reading, 1000)
    os.write(writing, (5).to_bytes(4, "big") + json.dumps("a").encode())
    os.close(writing)
    assert read_message(reading) is None
    os.close(reading)
