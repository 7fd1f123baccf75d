"""All benchmarks by name, in the order of the table."""

from __future__ import annotations

from benchmarks import crowd, leavings, logs, loop, memory, starting

BENCHMARKS = {
    benchmark.name: benchmark
    for topic in (logs, loop, leavings, starting, memory, crowd)
    for benchmark in topic.BENCHMARKS
}
