"""Watching an import: what it draws from its process, and whether forks can share it."""
