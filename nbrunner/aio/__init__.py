"""What waits: coroutines driven to their end, and files that change."""
