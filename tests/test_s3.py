"""Runs whose datastore is S3, with a local server."""

from __future__ import annotations

import json

import boto3
import pytest
from support.documents import ROOT, blocks, files, run_cells
from support.scripts import run_script

pytestmark = pytest.mark.slow

SUMFLOW = """\
from metaflow import FlowSpec, Parameter, step

class SumFlow(FlowSpec):

    divisor = Parameter('divisor', default=1)

    @step
    def start(self):
        self.parts = list(range(1000))
        self.next(self.add)

    @step
    def add(self):
        self.mean = sum(self.parts) / self.divisor
        self.next(self.end)

    @step
    def end(self):
        print('the mean is', self.mean)

if __name__ == '__main__':
    SumFlow()
"""
BUCKET = "s3://flows/metaflow"


@pytest.fixture
def bucket(s3_server, monkeypatch):
    """Create an empty bucket; return a function that lists its keys."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "anybody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "anything")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3", endpoint_url=s3_server)
    client.create_bucket(Bucket="flows")

    def keys():
        found = client.list_objects_v2(Bucket="flows").get("Contents", [])
        return [each["Key"] for each in found]

    yield keys
    for key in keys():
        client.delete_object(Bucket="flows", Key=key)
    client.close()


# In a separate process, as Metaflow reads its configuration once, when imported.
SCRIPT = """
    import json, pathlib
    from nbrunner import Runner, attach
    from nbrunner.history import History

    runner = Runner('sumflow.py', show_output=False, pylint=False,
                    decospecs=['retry:times=0'], **OPTIONS)
    failed = runner.run(divisor=0)
    flow = pathlib.Path('sumflow.py')
    flow.write_text(flow.read_text().replace('/ self.divisor', '/ (self.divisor or 1000)'))
    resumed = runner.resume(origin_run_id=failed.run.id)
    print(json.dumps({
        'failed': [failed.pathspec, failed.status, failed.failure.exception_type],
        'resumed': [resumed.pathspec, resumed.status, resumed.progress.tasks.cloned],
        'said': 'the mean is 499.5' in resumed.stdout,
        'mean': attach(resumed.pathspec).run.data.mean,
        'cloned': len(resumed.run['start'].task.data.parts),
        'listed': [[run.pathspec, run.status] for run in History('SumFlow').page(0).runs],
    }))
"""


@pytest.mark.parametrize("by", ["option", "profile"])
def test_a_run_is_kept_on_s3_resumed_and_listed(
    by, bucket, s3_server, private_state, write_flow, tmp_path, monkeypatch
):
    said = {"METAFLOW_S3_ENDPOINT_URL": s3_server, "METAFLOW_DATASTORE_SYSROOT_S3": BUCKET}
    options = {}
    if by == "option":
        options = {"datastore": "s3"}
        # The Client of the same process uses its configuration, as with metaflow alone.
        monkeypatch.setenv("METAFLOW_DEFAULT_DATASTORE", "s3")
        for name, value in said.items():
            monkeypatch.setenv(name, value)
    else:
        home = private_state / "metaflow-home"
        home.mkdir()
        text = json.dumps(said | {"METAFLOW_DEFAULT_DATASTORE": "s3"})
        (home / "config_storage.json").write_text(text)
        monkeypatch.setenv("METAFLOW_PROFILE", "storage")
    write_flow("sumflow.py", SUMFLOW)
    printed = run_script(tmp_path, SCRIPT.replace("OPTIONS", repr(options)), timeout=150)
    found = json.loads(printed[-1])
    failed, resumed = found["failed"][0], found["resumed"][0]
    assert found == {
        "failed": [failed, "failed", "ZeroDivisionError"],
        "resumed": [resumed, "successful", 1],
        "said": True,
        "mean": 499.5,
        "cloned": 1000,
        "listed": [[resumed, "successful"], [failed, "failed"]],
    }
    keys = bucket()
    assert any(key.startswith(f"metaflow/{failed}/start/") for key in keys), keys


def test_the_page_about_more_than_one_machine(
    bucket, s3_server, private_state, tmp_path, monkeypatch
):
    page = ROOT / "docs" / "beyond-one-machine.md"
    home = private_state / "metaflow-home"
    home.mkdir()
    for name, text in files(page).items():
        (home / name).write_text(text)
    for name, text in files(ROOT / "README.md").items():
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("METAFLOW_S3_ENDPOINT_URL", s3_server)
    script = "\n".join(blocks(page, "python"))
    assert run_script(tmp_path, script, timeout=150) == ["successful", "start 1/1  end 1/1"]
    assert any(key.startswith("metaflow/SlowFlow/") for key in bucket())

    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    shown = run_cells(blocks(page, "ipython"), tmp_path)
    lines = [line.removeprefix("stdout ") for line in shown if "slowflow.py" in line]
    commands, codes = lines[::2], lines[1::2]
    assert [command.partition(" --with=")[2].split()[0] for command in commands] == [
        "kubernetes:cpu=4,memory=16000",
        "batch:queue=gpu",
        "slurm",
    ]
    assert all(command.startswith("METAFLOW_PROFILE=cluster python") for command in commands)
    assert all("profile='cluster'" in code for code in codes)
