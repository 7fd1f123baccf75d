"""Cells that many tests in a browser execute."""

LOAD = "%load_ext nbrunner"

TICKING = """\
%%flowrun --no-pylint
from metaflow import FlowSpec, step

class TickFlow(FlowSpec):

    @step
    def start(self):
        import time
        for number in range(600):
            print('tick', number, flush=True)
            time.sleep(0.1)
        self.next(self.end)

    @step
    def end(self):
        pass
"""

# Time limit for the answer to a click on a busy machine; without other load it takes 0.2 s.
ANSWERED_SECONDS = 3.0
