"""Reading, merging, searching and following the logs of a run."""
