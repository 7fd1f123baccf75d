"""HTML kept in the notebook for when no widget can draw."""
