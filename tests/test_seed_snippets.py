"""Scripts that use Runner, run as scripts."""

from __future__ import annotations

import re

import pytest
from support.scripts import run_script

pytestmark = pytest.mark.slow

RUN = r"Run\('SlowFlow/\d+'\)"


@pytest.fixture
def script(write_flow, tmp_path):
    """Return a function that runs a script next to slowflow.py and returns its output lines."""
    write_flow("slowflow")
    return lambda text, *words: run_script(tmp_path, text, *words)


def test_blocking_run_prints_what_the_flow_prints_and_gives_the_run(script):
    lines = script("""
        from nbrunner import Runner

        with Runner('slowflow.py').run(seconds=1) as running:
            print(f'{running.run} finished')
    """)
    assert any(line.endswith("0 seconds passed") for line in lines[:-1])
    assert re.fullmatch(f"{RUN} finished", lines[-1])


def test_hidden_output_is_read_from_the_handle(script):
    lines = script("""
        from nbrunner import Runner

        with Runner('slowflow.py', show_output=False).run(seconds=2) as running:
            shown = running.status, running.returncode, running.run.data.secs
            print(f'{running.run} gave', *shown)
            for line in running.stdout.splitlines():
                if 'seconds passed' in line:
                    print('OUT', line.split('] ')[1])
            print('ERR', 'executing SlowFlow' in running.stderr)
    """)
    assert re.fullmatch(f"{RUN} gave successful 0 2", lines[0])
    assert lines[1:] == ["OUT 0 seconds passed", "OUT 1 seconds passed", "ERR True"]


def test_top_level_options_stand_before_the_subcommand(script):
    lines = script("""
        from nbrunner import Runner

        runner = Runner('slowflow.py', show_output=False, pylint=False, decospecs=['retry'])
        with runner.run(seconds=0) as running:
            words = running.command
            print(*words[3:words.index('run')])
            print('lint' in running.stdout.lower(), running.run.successful)
    """)
    assert lines == ["--no-pylint --with=retry", "False True"]


def test_run_options_and_tags(script):
    lines = script("""
        from nbrunner import Runner

        runner = Runner('slowflow.py', show_output=False)
        tags = ['myrun', 'another_tag']
        with runner.run(seconds=0, max_workers=1, tags=tags) as running:
            print(sorted(running.run.user_tags), tags)
    """)
    assert lines == ["['another_tag', 'myrun'] ['myrun', 'another_tag']"]


def test_status_is_polled_while_the_run_goes_on(script):
    lines = script("""
        import asyncio
        from nbrunner import Runner

        async def main():
            with await Runner('slowflow.py').async_run(seconds=1) as running:
                while (status := running.status) == 'running':
                    print(f'now {status}')
                    await asyncio.sleep(0.2)
                print(f'{running.run} finished, {running.status}')

        asyncio.run(main())
    """)
    assert len(lines) >= 3, "one look or more per 0.2 s of a run that takes over 1 s"
    assert set(lines[:-1]) == {"now running"}, "a background run prints nothing"
    assert re.fullmatch(f"{RUN} finished, successful", lines[-1])


def test_wait(script):
    lines = script("""
        import asyncio
        from nbrunner import Runner

        async def main():
            with await Runner('slowflow.py').async_run(seconds=1) as running:
                print(await running.wait() is running)
                print(f'{running.run} finished, {running.status}')

        asyncio.run(main())
    """)
    assert lines[0] == "True"
    assert re.fullmatch(f"{RUN} finished, successful", lines[1])


def test_stream_log_yields_the_lines_of_a_stream(script):
    lines = script("""
        import asyncio
        from nbrunner import Runner

        async def main():
            with await Runner('slowflow.py').async_run(seconds=2) as running:
                async for _, line in running.stream_log('stdout'):
                    print(f'OUT: {line}')
                print(f'{running.run} finished')

        asyncio.run(main())
    """)
    passed = [line.rsplit("] ")[-1] for line in lines if line.endswith("seconds passed")]
    assert passed == ["0 seconds passed", "1 seconds passed"]
    assert all(line.startswith("OUT: ") for line in lines[:-1])
    assert re.fullmatch(f"{RUN} finished", lines[-1])


def test_lines_are_pulled_one_by_one_and_the_rest_from_a_position(script):
    lines = script("""
        import asyncio
        from nbrunner import Runner

        async def main():
            seen = []
            with await Runner('slowflow.py', quiet=True).async_run(seconds=3) as running:
                stdout = aiter(running.stream_log('stdout'))
                while running.status == 'running':
                    position, line = await anext(stdout)
                    print(f'LIVE {line}')
                    seen.append(line)
                    await asyncio.sleep(0.5)
                async for _, line in running.stream_log('stdout', position=position):
                    print(f'REST {line}')
                    seen.append(line)
                print(seen == running.stdout.splitlines())

        asyncio.run(main())
    """)
    assert lines[-1] == "True", "no line lost or doubled between the two readers"
    assert lines[0].startswith("LIVE ")
    both = " ".join(lines)
    assert [both.count(f"{second} seconds passed") for second in range(3)] == [1, 1, 1]


def test_five_concurrent_runs_keep_their_own_parameters(script):
    lines = script("""
        import asyncio
        from nbrunner import Runner

        async def main():
            runs = [
                await Runner('slowflow.py').async_run(seconds=i, tags=['manyruns'])
                for i in range(5)
            ]
            while runs:
                going_on = []
                for running in runs:
                    if running.status == 'running':
                        going_on.append(running)
                    else:
                        run = running.run
                        print(f'{run} ran for {run.data.secs} seconds', *run.user_tags)
                runs = going_on
                await asyncio.sleep(0.2)

        asyncio.run(main())
    """)
    matches = [re.fullmatch(f"{RUN} ran for (.) seconds manyruns", line) for line in lines]
    assert sorted(match[1] for match in matches if match) == ["0", "1", "2", "3", "4"]


def test_blocking_resume_of_the_oldest_run(script):
    lines = script("""
        from nbrunner import Flow, Runner

        for seconds in (1, 0):
            Runner('slowflow.py', show_output=False).run(seconds=seconds)
        old_id = list(Flow('SlowFlow'))[-1].id
        with Runner('slowflow.py', show_output=False).resume(origin_run_id=old_id) as running:
            run = running.run
            print(f'{run} completed')
            print(run['start'].task.metadata_dict['origin-run-id'] == old_id)
            print(running.status, run.data.secs, 'Cloning' in running.stdout, run.id != old_id)
    """)
    assert re.fullmatch(f"{RUN} completed", lines[0])
    assert lines[1:] == ["True", "successful 1 True True"]


def test_async_resume_of_the_oldest_run(script):
    lines = script("""
        import asyncio
        from nbrunner import Flow, Runner

        async def main():
            Runner('slowflow.py', show_output=False).run(seconds=1)
            old_id = list(Flow('SlowFlow'))[-1].id
            with await Runner('slowflow.py').async_resume(origin_run_id=old_id) as running:
                await running.wait()
                print(f'{running.run} completed', running.run.id != old_id)

        asyncio.run(main())
    """)
    assert re.fullmatch(f"{RUN} completed True", lines[0])
