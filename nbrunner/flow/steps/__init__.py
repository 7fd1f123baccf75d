"""A flow of several cells: cells -> the text of a flow file with the origin of each line."""
