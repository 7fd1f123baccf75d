"""Real kernels: started like Jupyter's, with cells executed as by a front end."""

from __future__ import annotations

import re
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty
from typing import Any

from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from traitlets.config import Config

_DEADLINE_SECONDS = 90.0
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass
class CellResult:
    """The result of one executed cell, as a front end shows it."""

    status: str = ""
    error: str = ""
    message: str = ""
    traceback: str = ""
    stdout: str = ""
    stderr: str = ""
    result: str = ""
    mime_types: set[str] = field(default_factory=set)
    seconds: float = 0.0
    interrupted_after_seconds: float = field(default=0.0)

    @property
    def lines(self) -> list[str]:
        return self.stdout.splitlines()

    def checked(self) -> CellResult:
        """Return this result; fail if the cell has failed."""
        assert self.status == "ok", f"{self.traceback}\n{self.stderr}"
        return self


class Kernel:
    """One ipykernel and its client; use as a context manager.

    Parameters
    ----------
    cwd : path-like
    **environment : str
        Environment variables in addition to those of the test.
    """

    def __init__(self, cwd: Any, environment: dict[str, str]) -> None:
        self._cwd = str(cwd)
        self._environment = environment
        # Not TCP: another test's kernel might take one of its ports first.
        # In a separate folder, as the path of a socket must be short.
        self._sockets = tempfile.TemporaryDirectory()
        sockets = f"{self._sockets.name}/k"
        self.manager = KernelManager(kernel_name="python3", transport="ipc", ip=sockets)
        self.client: BlockingKernelClient

    def __enter__(self) -> Kernel:
        self.manager.start_kernel(cwd=self._cwd, env=self._environment)
        self._connect()
        return self

    def __exit__(self, *exception: object) -> None:
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        self.manager.cleanup_resources()
        self.client.context.destroy(linger=0)
        self._sockets.cleanup()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=_DEADLINE_SECONDS)

    @property
    def pid(self) -> int:
        return self.manager.provisioner.pid  # type: ignore[attr-defined]

    def restart(self, now: bool = False) -> None:
        self.client.stop_channels()
        self.manager.restart_kernel(now=now)
        self._connect()

    def interrupt(self) -> None:
        """Signal the kernel's whole process group, like the Interrupt button."""
        self.manager.interrupt_kernel()

    def execute(
        self,
        code: str,
        interrupt_when: Callable[[CellResult], object] | None = None,
        store_history: bool = True,
        headless: bool = False,
        console: bool = False,
    ) -> CellResult:
        """Execute a cell and return its result.

        Parameters
        ----------
        code : str
        interrupt_when : callable, optional
            Called repeatedly with the result so far; when it returns True, the
            kernel is interrupted.
        headless : bool
            Behave like a front end without a user, such as nbclient.
        console : bool
            Behave like a front end that sends no cell ids, such as jupyter console.
        """
        began = time.monotonic()
        interrupted = None
        result = CellResult()
        message_id = self._send(code, store_history, headless, console)
        while True:
            assert time.monotonic() - began < _DEADLINE_SECONDS, f"{code}\ndoes not end: {result}"
            if interrupted is None and interrupt_when is not None and interrupt_when(result):
                self.interrupt()
                interrupted = time.monotonic()
            try:
                message = self.client.get_iopub_msg(timeout=0.02 if interrupt_when else 1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != message_id:
                continue
            if _take(result, message["msg_type"], message["content"]):
                break
        result.seconds = time.monotonic() - began
        if interrupted is not None:
            result.interrupted_after_seconds = time.monotonic() - interrupted
        reply = self._reply(message_id)
        result.status = reply["status"]
        return result

    def _send(self, code: str, store_history: bool, headless: bool, console: bool) -> str:
        """Send a request like a front end of that kind; return its id."""
        if headless or console:
            return self.client.execute(code, store_history=store_history, allow_stdin=not headless)
        content = {
            "code": code,
            "silent": False,
            "store_history": store_history,
            "user_expressions": {},
            "allow_stdin": True,
            "stop_on_error": True,
        }
        # JupyterLab sends the cell's id; each call is another cell.
        metadata = {"cellId": str(uuid.uuid4())}
        message = self.client.session.msg("execute_request", content, metadata=metadata)
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def read_until_idle(self, message_id: str) -> None:
        """Read all messages of a cell until it ends: ZeroMQ drops messages of a full queue."""
        while True:
            message = self.client.get_iopub_msg(timeout=_DEADLINE_SECONDS)
            is_its = message["parent_header"].get("msg_id") == message_id
            if is_its and _take(CellResult(), message["msg_type"], message["content"]):
                return

    def _reply(self, message_id: str) -> dict[str, Any]:
        while True:
            reply = self.client.get_shell_msg(timeout=_DEADLINE_SECONDS)
            if reply["parent_header"].get("msg_id") == message_id:
                return reply["content"]


def execute_notebook(notebook: NotebookNode) -> None:
    """Execute a notebook's cells in this folder with nbclient; not over TCP, see `Kernel`."""
    with tempfile.TemporaryDirectory() as sockets:
        manager = {"transport": "ipc", "ip": f"{sockets}/k"}
        client = NotebookClient(
            notebook,
            timeout=120,
            # The kernel may send the output of a cell in any number of pieces.
            coalesce_streams=True,
            resources={"metadata": {"path": "."}},
            config=Config({"KernelManager": manager}),
        )
        client.execute()


def _take(result: CellResult, kind: str, content: dict[str, Any]) -> bool:
    """Add a message to the result; return whether the cell has ended."""
    if kind == "stream":
        setattr(result, content["name"], getattr(result, content["name"]) + content["text"])
    elif kind in ("execute_result", "display_data"):
        result.result += content["data"].get("text/plain", "")
        result.mime_types |= content["data"].keys()
    elif kind == "error":
        result.error, result.message = content["ename"], content["evalue"]
        result.traceback = _COLOURS.sub("", "\n".join(content["traceback"]))
    return kind == "status" and content["execution_state"] == "idle"
