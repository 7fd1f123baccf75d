"""All that knows Metaflow from outside: its output lines and its Client."""
