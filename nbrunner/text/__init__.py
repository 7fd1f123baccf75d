"""Formatting and parsing of text, source code and durations."""
