"""What runs store: their own nodes, deltas that stand for store calls, rows of the run table."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from pypet_trajectory.api.records import RunFailure, RunRows
from pypet_trajectory.api.service import SupportsDeltas, SupportsRunLeaves, supports
from pypet_trajectory.storage.storing import delta_from_message
from pypet_trajectory.testing.equality import assert_same
from pypet_trajectory.testing.examples import loaded
from pypet_trajectory.testing.storage.store import Connect, StoreTests
from pypet_trajectory.trajectory import Trajectory


class RunTests(StoreTests):
    """Tests of runs."""

    def test_a_run_stores_only_what_it_added(self, connect: Connect, traj: Trajectory) -> None:
        before = loaded(connect(), "example")
        traj.f_get("results.noted").f_set(more=1)
        traj.v_idx = 1
        traj.f_start_run()
        traj.f_add_result("runs.$.z", 5)
        traj.f_add_link("last", traj.f_get("results.runs.$.z"))
        traj.f_store()
        traj.f_finalize_run()
        again = loaded(connect(), "example")
        assert again.results.runs.run_00000001.z == 5
        assert again.f_get("last") is again.f_get("results.runs.run_00000001.z")
        assert_same(
            again.f_get("results.noted").f_to_dict(), before.f_get("results.noted").f_to_dict()
        )

    def test_a_delta_brings_the_same_nodes_as_a_store_call(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        service = connect()
        if not supports(service, SupportsDeltas):
            pytest.skip("the service takes no deltas")
        traj.v_idx = 2
        traj.f_start_run()
        result = traj.f_add_result("$.deep.z", np.arange(4), comment="by delta")
        traj.results.f_add_link("$.same", result)
        delta = delta_from_message("SINGLE_RUN", traj, (), {"trajectory_name": "example"})
        assert result.v_stored
        traj.f_finalize_run()
        service.store_delta(pickle.loads(pickle.dumps(delta)))
        again = loaded(connect(), "example")
        stored = again.f_get("results.run_00000002.deep.z")
        assert_same(stored.f_get(), np.arange(4))
        assert stored.v_comment == "by delta"
        assert again.f_get("results.run_00000002.same") is stored

    def test_rows_of_runs_can_be_rewritten_alone(self, connect: Connect, traj: Trajectory) -> None:
        service = connect()
        if not supports(service, SupportsDeltas):
            pytest.skip("the service takes no deltas")
        table = traj.v_runs.table
        table.set(1, completed=1, timestamp=3.0, finish_timestamp=4.0)
        failure = RunFailure("failed", "ValueError", "no", "Traceback ...", attempts=2)
        rows = {idx: {**table.row(idx), "name": f"run_{idx:08d}"} for idx in (1, 2)}
        service.store_run_rows(RunRows("example", rows, {2: failure}))
        again = loaded(connect(), "example", load_data=0)
        assert again.v_runs.table.row(1) == table.row(1)
        assert again.v_runs.table.failures == {2: failure}

    def test_leaves_of_runs_can_be_read_without_becoming_nodes(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        service = connect()
        if not supports(service, SupportsRunLeaves):
            pytest.skip("the service reads nodes into trees only")
        for idx in range(2):
            place = f"results.$set.run_{idx:08d}"
            traj.f_add_result(f"{place}.sub.seen", np.arange(idx, 4), comment=f"seen {idx}")
            traj.f_add_result(f"{place}.sub.named", idx).f_set_annotations(unit="mV")
        traj.f_add_link("results.$set.run_00000002.sub", "results.$set.run_00000001.sub")
        traj.f_add_result("results.$set.run_ALL.sub.seen", "by all")
        traj.f_store()
        again = loaded(connect(), "example", load_data=0)
        nodes = set(again.f_to_dict())
        assert "results.run_set_ALL" in service.run_parents(again)
        found = list(service.run_leaves(again, "sub", (0, 1, 2, -1)))
        assert [leaf.idx for leaf in found] == [-1, 0, 0, 1, 1, 2, 2]
        assert sorted(leaf.relative_name for leaf in found) == ["named"] * 3 + ["seen"] * 4
        (seen,) = service.run_leaves(again, "sub.seen", (1,))
        assert_same(seen.leaf.f_get(), np.arange(1, 4))
        assert seen.leaf.v_comment == "seen 1"
        (named,) = service.run_leaves(again, "sub.named", (0,))
        assert named.leaf.v_annotations.unit == "mV"
        assert list(service.run_leaves(again, "sub.absent", (0, 1, 2, -1))) == []
        assert set(again.f_to_dict()) == nodes

    def test_of_several_results_of_a_run_all_ways_of_looking_choose_the_same(
        self, connect: Connect, traj: Trajectory
    ) -> None:
        for place in ("b", "a", "c", "b.d", "b.s"):
            traj.f_add_result(f"{place}.run_00000001.z", place)
        traj.f_add_derived_parameter("q.run_00000001.z", "derived")
        traj.f_store()
        service = connect()
        again = loaded(service, "example")
        assert again.f_get_from_runs("z", fast_access=True) == {"run_00000001": "a"}  # as in 0.7
        bare = loaded(connect(), "example", load_data=0)
        if supports(service, SupportsRunLeaves):
            (found,) = service.run_leaves(bare, "z", (1,))
            assert found.leaf.f_get() == "a"
            found_on_demand = bare.f_get_from_runs("z", fast_access=True, auto_load=True)
            assert found_on_demand == {"run_00000001": "a"}
