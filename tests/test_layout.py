"""The tests mirror the package: each module has a test file, or a reason for having none."""

from __future__ import annotations

from pathlib import Path

import pytest

import nbrunner

pytestmark = pytest.mark.once

PACKAGE = Path(nbrunner.__file__).parent
TESTS = Path(__file__).parent

# Tests of several modules together: a user's actions in real processes, kernels or browsers.
# Path of tests -> the modules that it covers.
TESTED_BY = {
    "test_cli.py": ("__main__",),
    "test_package.py": ("version",),
    "compare/test_diff.py": ("compare/facts", "data_frame"),
    "compare/test_rendering.py": ("compare/as_html", "compare/as_text"),
    "kernel/test_deployer.py": ("deployer",),
    "test_drop_in.py": ("env_vars", "metaflow_attributes"),
    "test_bad_settings.py": ("environment",),
    "test_api.py": ("late_module",),
    "test_runner.py": ("handles", "starter", "to_the_end"),
    "kernel/test_nbrunner.py": ("notebook_runner",),
    "test_history.py": ("engine/client",),
    "browser/test_results.py": ("engine/cards",),
    # The state of a run according to its log, and the reason of its failure.
    "logs/test_progress_follower.py": ("engine/progress", "failed_run"),
    "logs/test_index.py": ("logs/merged",),
    "launch/warm/test_partial_lines.py": ("logs/partial_lines",),
    "aio/test_blocking.py": ("aio/inotify",),
    "kernel/test_errors_in_cells.py": ("text/brief_traceback",),
    # Several modules together decide what travels with a flow of a cell.
    "flow/capture/test_flow_statement.py": ("flow/capture/same_flow",),
    "flow/capture/test_large_objects.py": ("flow/capture/digest", "flow/capture/made_again"),
    "flow/capture/test_what_travels.py": (
        *("flow/capture/collector", "flow/capture/flow_class", "flow/capture/flow_file"),
        *("flow/capture/flow_text", "flow/capture/packing", "flow/capture/scope"),
        *("flow/capture/same_object", "flow/capture/unpack"),
    ),
    "flow/capture/test_rebinding.py": ("flow/capture/notebook", "flow/capture/staleness"),
    "flow/capture/test_changed_in_place.py": ("flow/capture/same_body", "flow/capture/touched"),
    "kernel/test_step_cells.py": (
        *("jupyter/step_magics", "jupyter/magic/step_help", "jupyter/magic/step_registry"),
    ),
    "flow/steps/test_assembly.py": ("flow/steps/flow_cells",),
    # A description, whichever process made it.
    "flow/describe/test_api.py": (
        *("flow/describe/child", "flow/describe/files_read", "flow/description"),
    ),
    "flow/describe/test_cache_key.py": ("flow/describe/literal_defaults",),
    "flow/test_build_argv.py": ("flow/included_files",),
    "test_rerun.py": ("flow/run_record",),
    # Starting, stopping and losing runs: real ones.
    "launch/test_stopping.py": ("launch/stop", "launch/supervisor", "launch/child_processes"),
    "launch/test_killing.py": ("launch/launcher", "launch/wait_started"),
    "launch/test_lost.py": ("launch/run_processes", "launch/run_state"),
    "launch/test_task_starts.py": (
        *("how_started", "record/task_starts", "launch/warm/task_popen"),
        "launch/warm/fork_server",
    ),
    "launch/warm/test_cards.py": ("launch/warm/card_popen", "launch/warm/forked_process"),
    "launch/warm/test_run_ids.py": ("launch/run_id_collisions",),
    "launch/warm/test_warm_equals_cold.py": ("launch/warm/after_fork", "launch/warm/become"),
    "launch/warm/test_warm_or_cold.py": ("launch/warm/eligibility",),
    "launch/warm/test_endings.py": (
        *("launch/warm/arrow", "launch/warm/finalize", "launch/warm/finalizers"),
    ),
    "launch/warm/test_launcher.py": ("launch/warm/first_steps", "launch/warm/zygote"),
    "launch/warm/probe/test_draws.py": (
        *("launch/warm/probe/attribution", "launch/warm/probe/generators"),
        *("launch/warm/probe/recording", "launch/warm/probe/stand_ins"),
        *("launch/warm/probe/process_facts", "launch/warm/probe/variables"),
    ),
    "launch/warm/test_preload.py": (
        *("launch/warm/probe/import_probe", "launch/warm/probe/replaced"),
    ),
    # Records on disk, damaged, many or old.
    "record/test_state_directory.py": ("record/registry", "record/run_directory"),
    "record/test_many_records.py": ("record/run_index",),
    "test_spin.py": ("record/spin_attributes",),
    "sweeps/test_sweep.py": ("sweeps/api", "sweeps/grid", "sweeps/handle"),
    # Magics need a kernel, panels and widgets a page.
    "kernel/test_magics.py": (
        *("jupyter/extension", "jupyter/magics", "jupyter/magic/launch", "jupyter/output"),
    ),
    "kernel/test_options.py": ("jupyter/kernel/config",),
    "kernel/test_no_leak.py": ("jupyter/kernel/cell_panels",),
    "kernel/test_consoles.py": ("jupyter/kernel/front_end", "jupyter/kernel/protocols"),
    "test_doctor.py": ("jupyter/magic/doctor",),
    "jupyter/html/test_run.py": ("jupyter/html/fallback_output", "jupyter/html/line_names"),
    "jupyter/panels/test_closing.py": ("jupyter/kernel/feed", "jupyter/panels/panel"),
    "jupyter/panels/test_panels.py": (
        *("jupyter/panels/board_panel", "jupyter/panels/board_rows", "jupyter/panels/resume_bar"),
        *("jupyter/panels/history_panel", "jupyter/panels/launch_panel"),
        "jupyter/widgets/run_table",
    ),
    "browser/test_run_panel.py": (
        *("jupyter/panels/run_panel", "jupyter/widgets/base", "jupyter/widgets/run_data"),
        *("jupyter/widgets/run_header", "jupyter/widgets/step_graph"),
    ),
    "browser/test_stored_panel.py": ("jupyter/panels/stored_panel",),
    "test_followed_run.py": ("any_run", "engine/stored_tasks"),
    "browser/test_launch_panel.py": ("jupyter/widgets/launch_form",),
    "browser/test_sign_of_life.py": ("jupyter/panels/taking_up",),
    "jupyter/widgets/test_composite.py": ("jupyter/widgets/channel",),
    "browser/test_appearance.py": ("jupyter/widgets/status_badge",),
    "browser/test_log.py": ("jupyter/widgets/log_view",),
    "jupyter/test_visible_texts.py": ("jupyter/widgets/failure_box",),
}

# Folders without a counterpart in the package: their tests start a kernel or a page.
ELSEWHERE = {"kernel", "browser"}

MODULES = {
    file.relative_to(PACKAGE).with_suffix("").as_posix()
    for file in PACKAGE.rglob("*.py")
    if file.name != "__init__.py"
}


def has_a_file_of_its_own(module):
    path = TESTS / f"{module}.py"
    return path.with_name(f"test_{path.name}").exists()


def test_each_module_has_its_tests():
    named = {module for modules in TESTED_BY.values() for module in modules}
    untested = {module for module in MODULES if not has_a_file_of_its_own(module)} - named
    assert not untested, "add tests/<folder>/test_<module>.py, or name what tests it in TESTED_BY"


def test_the_table_names_what_there_is():
    assert [path for path in TESTED_BY if not (TESTS / path).is_file()] == []
    named = [module for modules in TESTED_BY.values() for module in modules]
    assert len(named) == len(set(named))
    assert [module for module in named if module not in MODULES] == []
    assert [module for module in named if has_a_file_of_its_own(module)] == []


def test_folders_of_tests_are_those_of_the_package():
    folders = {file.parent.relative_to(TESTS).as_posix() for file in TESTS.rglob("test_*.py")}
    assert {folder for folder in folders - ELSEWHERE if not (PACKAGE / folder).is_dir()} == set()


def test_contributing_states_what_is_public():
    """And test_readme.py holds README, docs and notebooks to it."""
    text = (TESTS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    for module in ("nbrunner", "nbrunner.jupyter.panels", "nbrunner.jupyter.widgets"):
        assert f"`{module}.__all__`" in text
