"""Figures of nbrunner beside those of metaflow's own Runner, measured in one sitting."""
