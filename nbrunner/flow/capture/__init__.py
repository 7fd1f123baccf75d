"""What a flow of a cell takes along from the notebook."""
