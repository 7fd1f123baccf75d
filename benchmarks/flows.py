"""The text of the measured flows; each records the facts that only it has."""

QUIET = """\
from metaflow import FlowSpec, step

class QuietFlow(FlowSpec):

    @step
    def start(self):
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    QuietFlow()
"""

# Simulates a flow with a slow import: every import of the file takes this time.
HEAVY = "import time\ntime.sleep(1.5)\n" + QUIET.replace("QuietFlow", "HeavyFlow")

# The run process itself writes the lines in one call: only reading them is measured.
LOGGED = """\
import os, sys
if 'run' in sys.argv:
    lines = int(os.environ['BENCH_LINES'])
    sys.stdout.write(''.join(f'line {n:08} of a log that was written at once\\n'
                             for n in range(lines)))
    sys.stdout.flush()
""" + QUIET.replace("QuietFlow", "LoggedFlow")

# Each line contains the time at which it was printed (one clock for the whole machine).
STAMPING = """\
import os, time
from metaflow import FlowSpec, step

class StampingFlow(FlowSpec):

    @step
    def start(self):
        for _ in range(int(os.environ['BENCH_LINES'])):
            time.sleep(0.05)
            print('stamp', time.monotonic(), flush=True)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    StampingFlow()
"""

# A step prints all lines at once; the run process records the time of its end.
BURSTING = """\
import atexit, os, sys, time
if 'run' in sys.argv:
    atexit.register(lambda: open(os.environ['BENCH_ENDED'], 'w').write(str(time.monotonic())))
from metaflow import FlowSpec, step

class BurstingFlow(FlowSpec):

    @step
    def start(self):
        print('\\n'.join(f'burst {n}' for n in range(int(os.environ['BENCH_LINES']))))
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    BurstingFlow()
"""

SLEEPING = """\
import time
from metaflow import FlowSpec, step

class SleepingFlow(FlowSpec):

    @step
    def start(self):
        time.sleep(300)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    SleepingFlow()
"""

# Four children that outlive their parent unless they are found and stopped.
BREEDING = """\
import os, signal, subprocess, sys, time
from metaflow import FlowSpec, step

SLEEP = [sys.executable, '-S', '-c', 'import time; time.sleep(300)']
DEAF = 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(300)'

def double_forked():
    reader, writer = os.pipe()
    if os.fork() == 0:
        child = subprocess.Popen(SLEEP)
        os.write(writer, str(child.pid).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reader, 20))

class BreedingFlow(FlowSpec):

    @step
    def start(self):
        pids = [
            subprocess.Popen(SLEEP).pid,
            subprocess.Popen(SLEEP, start_new_session=True).pid,
            subprocess.Popen([sys.executable, '-S', '-c', DEAF]).pid,
            double_forked(),
        ]
        with open(os.environ['BENCH_PIDS'] + '.part', 'w') as file:
            file.write(' '.join(map(str, pids)))
        os.rename(os.environ['BENCH_PIDS'] + '.part', os.environ['BENCH_PIDS'])
        time.sleep(300)
        self.next(self.end)

    @step
    def end(self):
        pass

if __name__ == '__main__':
    BreedingFlow()
"""
