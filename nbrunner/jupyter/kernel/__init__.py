"""What the panels and magics have of the kernel: its traits, its front end, one feeding thread."""
