"""Compares nbrunner with metaflow's own Runner, measured alternately."""
