"""The logs of a run: read, merged, searched and followed."""
