"""Descriptions of flows: a child process imports the flow, a cache remembers."""
