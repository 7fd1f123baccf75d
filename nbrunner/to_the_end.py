"""Runs started by a blocking method: their output is printed until they end."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeVar

from nbrunner.aio.blocking import Output, drive
from nbrunner.errors import RunStartError, SharedIdError
from nbrunner.flow.description import Subcommand
from nbrunner.handles import ExecutingProcess
from nbrunner.launch import stop
from nbrunner.launch.stop_ladder import StopRequest
from nbrunner.launch.wait_started import until_started
from nbrunner.logs.clone_lines import printed_lines
from nbrunner.record import run_directory
from nbrunner.starter import Starter
from nbrunner.text.brief_traceback import brief_when_interrupted

_E = TypeVar("_E", bound=ExecutingProcess)


class Settings(Protocol):
    """The settings of a `Runner` that are read here."""

    show_output: bool
    file_read_timeout: float

    @property
    def starter(self) -> Starter:
        """Starts the run."""
        ...


def run_to_the_end(
    runner: Settings, kind: type[_E], subcommand: Subcommand, arguments: dict[str, object]
) -> _E:
    """Start a run and return its handle once it has ended; see `Starter.launch`.

    An interrupt stops the run and is then raised.
    """

    async def start_and_wait(output: Output) -> _E:
        while True:
            handle = await runner.starter.launch(kind, subcommand, arguments)
            try:
                await _shown_to_its_end(runner, handle, output)
            except SharedIdError:  # see Starter.start
                continue
            return handle

    with brief_when_interrupted("the run has been stopped"):
        return drive(start_and_wait)


async def _shown_to_its_end(runner: Settings, handle: ExecutingProcess, output: Output) -> None:
    """Print the output of a launched run until it ends."""
    try:
        async with asyncio.TaskGroup() as group:
            if runner.show_output:
                for stream in run_directory.STREAMS:
                    group.create_task(_show(handle, stream, output))
            await until_started(handle.watched, runner.file_read_timeout)
            await handle.watched.until_over()
        return  # noqa: TRY300 (an else would be far away)
    except BaseExceptionGroup as errors:
        wrong = errors.exceptions[0]
    except asyncio.CancelledError:  # the caller was interrupted
        await stop.end(handle.watched, StopRequest())
        raise
    if isinstance(wrong, RunStartError):
        runner.starter.forget(handle)  # its output is in the message; nothing else refers to it
    elif not handle.attributes:  # the caller gets no handle of a run that is still starting
        await stop.end(handle.watched, StopRequest())
        runner.starter.forget(handle)
    # Outside the except block: IPython cannot format a traceback whose context is a group.
    raise wrong


async def _show(handle: ExecutingProcess, stream: str, output: Output) -> None:
    async for line in printed_lines(handle.stream_log(stream)):
        output.write(stream, f"{line}\n")
