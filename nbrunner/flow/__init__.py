"""Flows before they run: files, descriptions and command lines."""
