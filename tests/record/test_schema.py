"""What a file of a record may hold, checked where it is read."""

from __future__ import annotations

import json
import os

import pytest

from nbrunner.launch.stopping import StopRequest
from nbrunner.record import rundir, schema
from nbrunner.record.rundir import RunDirectory

pytestmark = pytest.mark.once

EXIT = {"returncode": 0, "ended": 1.5, "error": None, "stop": None}
NAN = float("nan")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (rundir.EXIT, {}, "ended is missing"),
        (rundir.EXIT, EXIT | {"stop": "paused"}, "stop: expected one of stopped, timeout"),
        (rundir.EXIT, EXIT | {"ended": NAN}, "ended: expected 0 to 1e+11, got NaN"),
        (rundir.EXIT, EXIT | {"ended": 1e300}, "ended: expected 0 to 1e+11"),
        (rundir.EXIT, EXIT | {"returncode": "0"}, 'returncode: expected an int, got "0"'),
        (rundir.EXIT, EXIT | {"returncode": True}, "returncode: expected an int, got true"),
        (rundir.EXIT, EXIT | {"killed": -1}, "killed: expected 0 to"),
        (rundir.RECORD, {"flow": "x"}, 'flow: expected an object, got "x"'),
        (rundir.RECORD, {"flow": {"steps": [1]}}, "flow.steps: expected a text, got 1"),
        (rundir.RECORD, {"flow": {"origins": [{}]}}, "flow.origins.first is missing"),
        (rundir.RECORD, {"started": NAN}, "started: expected 0"),
        (rundir.RECORD, {"subcommand": "replay"}, "subcommand: expected one of run, resume, spin"),
        (rundir.RECORD, {"arguments": []}, "arguments: expected an object, got a list"),
        (rundir.RECORD, {"sweep": {"name": "a", "index": "b"}}, "sweep.index: expected an int"),
        (rundir.SUPERVISOR, {"supervisor": 1}, "supervisor: expected an object"),
        (rundir.SUPERVISOR, {"run": {"pid": 10**30, "started": ""}}, "run.pid: expected 1 to"),
        (rundir.SUPERVISOR, {"run": {"pid": 0, "started": ""}}, "run.pid: expected 1 to"),
        (rundir.ATTRIBUTES, {"flow_name": "F"}, "run_id is missing"),
        (rundir.OPEN_LINES, {"lines": [None]}, "lines: expected a text, got null"),
        ("run-3.json", {"run": None, "status": "napping", "seconds": 1}, "status: expected one"),
    ],
)
def test_what_is_of_another_type_is_named(name, content, said):
    """B2: wrong types, missing keys, NaN and the words of a newer version are found out."""
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
    """B2: nesting, numbers and bytes that the JSON reader itself gives up at."""
    with pytest.raises(schema.DamagedError, match=said):
        schema.parse(rundir.EXIT, data)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (rundir.EXIT, EXIT | {"of a newer version": [1]}),
        (rundir.RECORD, {}),
        (rundir.RECORD, {"arguments": {"a": NAN, "b": [[1]]}, "flow": {"origins": None}}),
        (rundir.SUPERVISOR, {"supervisor": None, "run": None}),
        (rundir.ATTRIBUTES, {"flow_name": "F", "run_id": 7}),
        (rundir.STOP, {"interrupt_grace_seconds": float("inf")}),
    ],
)
def test_what_older_and_newer_versions_write_is_taken(name, content):
    """B2: what may be absent, and keys that are not known, are no damage."""
    assert schema.parse(name, json.dumps(content).encode()).keys() == content.keys()


@pytest.mark.parametrize("trap", ["folder", "named pipe", "link", "huge"])
def test_what_is_no_file_is_named_at_once(tmp_path, trap):
    """B2: a file that cannot be read, whoever one is, counts as damaged."""
    path = tmp_path / rundir.EXIT
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
    assert directory.read(rundir.EXIT) is None
    assert directory.damage() == directory.damaged[rundir.EXIT]
    assert str(path) in directory.damage()


def test_a_file_that_is_whole_again_is_no_longer_damaged(tmp_path):
    """B2: and one that Metaflow is just writing never was."""
    directory = RunDirectory(tmp_path)
    (tmp_path / rundir.ATTRIBUTES).write_text('{"flow_name": ')
    assert (directory.read(rundir.ATTRIBUTES), directory.damage()) == (None, "")
    directory.write(rundir.EXIT, {})
    assert "attributes.json" in directory.damage()
    directory.write(rundir.ATTRIBUTES, {"flow_name": "F", "run_id": "1"})
    directory.write(rundir.EXIT, EXIT)
    assert directory.damage() == ""


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"interrupt_grace_seconds": NaN}', b'{"reason": 3}', b"{"]
)
def test_a_damaged_request_stops_with_the_usual_grace(tmp_path, content):
    """B2: a supervisor that is asked to stop does so, whatever the request looks like."""
    (tmp_path / rundir.STOP).write_bytes(content)
    assert StopRequest.from_json(RunDirectory(tmp_path).read(rundir.STOP)) == StopRequest()
