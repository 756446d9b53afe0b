"""The notebook view: complete, escaped, bounded."""

import time
from html.parser import HTMLParser

import pytest

from pypet_trajectory import Parameter, PickleParameter, Result, Trajectory
from pypet_trajectory.analysis.html import MAX_CHILDREN, MAX_TEXT, node_html, runs_summary
from pypet_trajectory.api.records import RunFailure


class Checker(HTMLParser):
    """Notes tags and text, and that every tag is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append(tag)
        assert {name for name, _ in attrs} <= {"style", "open"}

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_trajectory_shows_its_tree(traj):
    view = Checker(node_html(traj))
    for part in ("T", "6 runs; 6 completed; explored: x, y", "about it", "fixed", "'text'", "z"):
        assert part in view.text
    assert view.tags.count("details") > 5
    assert set(view.tags) <= {"div", "details", "summary", "ul", "li", "b", "i", "span"}


def test_a_group_and_a_leaf_show_themselves(traj):
    assert "6 values" in Checker(node_html(traj.f_get("x"))).text
    assert "an x; unit=ms" in Checker(node_html(traj.f_get("x"))).text
    assert "fixed" not in Checker(node_html(traj.results)).text


def test_everything_is_escaped():
    traj = Trajectory("T", comment="<script>alert(1)</script>")
    traj.f_add_parameter("x", "<b>'\"&", comment="</details>")
    traj.f_set_annotations(note="<img src=x>")
    text = node_html(traj)
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    Checker(text)


def test_links_are_shown_and_not_followed():
    traj = Trajectory("T")
    traj.f_add_group("a")
    traj.a.f_add_link("again", traj.a)
    assert "again → a" in Checker(node_html(traj)).text


def test_the_size_is_bounded():
    traj = Trajectory("T")
    for number in range(3 * MAX_CHILDREN):
        traj.f_add_result(f"g{number}.h{number}.z", "a" * 10_000)
    for number in range(1000):
        traj.f_add_result(f"flat.z{number}", number)
    text = node_html(traj)
    assert len(text) < 200_000
    assert f"and {2 * MAX_CHILDREN + 1} more" in text
    assert "a" * (MAX_TEXT + 1) not in text


def test_a_million_runs_do_not_make_a_million_rows():
    traj = Trajectory("T")
    traj.f_add_parameter("x", 0)
    traj.f_explore({"x": range(1_000_000)})
    assert len(node_html(traj)) < 2_000
    assert runs_summary(traj) == "1000000 runs; 0 completed; explored: x"


def test_the_effort_is_bounded_like_the_size():
    traj = Trajectory("T")
    traj.f_add_parameter(PickleParameter, "p", {"values": [0] * 1_000_000, "own": 1})
    traj.f_add_result("r", [0] * 1_000_000)
    traj.v_annotations.note = [0] * 1_000_000
    started = time.process_time()
    text = traj._repr_html_()
    assert time.process_time() - started < 0.05
    assert len(text) < 3000


def test_a_text_that_no_file_takes_is_shown_escaped():
    leaf = Result("r", 1, comment="half \ud800 a pair")
    assert r"half \ud800 a pair" in leaf._repr_html_()
    leaf._repr_html_().encode("utf-8")


def test_a_class_with_its_own_text_shows_it():
    class Secret(Parameter):
        def f_val_to_str(self):
            return "not shown"

    assert "not shown" in Secret("p", 3)._repr_html_()


def test_deep_trees_are_not_unfolded_to_the_end():
    traj = Trajectory("T")
    traj.f_add_result(".".join("g" * 60) + ".z", 1)
    Checker(node_html(traj))


def test_looking_does_not_lock(traj):
    traj.f_get("fixed").f_unlock()
    node_html(traj)
    assert not traj.f_get("fixed").v_locked


def test_failures_are_counted(traj):
    traj.v_runs.table.failures[2] = RunFailure("failed", "ValueError", "no", "")
    assert "1 failed" in runs_summary(traj)


class Broken(Parameter):
    def f_val_to_str(self):
        raise RuntimeError("no text")


def test_a_value_without_text_does_not_spoil_the_view():
    traj = Trajectory("T")
    traj.f_add_parameter(Broken, "x", 1)
    assert "unreadable (RuntimeError)" in Checker(node_html(traj)).text


@pytest.mark.parametrize("name", ["results", "x", ""])
def test_notebooks_find_the_view_of_every_node(traj, name):
    node = traj.f_get(name) if name else traj
    assert node._repr_html_() == node_html(node)
