"""Comparison of runs: what was asked, which code ran, what came out, how long it took."""
