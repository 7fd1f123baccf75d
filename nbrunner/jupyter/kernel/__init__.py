"""The kernel's side of panels and magics: traits, front end detection and the feed thread."""
