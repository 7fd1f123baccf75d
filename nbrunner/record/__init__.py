"""The files of a run on disk: the single source of truth about it."""
