from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from jupyter_core.utils import ensure_event_loop
from support.kernels import Kernel


@pytest.fixture(scope="session", autouse=True)
def _loop_of_jupyter() -> Iterator[None]:
    """jupyter_client's blocking calls share one event loop, which it does not close."""
    loop = ensure_event_loop()
    yield
    loop.close()


@pytest.fixture
def kernel(tmp_path, private_state) -> Iterator[Kernel]:
    """A kernel in the test's folder, with the extension loaded."""
    with Kernel(tmp_path, dict(os.environ)) as kernel:
        kernel.execute("%load_ext nbrunner").checked()
        yield kernel
