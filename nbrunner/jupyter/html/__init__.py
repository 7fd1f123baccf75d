"""Static HTML kept in the notebook for front ends that cannot draw the widgets."""
