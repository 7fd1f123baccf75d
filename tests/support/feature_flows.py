"""The text of flows that use Metaflow's features, several per flow."""

NESTEDFLOW = """\
from metaflow import FlowSpec, step

class NestedFlow(FlowSpec):

    @step
    def start(self):
        self.outer = [1, 2]
        self.next(self.row, foreach='outer')

    @step
    def row(self):
        self.inner = [self.input * 10 + column for column in range(self.input)]
        self.next(self.cell, foreach='inner')

    @step
    def cell(self):
        self.value = self.input
        self.next(self.join_cells)

    @step
    def join_cells(self, inputs):
        self.values = sorted(each.value for each in inputs)
        self.next(self.join_rows)

    @step
    def join_rows(self, inputs):
        self.values = sorted(value for each in inputs for value in each.values)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    NestedFlow()
"""

SWITCHFLOW = """\
from metaflow import FlowSpec, Parameter, step

class SwitchFlow(FlowSpec):

    way = Parameter('way', default='short')

    @step
    def start(self):
        self.count = 0
        self.next({'short': self.short, 'long': self.long}, condition='way')

    @step
    def short(self):
        self.next(self.end)

    @step
    def long(self):
        self.count += 1
        self.more = 'again' if self.count < 3 else 'enough'
        self.next({'again': self.long, 'enough': self.split}, condition='more')

    @step
    def split(self):
        self.next(self.left, self.right)

    @step
    def left(self):
        self.side = 'left'
        self.next(self.join)

    @step
    def right(self):
        self.side = 'right'
        self.next(self.join)

    @step
    def join(self, inputs):
        self.sides = sorted(each.side for each in inputs)
        self.merge_artifacts(inputs, include=['count'])
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    SwitchFlow()
"""

HARDYFLOW = """\
import time
from metaflow import FlowSpec, catch, current, retry, step, timeout

class HardyFlow(FlowSpec):

    @retry(times=2, minutes_between_retries=0)
    @step
    def start(self):
        if current.retry_count == 0:
            raise ConnectionError('not yet')
        self.attempt = current.retry_count
        self.next(self.careless)

    @catch(var='caught')
    @step
    def careless(self):
        raise LookupError('lost it')
        self.next(self.slow)

    @catch(var='late', print_exception=False)
    @timeout(seconds=1)
    @step
    def slow(self):
        while True:
            time.sleep(0.1)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    HardyFlow()
"""

GIVENFLOW = """\
import os
from metaflow import (
    Config, FlowMutator, FlowSpec, IncludeFile, JSONType, Parameter, StepMutator, card,
    config_expr, current, environment, get_namespace, project, retry, step,
)

class Patient(FlowMutator):
    def init(self, times):
        self.times = times

    def pre_mutate(self, mutable_flow):
        mutable_flow.add_parameter('added', Parameter('added', type=int, default=5))
        for name, each in mutable_flow.steps:
            if name == 'end':
                each.add_decorator(retry, deco_kwargs={'times': self.times})

class Colourful(StepMutator):
    def mutate(self, mutable_step):
        mutable_step.add_decorator(environment, deco_kwargs={'vars': {'COLOUR': 'blue'}})

@Patient(times=1)
@project(name='givenproject')
class GivenFlow(FlowSpec):

    conf = Config('conf', default_value={'size': 1, 'name': 'default'})
    other = Config('other', default_value={'x': 1})

    table = Parameter('table', type=JSONType, default='{}')
    text = IncludeFile('text', required=True)
    size = Parameter('size', default=conf.size)

    @card
    @environment(vars={'GREETING': config_expr('conf.name')})
    @step
    def start(self):
        self.greeting = os.environ['GREETING']
        self.branch = current.branch_name
        self.namespace = get_namespace()
        self.configured = self.conf.size, self.other.x
        self.next(self.end)

    @Colourful
    @step
    def end(self):
        self.colour = os.environ['COLOUR']
        if current.retry_count == 0:
            raise ConnectionError('the mutator lets this one be tried again')

if __name__ == '__main__':
    GivenFlow()
"""
