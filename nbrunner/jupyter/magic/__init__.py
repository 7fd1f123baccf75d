"""The magics: their lines, options, completion and runs."""
