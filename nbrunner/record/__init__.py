"""What a run leaves on disk: the single source of truth about it."""
