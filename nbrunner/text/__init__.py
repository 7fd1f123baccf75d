"""Text, code and durations as people read them."""
