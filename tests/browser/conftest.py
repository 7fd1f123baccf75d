from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright
from support.lab import CHROMIUM_ARGUMENTS, NotebookPage, browser_environment, jupyter


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


@pytest.fixture
def lab(tmp_path, private_state, browser) -> Iterator[NotebookPage]:
    """A notebook in JupyterLab, in the test's folder, with an empty cell after each other."""
    from support.lab import write_notebook

    write_notebook(tmp_path / "notebook.ipynb", "", "", "")
    with jupyter("jupyterlab", tmp_path, browser_environment(private_state)) as address:
        page = browser.new_page(viewport={"width": 1200, "height": 1000})
        page.set_default_timeout(60_000)
        yield NotebookPage(page, address, "doc/tree/notebook.ipynb").open()
        page.close()
