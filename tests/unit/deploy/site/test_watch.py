"""When a customer is due: something changed, and everything it reads has been quiet."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.site.watch import DEEPEST, Watch, signature

A, B, C = Path("/a"), Path("/b"), Path("/c")


class TestDecision:
    def test_a_customer_never_published_is_due_once_its_folders_were_quiet(self) -> None:
        watch = Watch(5.0)
        uses = {"acme": [A, B]}
        watch.seen(0.0, {A: "1", B: "1"})
        assert watch.due(4.9, uses) == ()
        watch.seen(5.0, {A: "1", B: "1"})
        assert watch.due(5.0, uses) == ("acme",)
        watch.offer("acme", [A, B])
        assert watch.due(100.0, uses) == ()

    def test_a_change_anywhere_makes_it_due_when_all_is_quiet_again(self) -> None:
        watch = Watch(5.0)
        uses = {"one": [A, B], "two": [B], "three": [C]}
        watch.seen(0.0, {A: "1", B: "1", C: "1"})
        for customer, folders in uses.items():
            watch.offer(customer, folders)
        watch.seen(10.0, {A: "1", B: "2", C: "1"})
        assert watch.due(14.0, uses) == ()
        watch.seen(14.0, {A: "2", B: "2", C: "1"})
        assert watch.due(15.0, uses) == ("two",)  # "one" reads from a folder that is still copied to
        watch.seen(19.0, {A: "2", B: "2", C: "1"})
        assert watch.due(19.0, uses) == ("one", "two")

    def test_what_goes_back_to_what_was_published_needs_nothing(self) -> None:
        watch = Watch(5.0)
        watch.seen(0.0, {A: "1"})
        watch.offer("acme", [A])
        watch.seen(1.0, {A: "2"})
        watch.seen(2.0, {A: "1"})
        assert watch.due(100.0, {"acme": [A]}) == ()

    def test_a_folder_that_cannot_be_looked_at_is_waited_for(self) -> None:
        watch = Watch(5.0)
        watch.seen(0.0, {A: "1"})
        watch.offer("acme", [A])
        watch.seen(1.0, {A: None})
        assert watch.due(100.0, {"acme": [A]}) == ()
        watch.seen(100.0, {A: "2"})
        assert watch.due(104.0, {"acme": [A]}) == ()
        assert watch.due(105.0, {"acme": [A]}) == ("acme",)

    def test_another_set_of_folders_is_a_change(self) -> None:
        watch = Watch(5.0)
        watch.seen(0.0, {A: "1", B: "1"})
        watch.offer("acme", [A])
        assert watch.due(10.0, {"acme": [A, B]}) == ("acme",)

    def test_one_that_was_put_off_is_due_again(self) -> None:
        watch = Watch(5.0)
        watch.seen(0.0, {A: "1"})
        watch.offer("acme", [A])
        watch.forget("acme")
        assert watch.due(10.0, {"acme": [A]}) == ("acme",)

    def test_without_a_quiet_time_a_change_is_due_at_once(self) -> None:
        watch = Watch(0.0)
        watch.seen(0.0, {A: "1"})
        assert watch.due(0.0, {"acme": [A]}) == ("acme",)

    @given(st.lists(st.tuples(st.floats(0.1, 10), st.sampled_from(["1", "2", None])), max_size=30))
    def test_nothing_is_ever_due_that_was_not_seen_the_same_for_the_whole_quiet_time(
        self, looks: list[tuple[float, str | None]]
    ) -> None:
        watch, now = Watch(5.0), 0.0
        seen: list[tuple[float, str | None]] = []
        for pause, look in looks:
            now += pause
            seen.append((now, look))
            watch.seen(now, {A: look})
            if watch.due(now, {"acme": [A]}):
                same = [moment for moment, value in reversed(seen) if value == look]
                until = next((moment for moment, value in reversed(seen) if value != look), -1.0)
                assert look is not None
                assert now - min(moment for moment in same if moment > until) >= 5.0
                watch.offer("acme", [A])


class TestSignature:
    def test_it_tells_every_change(self, tmp_path: Path) -> None:
        (tmp_path / "sub").mkdir()
        file = tmp_path / "sub/a.txt"
        file.write_text("1")
        os.utime(file, ns=(1, 1))
        found = {signature(tmp_path)}
        file.write_text("2")
        found.add(signature(tmp_path))
        file.write_text("longer")
        os.utime(file, ns=(1, 1))
        found.add(signature(tmp_path))
        file.rename(tmp_path / "sub/b.txt")
        found.add(signature(tmp_path))
        (tmp_path / "empty").mkdir()
        found.add(signature(tmp_path))
        other = tmp_path / ".new"
        other.write_text("LONGER")
        os.utime(other, ns=(1, 1))
        other.replace(tmp_path / "sub/b.txt")  # the same size and time, another file
        found.add(signature(tmp_path))
        assert None not in found
        assert len(found) == 6

    def test_it_stays_the_same_for_what_is_hidden_and_what_is_only_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("1")
        before = signature(tmp_path)
        (tmp_path / ".a.txt.Xy12").write_text("being copied")
        (tmp_path / ".git").mkdir()
        (tmp_path / "a.txt").read_text()
        assert signature(tmp_path) == before

    def test_a_link_is_what_it_leads_to(self, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.write_text("1")
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "link").symlink_to(outside)
        (folder / "dead").symlink_to("nowhere")
        (folder / "loop").symlink_to(folder)
        before = signature(folder)
        outside.write_text("changed")
        assert signature(folder) not in (None, before)

    def test_none_where_it_cannot_be_looked_at(self, tmp_path: Path) -> None:
        assert signature(tmp_path / "no") is None
        deep = tmp_path / "deep"
        (deep / "/".join("x" * (DEEPEST + 2))).mkdir(parents=True)
        assert signature(deep) is None

    @pytest.mark.skipif(os.name == "nt", reason="names are bytes on POSIX only")
    def test_names_that_are_no_text(self, tmp_path: Path) -> None:
        (tmp_path / os.fsdecode(b"\xff.txt")).write_text("1")
        assert signature(tmp_path) is not None
