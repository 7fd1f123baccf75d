"""The text of flows that many tests run, each for one purpose."""

SLOWFLOW = """\
import time
from metaflow import FlowSpec, Parameter, step

class SlowFlow(FlowSpec):

    secs = Parameter('seconds', default=3)

    @step
    def start(self):
        for i in range(self.secs):
            print(f"{i} seconds passed")
            time.sleep(1)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    SlowFlow()
"""

FAILFLOW = """\
from metaflow import FlowSpec, Parameter, step

class FailFlow(FlowSpec):

    fail = Parameter('fail', default=True)

    @step
    def start(self):
        self.numbers = [1, 2, 3]
        self.next(self.divide)

    @step
    def divide(self):
        self.result = sum(self.numbers) / (0 if self.fail else 1)
        self.next(self.end)

    @step
    def end(self):
        print("result", self.result)

if __name__ == '__main__':
    FailFlow()
"""

FOREACHFLOW = """\
from metaflow import FlowSpec, Parameter, step

class ForeachFlow(FlowSpec):

    width = Parameter('width', default=3)

    @step
    def start(self):
        self.items = list(range(self.width))
        self.next(self.work, foreach='items')

    @step
    def work(self):
        self.square = self.input ** 2
        self.next(self.join)

    @step
    def join(self, inputs):
        self.squares = [each.square for each in inputs]
        self.next(self.end)

    @step
    def end(self):
        print("squares", self.squares)

if __name__ == '__main__':
    ForeachFlow()
"""

# Writes its pid to the file `task` next to it, and then waits at the pipe `gate` there.
GATEDFLOW = """\
import os
from metaflow import FlowSpec, step

HERE = os.path.dirname(os.path.abspath(__file__))

class GatedFlow(FlowSpec):

    @step
    def start(self):
        with open(f"{HERE}/task", "w") as file:
            file.write(f"{os.getpid()}\\n")
        open(f"{HERE}/gate").close()
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    GatedFlow()
"""

FLOWS = {
    "slowflow": SLOWFLOW,
    "failflow": FAILFLOW,
    "foreachflow": FOREACHFLOW,
    "gatedflow": GATEDFLOW,
}
