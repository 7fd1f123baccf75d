"""Warm starts: an interpreter that has imported metaflow, and its forks."""
