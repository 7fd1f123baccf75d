"""A real JupyterLab in a real Chromium."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_DEADLINE_SECONDS = 60.0


@contextlib.contextmanager
def jupyter(
    application: str, folder: Path, environment: dict[str, str], home: Path | None = None
) -> Iterator[str]:
    """Serve a folder with JupyterLab or Notebook; yields the address.

    Log, configuration and settings are in ``home``, by default in the folder.
    """
    home = home or folder
    log = home / ".server.log"
    _silence(home / ".settings")
    command = [
        *(sys.executable, "-m", application, "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--ServerApp.root_dir={folder}"),
        *("--IdentityProvider.token=", "--ServerApp.password=", "--LabApp.news_url="),
        "--ServerApp.disable_check_xsrf=True",
        *("--LabApp.expose_app_in_browser=True", "--JupyterNotebookApp.expose_app_in_browser=True"),
    ]
    with (
        open(log, "wb") as output,
        subprocess.Popen(
            command,
            env=environment
            | {"JUPYTER_CONFIG_DIR": str(home / ".config")}
            | {"JUPYTERLAB_SETTINGS_DIR": str(home / ".settings")},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as server,
    ):
        try:
            yield _address(log, server)
        finally:
            _end(server)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End a server; its kernels end when they notice that.

    One that does not end in time is killed: `Popen` would wait for it without a limit, until the
    time limit of the test interrupts it and leaves the process behind.
    """
    server.terminate()
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _silence(settings: Path) -> None:
    """Turn off JupyterLab's question about news, which would cover parts of the page."""
    file = settings / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"fetchNews": "false", "checkForUpdates": false}')


def _address(log: Path, server: subprocess.Popen[bytes]) -> str:
    began = time.monotonic()
    while time.monotonic() - began < _DEADLINE_SECONDS:
        assert server.poll() is None, log.read_text()
        found = re.search(r"(http://127\.0\.0\.1:\d+)/", log.read_text())
        if found:
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{found[1]}/api", timeout=5).close()
                return found[1]
        time.sleep(0.05)
    raise AssertionError(f"Jupyter did not start:\n{log.read_text()}")


class LabServer:
    """A JupyterLab that many tests use, each with a kernel in the environment of the test."""

    def __init__(self, address: str, folder: Path, kernels: Path) -> None:
        self.address = address
        self.folder = folder
        self._kernels = kernels

    @classmethod
    @contextlib.contextmanager
    def started(cls, folder: Path, home: Path) -> Iterator[LabServer]:
        """Serve ``folder``; settings, signatures and kernel specifications are in ``home``."""
        data = home / "share"
        environment = {**os.environ, "HOME": str(home), "JUPYTER_PATH": str(data)}
        with jupyter("jupyterlab", folder, environment, home) as address:
            yield cls(address, folder, data / "kernels")

    def add_kernel(self, name: str, state: Path) -> str:
        """Specify a kernel that has this process's environment, and return its name."""
        directory = self._kernels / re.sub(r"[^a-z0-9]+", "-", name.lower())
        directory.mkdir(parents=True)
        environment = browser_environment(state)
        specification = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
            "metadata": {"debugger": True},
            # Jupyter replaces $NAME by the server's variable.
            "env": {key: value.replace("$", "$$") for key, value in environment.items()},
        }
        (directory / "kernel.json").write_text(json.dumps(specification))
        return directory.name

    def end_kernels(self) -> None:
        """End every kernel and its session."""
        with urllib.request.urlopen(f"{self.address}/api/sessions", timeout=30) as answer:
            sessions = json.load(answer)
        for session in sessions:
            path = f"{self.address}/api/sessions/{session['id']}"
            request = urllib.request.Request(path, method="DELETE")
            urllib.request.urlopen(request, timeout=30).close()


def write_notebook(path: Path, *cells: str, kernel: str = "python3") -> None:
    """Write a notebook of code cells; without a kernel's name, opening it shows a dialog."""
    specification = {"name": kernel, "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(text) for text in cells],
        metadata={"kernelspec": specification},
    )
    nbformat.write(notebook, path)


class NotebookPage:
    """One notebook open in a browser's page."""

    def __init__(self, page: Any, address: str, name: str, state: str = "") -> None:
        self.page = page
        self.state = state  # the state directory of its kernels
        self.address = address
        self._name = name

    def open(self) -> NotebookPage:
        self.page.goto(f"{self.address}/{self._name}")
        self.page.wait_for_selector(".jp-Notebook .jp-CodeCell .cm-content")
        self.until(self.is_idle, "the kernel")
        return self

    def open_heard(self) -> list[tuple[float, int]]:
        """Reload the page; return the time and size of each message that it receives."""
        received: list[tuple[float, int]] = []

        def listen(socket: Any) -> None:
            socket.on("framereceived", lambda data: received.append((time.monotonic(), len(data))))

        self.page.on("websocket", listen)
        self.open()
        return received

    def is_idle(self) -> bool:
        return bool(
            self.page.evaluate(
                "() => { const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext"
                "?.session?.kernel;"
                " return kernel?.connectionStatus === 'connected' && kernel.status === 'idle' }"
            )
        )

    def execute(self, cell: int, text: str | None = None, wait: bool = True) -> None:
        """Execute a cell by JupyterLab's own command, after setting its text if one is given."""
        self.page.evaluate(
            "([cell, text]) => { const app = window.jupyterapp;"
            " const notebook = app.shell.currentWidget.content;"
            " notebook.activeCellIndex = cell;"
            " if (text !== null) notebook.widgets[cell].model.sharedModel.setSource(text);"
            " void app.commands.execute('notebook:run-cell') }",
            [cell, text],
        )
        if wait:
            self.until(lambda: "*" not in self.prompt(cell) and self.prompt(cell), f"cell {cell}")

    def restart(self) -> None:
        """Restart the kernel, and wait for the new one."""
        self.page.evaluate(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()"
        )
        self.until(self.is_idle, "the new kernel")

    def prompt(self, cell: int) -> str:
        text = self.page.locator(".jp-CodeCell .jp-InputPrompt").nth(cell).inner_text()
        return text if re.search(r"[\d*]", text) else ""

    def save(self) -> None:
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")

    def panel(self, number: int = 0) -> Panel:
        return Panel(self.page.locator(".nbrunner-panel").nth(number), self)

    def until(self, condition: Callable[[], Any], what: str, seconds: float = 60.0) -> Any:
        """Wait for a condition; return its value."""
        began = time.monotonic()
        while not (value := condition()):
            assert time.monotonic() - began < seconds, f"{what} did not come"
            self.page.wait_for_timeout(20)
        return value


class Panel:
    """A run's panel, located by accessible roles and names."""

    def __init__(self, locator: Any, notebook: NotebookPage) -> None:
        self.locator = locator
        self._notebook = notebook

    @property
    def name(self) -> str:
        assert self.locator.get_attribute("role") == "region"
        return str(self.locator.get_attribute("aria-label"))

    @property
    def status(self) -> str:
        status = self.locator.get_by_role("status")
        return str(status.first.inner_text()) if status.count() else ""

    @property
    def lines(self) -> int:
        text = self.locator.locator(".nbr-log-count").first.inner_text()
        return int(text.split()[0].replace(",", ""))

    def button(self, name: str) -> Any:
        return self.locator.get_by_role("button", name=name, exact=True).first

    def until_status(self, status: str, seconds: float = 60.0) -> float:
        """Wait for a state; return the time that took, in seconds."""
        began = time.monotonic()
        self._notebook.until(lambda: self.status == status, status, seconds)
        return time.monotonic() - began


def browser_environment(state: Path) -> dict[str, str]:
    return dict(os.environ) | {"NBRUNNER_STATE_DIR": str(state), "HOME": str(state)}


@contextlib.contextmanager
def opened(cells: int = 3, width: int = 1200, height: int = 1000) -> Iterator[NotebookPage]:
    """A notebook of empty cells, open in JupyterLab in Chromium, in a folder of its own."""
    from playwright.sync_api import sync_playwright

    executable = shutil.which("chromium")
    assert executable, "this looks at notebooks in Chromium: apt-get install chromium"
    with tempfile.TemporaryDirectory(prefix="lab-") as folder, sync_playwright() as playwright:
        root = Path(folder)
        write_notebook(root / "notebook.ipynb", *[""] * cells)
        environment = browser_environment(root / ".state") | {
            "METAFLOW_DATASTORE_SYSROOT_LOCAL": folder,
            "USER": "ada",
        }
        (root / ".state").mkdir()
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        with jupyter("jupyterlab", root, environment) as address:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.set_default_timeout(60_000)
            state = environment["NBRUNNER_STATE_DIR"]
            yield NotebookPage(page, address, "doc/tree/notebook.ipynb", state).open()
        browser.close()
