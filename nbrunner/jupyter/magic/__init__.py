"""The magics: parsing, options, completion and starting of runs."""
