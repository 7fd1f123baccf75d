"""Measures once, for one side, and prints the figures as JSON on the last line."""

from __future__ import annotations

import json
import sys

from benchmarks.topics import BENCHMARKS

if __name__ == "__main__":
    name, whose = sys.argv[1:]
    print(json.dumps(BENCHMARKS[name].measure(whose)))
