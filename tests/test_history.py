"""Past runs: Metaflow's Client joined with nbrunner's records, page by page."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from nbrunner import Runner
from nbrunner.history import PAGE_SIZE, History

pytestmark = [pytest.mark.slow, pytest.mark.once, pytest.mark.usefixtures("metadata_of_this_test")]


@pytest.fixture
def flow_file(write_flow):
    return write_flow("failflow")


def by_metaflow(file, *words):
    """Run a flow without nbrunner."""
    command = [sys.executable, str(file), "--no-pylint", "run", *words]
    subprocess.run(command, capture_output=True, check=False, cwd=file.parent)


def test_runs_of_nbrunner_and_of_others_newest_first(flow_file):
    by_metaflow(flow_file, "--fail", "False", "--tag", "theirs")
    by_metaflow(flow_file, "--tag", "theirs")
    ours = Runner(flow_file, show_output=False, pylint=False).run(fail=False, tags=["ours"])
    page = History("FailFlow").page()
    assert [run.status for run in page.runs] == ["successful", "failed", "successful"]
    assert [run.tags for run in page.runs] == [("ours",), ("theirs",), ("theirs",)]
    assert [bool(run.recorded) for run in page.runs] == [True, False, False]
    assert [run.parameters for run in page.runs] == [
        {"fail": False}, {"fail": True}, {"fail": False},
    ]  # fmt: skip
    assert [run.user for run in page.runs] == ["tester"] * 3
    assert page.runs[0].pathspec == ours.pathspec
    assert all(time.time() - 60 < run.started < time.time() for run in page.runs)
    assert page.runs[2].seconds > 0
    assert page.pages == 1


def test_runs_of_every_datastore_in_the_order_of_their_starts(flow_file, tmp_path):
    here = Runner(flow_file, show_output=False, pylint=False)
    sysroot = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path / "elsewhere")}
    there = Runner(flow_file, show_output=False, pylint=False, env=sysroot)
    started = [there.run(), here.run(), there.run()]
    named = here.resume(run_id="chosen-by-me")
    by_metaflow(flow_file)
    by_metaflow(flow_file)
    started += [named, here.run()]
    found = [run.pathspec for run in History("FailFlow").page().runs]
    assert [each for each in found if each in {run.pathspec for run in started}] == [
        run.pathspec for run in reversed(started)
    ]
    assert len(found) == 7
    shown = [run.started for run in History("FailFlow").page().runs]
    assert shown == sorted(shown, reverse=True)
    named.directory.delete()
    assert [run.pathspec for run in History("FailFlow").page().runs] == found


def test_search_state_and_namespace(flow_file, tmp_path):
    runner = Runner(flow_file, show_output=False, pylint=False)
    runner.run(fail=False, tags=["alpha"])
    runner.run(fail=True)
    Runner(flow_file, show_output=False, pylint=False, env={"USER": "other"}).run(fail=False)
    history = History("FailFlow")

    def statuses(**wanted):
        return [run.status for run in history.page(**wanted).runs]

    assert statuses() == ["successful", "failed", "successful"]
    assert statuses(query="alpha") == ["successful"]
    assert statuses(query="FAIL=true") == ["failed"]
    assert statuses(query="fail=false nothing") == []
    assert statuses(status="failed") == ["failed"]
    assert statuses(namespace="user:tester") == ["failed", "successful"]
    assert statuses(namespace="user:other") == ["successful"]
    assert statuses(namespace="user:nobody") == []
    # It does not matter that one of them cannot be read from here.
    sysroot = {"METAFLOW_DATASTORE_SYSROOT_LOCAL": str(tmp_path / "elsewhere")}
    Runner(flow_file, show_output=False, pylint=False, env=sysroot).run(fail=False)
    assert History("FailFlow").page(namespace="user:nobody").runs == []


def test_a_flow_that_nobody_has_run():
    page = History("NoFlow").page()
    assert (page.runs, page.pages) == ([], 1)


def test_all_flows_that_nbrunner_has_started(flow_file, write_flow):
    Runner(flow_file, show_output=False, pylint=False).run(fail=False)
    Runner(write_flow("foreachflow"), show_output=False, pylint=False).run()
    by_metaflow(flow_file)
    flows = [run.pathspec.partition("/")[0] for run in History().page().runs]
    assert flows == ["ForeachFlow", "FailFlow"]


def test_what_spin_has_run_is_told_apart(flow_file):
    runner = Runner(flow_file, show_output=False, pylint=False, cwd=flow_file.parent)
    origin = runner.run(fail=False)
    runner.spin(origin.run["divide"].task.pathspec)
    spun, run = History().page().runs
    assert (spun.is_spin, spun.name) == (True, f"{spun.pathspec} (spin)")
    assert (run.is_spin, run.name) == (False, origin.pathspec)
    assert [each.pathspec for each in History().page(query="spin").runs] == [spun.pathspec]


def test_a_run_whose_record_is_deleted_is_told_by_metaflow(flow_file, monkeypatch):
    runner = Runner(flow_file, show_output=False, pylint=False)
    first, second = runner.run(fail=True), runner.run(fail=False)
    history = History("FailFlow")
    assert [bool(run.recorded) for run in history.page().runs] == [True, True]
    first.directory.delete()
    runs = history.page().runs
    assert [(run.status, bool(run.recorded)) for run in runs] == [
        ("successful", True),
        ("failed", False),
    ]
    assert runs[1].parameters == {"fail": True}
    records = history._records()
    runner.cleanup()  # by another process, just after the records were listed
    monkeypatch.setattr(history, "_records", lambda: records)
    (run,) = [run for run in history.page().runs if run.pathspec == second.pathspec]
    assert run.status == "successful"


def test_a_running_run_is_seen_to_end(write_flow):
    import asyncio

    async def main():
        runner = Runner(write_flow("slowflow"), show_output=False, pylint=False)
        running = await runner.async_run(seconds=600)
        history = History("SlowFlow")
        assert history.page().runs[0].status == "running"
        await running.async_stop()
        assert history.page().runs[0].status == "stopped"

    asyncio.run(main())


@pytest.fixture
def many_runs(flow_file, private_state):
    """Ten thousand runs: one real one, and its stored metadata under other ids."""
    by_metaflow(flow_file, "--fail", "False")
    flow = private_state / "metaflow" / ".metaflow" / "FailFlow"
    (original,) = [each for each in flow.iterdir() if each.name.isdigit()]
    meta = (original / "_meta" / "_self.json").read_text()
    for number in range(10_000):
        run_id = str(int(original.name) - number - 1)
        folder = flow / run_id / "_meta"
        folder.mkdir(parents=True)
        (folder / "_self.json").write_text(meta.replace(original.name, run_id))
    return original.name


@pytest.mark.alone
def test_of_ten_thousand_runs_the_first_page_comes_at_once(many_runs):
    history = History("FailFlow")
    history.page()  # imports happen only once
    began = time.monotonic()
    page = History("FailFlow").page()
    assert time.monotonic() - began < 1.0
    assert page.runs[0].pathspec == f"FailFlow/{many_runs}"
    assert len(page.runs) == PAGE_SIZE
    assert page.pages == 501
    last = history.page(500)
    assert len(last.runs) == 1
    seen = [run.pathspec for number in range(3) for run in history.page(number).runs]
    assert len(set(seen)) == 3 * PAGE_SIZE
    assert seen == sorted(seen, reverse=True)


def test_a_search_through_ten_thousand_runs_tells_what_it_has_found_so_far(many_runs):
    told = []

    def tell(runs, seen, total):
        told.append(([run.pathspec for run in runs], seen, total))

    # The newest has parameters; the search through the others finds nothing.
    History("FailFlow").page(query="fail=false", cancelled=lambda: len(told) == 3, tell=tell)
    assert [found for found, _, _ in told] == [[f"FailFlow/{many_runs}"]] * 3
    assert [total for _, _, total in told] == [10_001] * 3
    first, second, third = (seen for _, seen, _ in told)
    assert 0 < first < second < third < 10_001
