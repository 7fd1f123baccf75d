"""The preparations of the warm interpreter change no result."""

from __future__ import annotations

import subprocess

import pytest

from nbrunner.launch.warm.warmup import _may_be_in_repository

pytestmark = pytest.mark.once


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "deep" / "er").mkdir(parents=True)
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder


def git_says(path) -> bool:
    done = subprocess.run(
        ["git", "rev-parse", "--is-inside-work-tree"], cwd=path, capture_output=True, text=True
    )
    return done.returncode == 0 and done.stdout.strip() == "true"


@pytest.mark.parametrize("below", [".", "deep", "deep/er"])
def test_inside_a_repository_git_is_asked(repository, below):
    assert git_says(repository / below)
    assert _may_be_in_repository(repository / below)


def test_a_link_into_a_repository_is_followed(repository, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(repository / "deep")
    assert git_says(link)
    assert _may_be_in_repository(link)


def test_outside_git_is_not_asked(tmp_path):
    assert not git_says(tmp_path)
    assert not _may_be_in_repository(tmp_path)


def test_variables_of_git_can_name_a_repository_elsewhere(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(repository / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(tmp_path))
    assert git_says(tmp_path)
    assert _may_be_in_repository(tmp_path)
