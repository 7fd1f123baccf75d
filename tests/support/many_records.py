"""Thousands of records of ended runs."""

from __future__ import annotations

import json
import time
from pathlib import Path

from nbrunner.record import run_directory
from nbrunner.record.schema import Json


def name_of(number: int) -> str:
    """Return the name of a record; a higher number means an older record."""
    moment = time.gmtime(time.time() - 60 - number)
    return f"{time.strftime('%Y%m%d-%H%M%S', moment)}-{number % 10**6:06}-{number:08x}"


def write_record(runs: Path, number: int, **files: Json | None) -> Path:
    """Write the record of a successful run, with the given files in place of its own."""
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
