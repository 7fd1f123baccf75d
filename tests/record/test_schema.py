"""The content of a record's files, checked when they are read."""

from __future__ import annotations

import json
import os

import pytest

from nbrunner.launch.stop_ladder import StopRequest
from nbrunner.record import run_directory, schema
from nbrunner.record.run_directory import RunDirectory

pytestmark = pytest.mark.once

EXIT = {"returncode": 0, "ended": 1.5, "error": None, "stop": None}
NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (run_directory.EXIT, {}, "ended is missing"),
        (run_directory.EXIT, EXIT | {"stop": "paused"}, "stop: expected one of stopped, timeout"),
        (run_directory.EXIT, EXIT | {"ended": NAN}, "ended: expected 0 to 1e+11, got NaN"),
        (run_directory.EXIT, EXIT | {"ended": 1e300}, "ended: expected 0 to 1e+11"),
        (run_directory.EXIT, EXIT | {"returncode": "0"}, 'returncode: expected an int, got "0"'),
        (run_directory.EXIT, EXIT | {"returncode": True}, "returncode: expected an int, got true"),
        (run_directory.EXIT, EXIT | {"killed": -1}, "killed: expected 0 to"),
        (run_directory.RECORD, {"flow": "x"}, 'flow: expected an object, got "x"'),
        (run_directory.RECORD, {"flow": {"steps": [1]}}, "flow.steps: expected a text, got 1"),
        (run_directory.RECORD, {"flow": {"origins": [{}]}}, "flow.origins.first is missing"),
        (run_directory.RECORD, {"started": NAN}, "started: expected 0"),
        (
            run_directory.RECORD,
            {"subcommand": "replay"},
            "subcommand: expected one of run, resume, spin",
        ),
        (run_directory.RECORD, {"arguments": []}, "arguments: expected an object, got a list"),
        (
            run_directory.RECORD,
            {"sweep": {"name": "a", "index": "b"}},
            "sweep.index: expected an int",
        ),
        (run_directory.SUPERVISOR, {"supervisor": 1}, "supervisor: expected an object"),
        (
            run_directory.SUPERVISOR,
            {"run": {"pid": 10**30, "started": ""}},
            "run.pid: expected 1 to",
        ),
        (run_directory.SUPERVISOR, {"run": {"pid": 0, "started": ""}}, "run.pid: expected 1 to"),
        (run_directory.ATTRIBUTES, {"flow_name": "F"}, "run_id is missing"),
        (run_directory.OPEN_LINES, {"lines": [None]}, "lines: expected a text, got null"),
        ("run-3.json", {"run": None, "status": "napping", "seconds": 1}, "status: expected one"),
    ],
)
def test_what_is_of_another_type_is_named(name, content, said):
    """B2: wrong types, missing keys, NaN and unknown words of a newer version are detected."""
    with pytest.raises(schema.DamagedError) as damaged:
        schema.parse(name, json.dumps(content).encode())
    assert said in str(damaged.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b'{"flow":' * 100_000, "nested too deeply"),
        (b'{"ended": 1' + b"0" * 10_000 + b"}", "is not JSON"),
        (b"", "is not JSON"),
        (b"\xff", "is not JSON"),
        (b"null", "expected an object, got null"),
    ],
)
def test_what_is_no_json_is_named(data, said):
    """B2: nesting, numbers and bytes that the JSON parser itself rejects."""
    with pytest.raises(schema.DamagedError, match=said):
        schema.parse(run_directory.EXIT, data)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (run_directory.EXIT, EXIT | {"of a newer version": [1]}),
        (run_directory.RECORD, {}),
        (run_directory.RECORD, {"arguments": {"a": NAN, "b": [[1]]}, "flow": {"origins": None}}),
        (run_directory.SUPERVISOR, {"supervisor": None, "run": None}),
        (run_directory.ATTRIBUTES, {"flow_name": "F", "run_id": 7}),
        (run_directory.STOP, {"interrupt_grace_seconds": float("inf")}),
    ],
)
def test_what_older_and_newer_versions_write_is_taken(name, content):
    """B2: optional keys that are missing, and unknown keys, are accepted."""
    assert schema.parse(name, json.dumps(content).encode()).keys() == content.keys()


@pytest.mark.parametrize("trap", ["folder", "named pipe", "link", "huge"])
def test_what_is_no_file_is_named_at_once(tmp_path, trap):
    """B2: a file that no user can read counts as damaged."""
    path = tmp_path / run_directory.EXIT
    if trap == "folder":
        path.mkdir()
    elif trap == "named pipe":
        os.mkfifo(path)
    elif trap == "link":
        (tmp_path / "other").write_text(json.dumps(EXIT))
        path.symlink_to("other")
    else:
        with open(path, "wb") as file:
            file.truncate(10**9)
    directory = RunDirectory(tmp_path)
    assert directory.read(run_directory.EXIT) is None
    assert directory.damage() == directory.damaged[run_directory.EXIT]
    assert str(path) in directory.damage()


def test_a_file_that_is_whole_again_is_no_longer_damaged(tmp_path):
    """B2: and one that Metaflow is just writing does not count as damaged."""
    directory = RunDirectory(tmp_path)
    (tmp_path / run_directory.ATTRIBUTES).write_text('{"flow_name": ')
    assert (directory.read(run_directory.ATTRIBUTES), directory.damage()) == (None, "")
    directory.write(run_directory.EXIT, {})
    assert "attributes.json" in directory.damage()
    directory.write(run_directory.ATTRIBUTES, {"flow_name": "F", "run_id": "1"})
    directory.write(run_directory.EXIT, EXIT)
    assert directory.damage() == ""


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"interrupt_grace_seconds": NaN}', b'{"reason": 3}', b"{"]
)
def test_a_damaged_request_stops_with_the_usual_grace(tmp_path, content):
    """B2: a supervisor obeys a stop request whatever its content."""
    (tmp_path / run_directory.STOP).write_bytes(content)
    assert StopRequest.from_json(RunDirectory(tmp_path).read(run_directory.STOP)) == StopRequest()
