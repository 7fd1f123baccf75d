"""Descriptions of flows, made by a child process that imports the flow, and cached."""
