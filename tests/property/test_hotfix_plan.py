"""Any hotfix on any files: the plan stays in its roots, planning changes nothing, and what it says comes of it."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.inventory import local_path
from deploy.relpath import fold
from hotfix.install import apply
from hotfix.places import is_inside
from hotfix.planned import FileAction, Plan, Verdict
from tests.unit.hotfix.planning import Scene, sha256

NAMES = ("a.dll", "bin/b.dll", "bin/deep/c.dll", "new/d.dll", "new/deeper/e.dll")
CONTENTS = st.sampled_from([b"", b"1", b"two", b"three"])
VERSIONS = st.sampled_from([None, "1.0", "1.1", "2.0"])
FILE = st.tuples(CONTENTS, VERSIONS)
FILES = st.dictionaries(st.sampled_from(NAMES), FILE)
CONDITIONS = st.one_of(
    st.just(""), st.builds("{}exists($(InstallDir){})".format, st.sampled_from(["", "!"]), st.sampled_from(NAMES))
)


@dataclass(frozen=True)
class Entry:
    """One `<file>` with everything of a folder of the package."""

    files: dict[str, tuple[bytes, str | None]]
    overwrite: str
    condition: str
    shouted: bool


ENTRIES = st.lists(
    st.builds(
        Entry,
        st.dictionaries(st.sampled_from(NAMES), FILE, min_size=1),
        st.sampled_from(["always", "newer", "never", "onlyIfExists"]),
        CONDITIONS,
        st.booleans(),
    ),
    min_size=1,
    max_size=3,
)
DELETES = st.dictionaries(st.sampled_from(NAMES), CONDITIONS, max_size=2)


def holds(condition: str, there: dict[str, tuple[bytes, str | None]]) -> bool:
    name = condition.partition(")")[2].rstrip(")")
    return not condition or (name in there) is not condition.startswith("!")


def expected(
    there: dict[str, tuple[bytes, str | None]], entries: list[Entry], deletes: dict[str, str]
) -> dict[str, bytes] | None:
    """The files afterwards; None where the hotfix contradicts itself."""
    wanted: dict[str, Entry] = {}
    for entry in entries:
        if holds(entry.condition, there):
            wanted |= dict.fromkeys(entry.files, entry)
    gone = {name for name, condition in deletes.items() if holds(condition, there)}
    if gone & wanted.keys():
        return None
    result = {name: data for name, (data, _) in there.items() if name not in gone}
    for name, entry in wanted.items():
        data, version = entry.files[name]
        old = there.get(name)
        newer = old is None or (version or "") > (old[1] or "") or (version is None and old[1] is None)
        if {
            "always": True,
            "never": old is None,
            "onlyIfExists": old is not None,
            "newer": newer,
        }[entry.overwrite]:
            result[name] = data
    return result


def manifest(entries: list[Entry], deletes: dict[str, str]) -> str:
    lines = ["<files>"]
    for number, entry in enumerate(entries):
        folder = "$(InstallDir)" if not entry.shouted else "$(InstallDir)."
        lines.append(
            f'<file include="p{number}/*.*" subDirs="true" outputFolder="{folder}" overwrite="{entry.overwrite}" '
            f'condition="{entry.condition}" />'
        )
    lines += [
        f'<delete path="$(InstallDir){name.upper()}" condition="{condition}" />' for name, condition in deletes.items()
    ]
    return "\n".join([*lines, "</files>"]).replace(' condition=""', "")


def shown(name: str, *, shouted: bool) -> str:
    return name.upper() if shouted else name


def see_places(plan: Plan) -> None:
    """Every file lies below its root, which is there, and no root in another."""
    for file in plan.files:
        root = plan.roots[file.root]
        assert local_path(Path(root), file.target) == file.path
        assert is_inside(file.path, root, os.sep)
    for root in plan.roots:
        assert os.path.isdir(root)
        assert os.path.realpath(root) == root
        assert not any(other != root and is_inside(root, other, os.sep) for other in plan.roots)
    paths = [fold(file.path) for file in plan.files]
    assert len(set(paths)) == len(paths)
    assert len(plan.space) == len(plan.roots)


@settings(deadline=None, max_examples=60)
@given(FILES, ENTRIES, DELETES)
def test_a_plan_and_what_comes_of_it(
    there: dict[str, tuple[bytes, str | None]], entries: list[Entry], deletes: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        scene = Scene(Path(folder))
        for name, (data, version) in there.items():
            scene.have(name, data, version)
        for number, entry in enumerate(entries):
            for name, (data, version) in entry.files.items():
                scene.bring(f"p{number}/{shown(name, shouted=entry.shouted)}", data, version)
        inner = manifest(entries, deletes)
        scene.config(inner)
        before = scene.tree()
        plan = scene.plan(inner)
        assert scene.plan(inner) == plan
        assert {name: one for name, one in scene.tree().items() if "HF1.config" not in name and name != "package"} == {
            name: one for name, one in before.items() if "HF1.config" not in name and name != "package"
        }
        see_places(plan)
        wanted = expected(there, entries, deletes)
        if plan.verdict is Verdict.NOT_APPLICABLE:
            assert wanted == {name: data for name, (data, _) in there.items()}
            return
        assert (plan.verdict is Verdict.REFUSED) is (wanted is None), plan.reasons
        if wanted is None:
            return
        for file in plan.files:
            assert (file.action is FileAction.KEEP) is (file.before == file.after)
        apply(plan, scene.target)
        found = {
            fold(path.relative_to(scene.install).as_posix()): path.read_bytes()
            for path in scene.install.rglob("*")
            if path.is_file()
        }
        assert found == {fold(name): data for name, data in wanted.items()}
        assert {fold(one.path): one.after for one in plan.files if one.after} == {
            key: sha256(found[fold(Path(key).relative_to(fold(str(scene.install))).as_posix())])
            for key in (fold(one.path) for one in plan.files if one.after)
        }
