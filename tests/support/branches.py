"""A flow whose graph is no chain: a foreach next to a step that waits for a file."""

from __future__ import annotations

BRANCHES = """\
import pathlib, sys, time
from metaflow import FlowSpec, Parameter, retry, step

class BranchFlow(FlowSpec):

    rows = Parameter('rows', default=3)
    go = Parameter('go', default='')
    bad = Parameter('bad', default=False, type=bool)

    @step
    def start(self):
        "Begins."
        print('   begun')
        self.next(self.left, self.right)

    @step
    def left(self):
        self.models = ['gbt', 'svm']
        self.next(self.train, foreach='models')

    @retry(times=1, minutes_between_retries=0)
    @step
    def train(self):
        print('trains', self.input)
        print('a warning', file=sys.stderr)
        if self.bad and self.input == 'svm':
            raise ValueError('no such kernel')
        self.next(self.choose)

    @step
    def choose(self, inputs):
        self.next(self.join)

    @step
    def right(self):
        while self.go and not pathlib.Path(self.go).exists():
            time.sleep(0.02)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        print('the end')

if __name__ == '__main__':
    BranchFlow()
"""
