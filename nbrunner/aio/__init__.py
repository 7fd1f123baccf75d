"""asyncio support: blocking calls of coroutines, and notification of file changes."""
