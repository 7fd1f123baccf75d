"""The probe: what an import takes from its process, and whether forks can share it."""
