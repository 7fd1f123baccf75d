"""Thousands of records, as runs that have ended leave them."""

from __future__ import annotations

import json
import time
from pathlib import Path

from nbrunner.record import run_directory
from nbrunner.record.schema import Json


def name_of(number: int) -> str:
    """Return the name of a record; a higher number is an older one."""
    moment = time.gmtime(time.time() - 60 - number)
    return f"{time.strftime('%Y%m%d-%H%M%S', moment)}-{number % 10**6:06}-{number:08x}"


def write_record(runs: Path, number: int, **files: Json | None) -> Path:
    """Write the record of a successful run, with other files where they are given."""
    folder = runs / name_of(number)
    folder.mkdir(mode=0o700)
    gone = {"pid": 4_000_000, "started": "an earlier boot/1"}
    content = {
        run_directory.RECORD: {
            "flow": {"name": "ManyFlow", "file": "/nowhere/many.py", "steps": ["start", "end"]},
            "subcommand": "run",
            "arguments": {"number": number},
            "command": ["python", "-u", "/nowhere/many.py", "run"],
            "cwd": "/",
            "user": "tester",
            "started": time.time() - 60 - number,
        },
        run_directory.SUPERVISOR: {"supervisor": gone, "run": gone},
        run_directory.ATTRIBUTES: {
            "flow_name": "ManyFlow", "run_id": str(10**6 - number), "metadata": "local@/nowhere",
        },
        run_directory.EXIT: {"returncode": 0, "ended": time.time(), "error": None, "stop": None},
    }  # fmt: skip
    for name, each in content.items():
        each = files.get(name.removesuffix(".json"), each)
        if each is not None:
            (folder / name).write_text(json.dumps(each))
    return folder
