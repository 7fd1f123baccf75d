"""A browser, and notebooks that it opens in one JupyterLab.

Starting JupyterLab and compiling its page take longer than most tests, so one server is
kept for all of them, and one browser context for a module. Each test has a folder and a
kernel of its own, whose environment is that of the test.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright
from support.lab import CHROMIUM_ARGUMENTS, LabServer, NotebookPage, write_notebook
from support.wire import Wire


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    """Debian's Chromium; `make test` installs it.

    For one module: its driver keeps an event loop running, which others would meet.
    """
    executable = shutil.which("chromium")
    assert executable, "these tests look at notebooks in Chromium: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=CHROMIUM_ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(browser) -> Iterator[object]:
    """A profile that keeps JupyterLab's compiled scripts from page to page."""
    context = browser.new_context(viewport={"width": 1200, "height": 1000})
    context.set_default_timeout(60_000)
    yield context
    context.close()


@pytest.fixture(scope="session")
def lab_server(tmp_path_factory) -> Iterator[LabServer]:
    """JupyterLab, which serves the folders of all tests of this process."""
    home = tmp_path_factory.mktemp("jupyterlab")
    with LabServer.started(tmp_path_factory.getbasetemp(), home) as server:
        yield server


@contextlib.contextmanager
def _notebook(address, tmp_path, private_state, lab_server, context) -> Iterator[NotebookPage]:
    kernel = lab_server.add_kernel(tmp_path.name, private_state)
    write_notebook(tmp_path / "notebook.ipynb", "", "", "", kernel=kernel)
    path = tmp_path.relative_to(lab_server.folder)
    page = context.new_page()
    yield NotebookPage(page, address, f"doc/tree/{path}/notebook.ipynb").open()
    page.close()
    context.clear_permissions()
    lab_server.end_kernels()


@pytest.fixture
def lab(tmp_path, private_state, lab_server, context) -> Iterator[NotebookPage]:
    """A notebook in JupyterLab, in the test's folder, with an empty cell after each other."""
    with _notebook(lab_server.address, tmp_path, private_state, lab_server, context) as lab:
        yield lab


@pytest.fixture
def wire(lab_server) -> Iterator[Wire]:
    """A network between a page and JupyterLab."""
    with Wire.to(lab_server.address) as wire:
        yield wire


@pytest.fixture
def wired(wire, tmp_path, private_state, lab_server, context) -> Iterator[NotebookPage]:
    """A notebook as `lab` is, whose page is connected by `wire`."""
    with _notebook(wire.address, tmp_path, private_state, lab_server, context) as lab:
        yield lab
