"""All that starts, supervises and ends processes."""
