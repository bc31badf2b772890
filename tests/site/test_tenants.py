"""What is wrong with one customer is that customer's trouble alone."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from tests.servers.deployment import ROOT, Machine, Serving, wait

GOOD = f"{ROOT}/install/good"


def add(machine: Machine, id: str) -> None:
    done = machine.command("customers", "add", id, "--name", f"The {id} company", "--tenant-id", "5")
    assert done.returncode == 0, done.stderr


def is_well(serving: Serving, id: str) -> None:
    page = serving.get(f"{ROOT}/install/{id}")
    assert page.status_code == 200
    assert f"The {id} company" in page.text
    assert serving.get(f"{ROOT}/ClientSetup/{id}").status_code == 200
    assert serving.get(f"{ROOT}/manifest/{id}").status_code == 200


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    made = Machine(tmp_path_factory.mktemp("server"))
    for id in ("good", "bad"):
        add(made, id)
    return made


@pytest.mark.parametrize(
    "text",
    [
        "<configuration>\n  <files>\n",
        "<configuration><tenantID>x</tenantID><files/></configuration>",
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><configuration>&b;</configuration>',
        "\0" * 100,
        "",
    ],
)
def test_a_broken_setup_config(machine: Machine, text: str) -> None:
    with machine.serving() as serving:
        for id in ("good", "bad"):
            serving.published(id)
        published = serving.get(f"{ROOT}/manifest/bad").content
        machine.root.joinpath("bad/Setup.config").write_text(text)
        wait(lambda: serving.get(f"{ROOT}/install/bad").status_code == 503, "the page says that it is being worked on")
        page = serving.get(f"{ROOT}/install/bad")
        assert "Setup.config" not in page.text
        assert serving.get(f"{ROOT}/ClientSetup/bad").status_code == 503
        assert "bad" in serving.log.read_text()
        assert "Traceback" not in serving.log.read_text()
        # Clients go on with what was good.
        assert serving.get(f"{ROOT}/manifest/bad").content == published
        is_well(serving, "good")


@pytest.mark.parametrize(
    "view",
    [
        "{% for a in 'x' * 100000 %}{% for b in 'x' * 100000 %}{% endfor %}{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ Undefined }}",
        "{% include '/etc/passwd' %}",
        "{{ unclosed",
    ],
)
def test_a_bad_view_gives_the_standard_page(machine: Machine, view: str) -> None:
    machine.root.joinpath("bad/Index.html.j2").write_text(view)
    machine.root.joinpath("good/Index.html.j2").write_text("<h1>{{ CustomerName }}, made by us</h1>")
    with machine.serving() as serving:
        for id in ("good", "bad"):
            serving.published(id)
        is_well(serving, "bad")
        assert "<h1>The good company, made by us</h1>" in serving.get(GOOD).text
        assert "Index.html.j2" in serving.log.read_text()


def test_a_folder_with_an_unsafe_name(machine: Machine) -> None:
    for name in ("..hidden", "semi;colon", "tränen", "CON", "x" * 65, "trailing "):
        shutil.copytree(machine.root / "bad", machine.root / name)
    os.symlink("/etc", machine.root / "outside")
    with machine.serving() as serving:
        serving.published("good")
        for name in ("..hidden", "semi;colon", "tr%C3%A4nen", "CON", "x" * 65, "trailing%20", "outside"):
            assert serving.get(f"{ROOT}/install/{name}").status_code == 404, name
        is_well(serving, "good")
    told = json.loads(machine.command("customers", "list", "--json").stdout)
    assert {one["id"] for one in told["customers"]} == {"Default", "bad", "good"}
    assert "semi;colon" in json.dumps(told, ensure_ascii=False)


def test_a_source_that_is_gone(machine: Machine) -> None:
    config = machine.root / "bad/Setup.config"
    with machine.serving("--watch") as serving:
        for id in ("good", "bad"):
            serving.published(id)
        published = serving.get(f"{ROOT}/manifest/bad").content
        config.write_text(config.read_text().replace("NextCCClient/*.*", "NoSuchShare/*.*"))
        wait(lambda: "bad cannot be published" in serving.log.read_text(), "the log says who cannot be published", 120)
        assert serving.get(f"{ROOT}/manifest/bad").content == published
        is_well(serving, "good")
