"""Sweeps: many runs of one flow with different parameters."""
