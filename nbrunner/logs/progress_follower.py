"""Updates the progress of a run from its growing log."""

from __future__ import annotations

import contextlib
import re
import threading
from pathlib import Path

from nbrunner.engine import log_format
from nbrunner.engine.progress import Progress, ProgressTracker, announced
from nbrunner.engine.timeline import TaskSpan, Timeline
from nbrunner.logs.reader import open_log
from nbrunner.record.run_directory import ATTRIBUTES
from nbrunner.record.schema import Record, flow_of
from nbrunner.record.spin_attributes import is_spin


class ProgressFollower:
    """Reads the progress of a run from its stdout, incrementally.

    Parameters
    ----------
    log : Path
        The run's stdout.
    record : dict
        Record of the run: names and transitions of the flow's steps, and the start time.
    """

    # Progress is reported in lines with a task's bracket; other lines are not decoded.
    _NAMES = re.compile(rb"\n%s \[([^\]\n]++)\] " % log_format.WHEN.encode())
    _NEEDLES = tuple(
        needle.encode()
        for needle in (
            *(f"] {log_format.TASK_BEGINS}", f"] {log_format.FOREACH_BEGINS}"),
            *(log_format.CLONING_BEGINS, f" {log_format.ANNOUNCED}"),
        )
    )

    def __init__(self, log: Path, record: Record) -> None:
        self._log = log
        # A spin runs a single task, so no other steps are pending.
        self._flow = flow_of({} if is_spin(record) else record)
        self._read_to = 0
        self._in_long_line = False
        self._lock = threading.Lock()
        self._tracker = self.new_tracker()
        self._timeline = Timeline(float(record.get("started", 0)))
        self._announced: str | None = None

    def new_tracker(self) -> ProgressTracker:
        """Return a tracker that has read nothing yet."""
        flow = self._flow
        foreach = {name for name, kind in flow["types"].items() if kind == "foreach"}
        # Without the types any step may have a foreach.
        return ProgressTracker(flow["steps"], flow["following"], foreach if flow["types"] else None)

    def snapshot(self, ended: bool) -> Progress:
        """Read what is new in the log and return the progress; thread-safe."""
        with self._lock:
            self._read()
            return self._tracker.snapshot(ended)

    def spans(self, ended: bool) -> list[TaskSpan]:
        """Read what is new in the log and return the task spans; thread-safe."""
        with self._lock:
            self._read()
            return self._timeline.spans(ended)

    def failed_task(self) -> tuple[str, str] | None:
        """Read what is new in the log and return (step, task id) of the failed task, or None."""
        with self._lock:
            self._read()
            return self._tracker.failed_task()

    def _read(self) -> None:
        with contextlib.suppress(FileNotFoundError), open_log(self._log) as file:
            file.seek(self._read_to)
            while data := file.read(1 << 20):
                whole = data.rfind(b"\n") + 1
                if whole == 0 and len(data) < 1 << 20:
                    break  # an incomplete line
                # The rest of a line longer than the block must not be parsed as a line.
                begins = data.find(b"\n") + 1 if self._in_long_line else 0
                self._in_long_line = whole == 0
                whole = whole or len(data)
                self._feed(data[begins:whole])
                self._read_to += whole
                file.seek(self._read_to)
                if whole < len(data) and len(data) < 1 << 20:
                    break

    def _feed(self, data: bytes) -> None:
        if not any(needle in data for needle in self._NEEDLES) and not self._is_refuted(data):
            return
        for line in data.split(b"\n"):
            if any(needle in line for needle in self._NEEDLES) or self._is_refuted(line):
                self._feed_line(line.decode("utf-8", "replace"))

    def _is_refuted(self, data: bytes) -> bool:
        """Return True if a line comes from a process that was considered ended."""
        believed = self._tracker.believed
        if not believed:
            return False
        names = set(self._NAMES.findall(b"\n" + data))
        return any(name.decode("utf-8", "replace") in believed for name in names)

    def _feed_line(self, line: str) -> None:
        if self._announced is None:
            self._announced = announced(line)
        for event in self._tracker.feed(line):
            if self._announced:
                self._tell_zone(self._announced)
                self._announced = ""  # only the first announcement counts
            self._timeline.feed(event)

    def _tell_zone(self, when: str) -> None:
        """Set the timeline's time zone.

        Metaflow writes the run's attributes right after the line that announces the run. The first
        task may start much later, after waiting in a queue or for its environment.
        """
        with contextlib.suppress(FileNotFoundError):
            self._timeline.announce(when, (self._log.parent / ATTRIBUTES).stat().st_mtime)
