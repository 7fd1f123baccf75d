"""An S3 server on this machine, which also simulates the other services of AWS."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from support.waiting import until


@pytest.fixture(scope="module")
def s3_server(tmp_path_factory):
    """Start an S3 server; yield its address."""
    log = tmp_path_factory.mktemp("s3") / "log"
    command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with (
        open(log, "wb") as output,
        subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT) as process,
    ):

        def address():
            assert process.poll() is None, log.read_text()
            return re.search(r"http://127\.0\.0\.1:\d+", log.read_text())

        yield until(address, "the server's address")[0]
        process.kill()
