"""The Jupyter extension: the only part that may import IPython, ipywidgets or anywidget."""
