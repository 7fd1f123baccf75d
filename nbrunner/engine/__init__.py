"""Metaflow seen from outside: its output lines and its Client."""
