"""Every benchmark by its name, in the order of the table."""

from __future__ import annotations

from tests.benchmarks import crowd, leavings, logs, loop, starting

BENCHMARKS = {
    benchmark.name: benchmark
    for topic in (logs, loop, leavings, starting, crowd)
    for benchmark in topic.BENCHMARKS
}
