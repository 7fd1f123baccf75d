"""Panels: containers of widgets, one kind a file."""
