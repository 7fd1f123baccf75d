"""Sweeps: many runs of one flow with parameters of their own."""
