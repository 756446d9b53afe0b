"""The rules of locks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pypet_net.lock_table import LockTable


def test_a_free_lock_is_given():
    table = LockTable()
    assert table.lock("a", "ann", "1", 0.0) == "GO"
    assert table.holders["a"].client == "ann"


def test_a_held_lock_is_not_given_to_others():
    table = LockTable()
    table.lock("a", "ann", "1", 0.0)
    assert table.lock("a", "bob", "1", 1e9) == "WAIT"


def test_locks_of_other_names_are_independent():
    table = LockTable()
    table.lock("a", "ann", "1", 0.0)
    assert table.lock("b", "bob", "1", 0.0) == "GO"


def test_the_holder_asking_again_is_an_error():
    table = LockTable()
    table.lock("a", "ann", "1", 0.0)
    assert table.lock("a", "ann", "2", 0.0).startswith("LOCK_ERROR:::")


def test_a_released_lock_is_free():
    table = LockTable()
    table.lock("a", "ann", "1", 0.0)
    assert table.unlock("a", "ann", "2") == "RELEASED"
    assert table.lock("a", "bob", "1", 0.0) == "GO"


@pytest.mark.parametrize("client", ["bob", "ann"])
def test_only_the_holder_can_release(client):
    table = LockTable()
    if client == "bob":
        table.lock("a", "ann", "1", 0.0)
    assert table.unlock("a", client, "1").startswith("RELEASE_ERROR:::")


def test_whoever_waits_longest_is_next():
    table = LockTable()
    for client in ("ann", "bob", "cid"):
        table.lock_or_wait("a", client, "1", 0.0)
    table.unlock("a", "ann", "2")
    assert table.lock("a", "dan", "1", 0.0) == "WAIT"
    assert table.grant_waiting(0.0) == [("a", "bob", "GO")]
    assert table.grant_waiting(0.0) == []


def test_asking_again_keeps_the_place_in_the_queue():
    table = LockTable()
    for client in ("ann", "bob", "cid", "bob"):
        table.lock_or_wait("a", client, "1", 0.0)
    table.unlock("a", "ann", "2")
    assert table.grant_waiting(0.0) == [("a", "bob", "GO")]


def test_one_can_stop_waiting():
    table = LockTable()
    for client in ("ann", "bob"):
        table.lock_or_wait("a", client, "1", 0.0)
    assert table.unlock("a", "bob", "2") == "RELEASED"
    table.unlock("a", "ann", "2")
    assert table.grant_waiting(0.0) == []


@pytest.mark.claim(46)
def test_a_lock_held_too_long_goes_to_whoever_asks():
    table = LockTable(timeout=3.0)
    table.lock("a", "ann", "1", 0.0)
    assert table.lock("a", "bob", "1", 2.9) == "WAIT"
    assert table.lock("a", "bob", "2", 3.0).startswith("GO:::")
    assert table.unlock("a", "ann", "2").startswith("RELEASE_ERROR:::")
    assert table.unlock("a", "bob", "3") == "RELEASED"


def test_a_lock_nobody_wants_may_be_held_for_ever():
    table = LockTable(timeout=3.0)
    table.lock("a", "ann", "1", 0.0)
    assert table.unlock("a", "ann", "2") == "RELEASED"


def test_the_next_deadline_is_that_of_a_lock_somebody_waits_for():
    table = LockTable(timeout=3.0)
    table.lock("a", "ann", "1", 1.0)
    table.lock("b", "ann", "2", 2.0)
    assert table.next_deadline() is None
    table.lock_or_wait("b", "bob", "1", 2.5)
    assert table.next_deadline() == 5.0


@pytest.mark.claim(47)
def test_without_a_timeout_no_lock_is_overdue():
    table = LockTable()
    table.lock("a", "ann", "1", 0.0)
    table.lock_or_wait("a", "bob", "1", 0.0)
    assert table.next_deadline() is None
    assert table.grant_waiting(1e12) == []


def test_an_evicted_client_holds_nothing_and_waits_for_nothing():
    table = LockTable()
    table.lock("a", "ann", "1", 0.0)
    table.lock("b", "bob", "1", 0.0)
    table.lock_or_wait("b", "ann", "2", 0.0)
    assert table.evict("ann") == ["a"]
    assert table.waiting == {}
    assert set(table.holders) == {"b"}


_clients = st.sampled_from(["ann", "bob", "cid"])
_names = st.sampled_from(["a", "b"])
_steps = st.lists(
    st.tuples(st.sampled_from(["lock", "wait", "unlock", "evict", "grant"]), _names, _clients)
)


@settings(deadline=None)
@given(_steps, st.sampled_from([None, 2.0]))
def test_whatever_happens_nobody_holds_and_waits_at_once(steps, timeout):
    table = LockTable(timeout)
    for now, (step, name, client) in enumerate(steps):
        match step:
            case "lock":
                answer = table.lock(name, client, str(now), now)
                assert (answer[:2] == "GO") == (
                    table.holders.get(name, None) is not None
                    and table.holders[name].request == str(now)
                )
            case "wait":
                table.lock_or_wait(name, client, str(now), now)
            case "unlock":
                table.unlock(name, client, str(now))
            case "evict":
                table.evict(client)
            case "grant":
                table.grant_waiting(now)
        for held, holder in table.holders.items():
            assert holder.client not in table.waiting.get(held, {})
        assert all(table.waiting.values())
    table.grant_waiting(len(steps))
    assert set(table.waiting) <= set(table.holders)
