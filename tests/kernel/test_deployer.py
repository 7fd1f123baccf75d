"""Deploying flows of any kind, also of a cell, to a local server with AWS's interfaces."""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys

import boto3
import metaflow
import pytest

import nbrunner

pytestmark = [pytest.mark.slow, pytest.mark.once]

CUBEFLOW = """\
from metaflow import FlowSpec, Parameter, step

class CubeFlow(FlowSpec):
    edge = Parameter('edge', default=3)
    @step
    def start(self):
        self.volume = volume_of(self.edge)
        self.next(self.end)
    @step
    def end(self):
        pass
"""


@pytest.fixture
def cloud(s3_server, monkeypatch):
    """Direct deployments to the server on this machine; yield a client of Step Functions."""
    for name, value in {
        "AWS_ACCESS_KEY_ID": "anybody",
        "AWS_SECRET_ACCESS_KEY": "anything",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": s3_server,
        "METAFLOW_DEFAULT_DATASTORE": "s3",
        "METAFLOW_DATASTORE_SYSROOT_S3": "s3://flows/metaflow",
        "METAFLOW_S3_ENDPOINT_URL": s3_server,
        "METAFLOW_SFN_IAM_ROLE": "arn:aws:iam::123456789012:role/sfn",
        "METAFLOW_BATCH_JOB_QUEUE": "queue",
        "METAFLOW_EVENTS_SFN_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/events",
        "METAFLOW_ECS_S3_ACCESS_IAM_ROLE": "arn:aws:iam::123456789012:role/ecs",
        "METAFLOW_ECS_FARGATE_EXECUTION_ROLE": "arn:aws:iam::123456789012:role/fargate",
    }.items():
        monkeypatch.setenv(name, value)
    store = boto3.client("s3")
    store.create_bucket(Bucket="flows")
    store.close()
    _create_job_queue()
    machines = boto3.client("stepfunctions")
    yield machines
    machines.close()


def _create_job_queue():
    """Create the AWS Batch queue that the steps of a deployed flow use."""
    iam, batch, ec2 = (boto3.client(each) for each in ("iam", "batch", "ec2"))
    if not batch.describe_job_queues()["jobQueues"]:
        role = iam.create_role(RoleName="batch", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        machines = batch.create_compute_environment(
            computeEnvironmentName="machines",
            type="MANAGED",
            state="ENABLED",
            computeResources={
                "type": "FARGATE",
                "maxvCpus": 4,
                "subnets": [ec2.describe_subnets()["Subnets"][0]["SubnetId"]],
                "securityGroupIds": [
                    ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
                ],
            },
            serviceRole=role,
        )
        batch.create_job_queue(
            jobQueueName="queue",
            state="ENABLED",
            priority=1,
            computeEnvironmentOrder=[
                {"order": 1, "computeEnvironment": machines["computeEnvironmentArn"]}
            ],
        )
    for client in (iam, batch, ec2):
        client.close()


@pytest.mark.parametrize("name", ["Deployer", "NBDeployer"])
def test_a_flow_of_a_cell_is_deployed(cloud, kernel, name):
    """C7: with the helper that it uses from another cell."""
    kernel.execute("def volume_of(edge): return edge ** 3").checked()
    kernel.execute(CUBEFLOW).checked()
    cell = kernel.execute(
        f"from nbrunner import {name}\n"
        f"deployed = {name}(CubeFlow, show_output=False).step_functions(name='cube').create()\n"
        "deployed.name"
    )
    assert cell.status == "ok", cell.stdout + cell.traceback
    assert cell.result == "'cube'"
    (machine,) = cloud.list_state_machines()["stateMachines"]
    definition = cloud.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
    assert set(json.loads(definition["definition"])["States"]) == {"start", "end"}
    cloud.delete_state_machine(stateMachineArn=machine["stateMachineArn"])


def test_a_file_and_a_class_of_a_module_are_deployed_as_well(tmp_path, cloud):
    """C7: the arguments of Metaflow's Deployer, and an imported class."""
    (tmp_path / "cubes.py").write_text(
        "def volume_of(edge): return edge ** 3\n" + CUBEFLOW + "\nif __name__ == '__main__':\n"
        "    CubeFlow()\n"
    )
    script = (
        "from nbrunner import Deployer\nfrom cubes import CubeFlow\n"
        "for flow in ('cubes.py', CubeFlow):\n"
        "    made = Deployer(flow, show_output=False).step_functions(name='by_file')\n"
        "    print(made.create().name)\n"
    )
    (tmp_path / "deploy.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "deploy.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["by_file", "by_file"], done.stderr


def test_it_is_metaflows_own():
    deployer = nbrunner.Deployer
    assert issubclass(deployer, metaflow.Deployer)
    ours, theirs = (
        inspect.signature(each.__init__).parameters  # type: ignore[misc]
        for each in deployer.__mro__[:2]
    )
    assert [each for each in ours if each != "top_level_kwargs"] == [
        each for each in theirs if each != "kwargs"
    ]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("none.py", nbrunner.FlowNotFoundError, "no flow file"),
        (7, nbrunner.BadTypeError, "the path of its file or its FlowSpec class"),
    ],
)
def test_what_is_no_flow_is_refused(given, error, message):
    """C7: the error names the expected types."""
    with pytest.raises(error, match=message):
        nbrunner.Deployer(given)
    with pytest.raises(nbrunner.FlowNotFoundError, match="cwd: no directory"):
        nbrunner.Deployer(os.fspath(__file__), cwd="nowhere")
