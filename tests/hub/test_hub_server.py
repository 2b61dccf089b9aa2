# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The Hub of the tests answers huggingface_hub's client as the real one does."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationDelete, HfApi, hf_hub_download, snapshot_download
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import get_session

from helpers.hub_server import hub_of_this_process
from helpers.paths import TESTS

REPO = "pointwssis/thing"


@pytest.fixture
def api(hub):
    api = HfApi()
    assert api.endpoint == hub.url
    return api


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "folder"
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlibrary_name: pointwssis\ntags: [a]\n---\n# thing\n")
    (folder / "model.safetensors").write_bytes(b"\0" * 1000)
    (folder / "sub" / "deep" / "a.txt").write_text("ä", encoding="utf-8")
    (folder / "empty.txt").write_text("")
    return folder


def push(api, folder, **options):
    api.create_repo(REPO, exist_ok=True)
    return api.upload_folder(repo_id=REPO, folder_path=folder, **options)


def test_a_folder_there_and_back(api, folder, hub, tmp_path):
    sha = push(api, folder).oid
    assert hub.repository(REPO).find("main").files["model.safetensors"].is_lfs
    back = snapshot_download(REPO)
    assert back.endswith(sha)
    for path in folder.rglob("*.*"):
        assert (tmp_path / back / path.relative_to(folder)).read_bytes() == path.read_bytes()
    info = api.model_info(REPO)
    assert (info.sha, info.library_name, info.tags, info.private) == (sha, "pointwssis", ["a"], False)
    assert sorted(api.list_repo_files(REPO)) == ["README.md", "empty.txt", "model.safetensors", "sub/deep/a.txt"]


def test_pushing_again_sends_only_what_changed(api, folder, hub):
    first = push(api, folder).oid
    hub.requests.clear()
    assert push(api, folder).oid == first  # an empty commit is none
    (folder / "README.md").write_text("---\ntags: [b]\n---\n")
    second = push(api, folder)
    assert [request for request in hub.requests if request.startswith("PUT")] == []
    assert [commit.commit_id for commit in api.list_repo_commits(REPO)][:2] == [second.oid, first]


def test_revisions(api, folder, hub):
    first = push(api, folder).oid
    api.create_tag(REPO, tag="v1")
    api.create_branch(REPO, branch="feature/x")
    (folder / "sub" / "deep" / "a.txt").write_text("second")
    push(api, folder, revision="feature/x")

    def read(revision: str | None) -> str:
        return Path(hf_hub_download(REPO, "sub/deep/a.txt", revision=revision)).read_text("utf-8")

    assert [read(revision) for revision in ("v1", "main", first, "feature/x", None)] == ["ä", "ä", "ä", "second", "ä"]
    refs = api.list_repo_refs(REPO)
    assert {ref.name for ref in refs.branches} == {"main", "feature/x"} and refs.tags[0].target_commit == first
    with pytest.raises(RevisionNotFoundError):
        hf_hub_download(REPO, "README.md", revision="v2")
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(REPO, "none.txt")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(REPO, tag="v1")
    api.delete_tag(REPO, tag="v1")
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit(REPO, [CommitOperationDelete("README.md")], commit_message="x", parent_commit="0" * 40)
    api.create_commit(REPO, [CommitOperationDelete("sub/")], commit_message="x")
    assert sorted(api.list_repo_files(REPO)) == ["README.md", "empty.txt", "model.safetensors"]


def test_listings_come_in_pages(api, folder, hub, monkeypatch):
    push(api, folder)
    everything = [entry.path for entry in api.list_repo_tree(REPO, recursive=True)]
    monkeypatch.setattr(hub, "page_size", 2)
    assert [entry.path for entry in api.list_repo_tree(REPO, recursive=True)] == everything
    assert everything == ["README.md", "empty.txt", "model.safetensors", "sub", "sub/deep", "sub/deep/a.txt"]
    assert [entry.path for entry in api.list_repo_tree(REPO, "sub")] == ["sub/deep"]
    assert [entry.path for entry in api.get_paths_info(REPO, ["sub/deep", "empty.txt", "no"])] == [
        "sub/deep",
        "empty.txt",
    ]
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(REPO, "nowhere"))


def test_parts_of_files(api, folder, hub):
    push(api, folder)

    def get(name: str, span: str):
        url = f"{hub.url}/{REPO}/resolve/main/{name}"
        return get_session().get(url, headers={"Range": f"bytes={span}"}, follow_redirects=True)

    part = get("model.safetensors", "990-")
    assert (part.status_code, len(part.content), part.headers["Content-Range"]) == (206, 10, "bytes 990-999/1000")
    assert get("README.md", "0-2").content == b"---" and get("README.md", "-2").content == b"g\n"
    assert get("README.md", "5000-").status_code == 416


def test_private_and_missing(api, folder, hub):
    push(api, folder)
    api.update_repo_settings(REPO, visibility="private")
    assert api.model_info(REPO).private
    for token in (False, hub.stranger_token):
        with pytest.raises(RepositoryNotFoundError):
            hf_hub_download(REPO, "README.md", token=token)
        with pytest.raises(RepositoryNotFoundError):
            api.model_info("pointwssis/none", token=token)
    with pytest.raises(HfHubHTTPError, match="Invalid user token"):
        api.whoami(token="hf_wrong")


def test_gated(api, folder, hub):
    push(api, folder)
    api.update_repo_settings(REPO, gated="manual")
    assert api.model_info(REPO, token=False).gated == "manual"  # its page is there for all
    for token in (False, hub.stranger_token):
        with pytest.raises(GatedRepoError):
            hf_hub_download(REPO, "README.md", token=token)
    hub.repository(REPO).granted.add("stranger")
    assert hf_hub_download(REPO, "README.md", token=hub.stranger_token)


def test_who_may_write(api, hub, folder):
    assert api.whoami()["orgs"][0]["name"] == "pointwssis"
    with pytest.raises(HfHubHTTPError, match="rights to create a model"):
        api.create_repo("somebody/else")
    with pytest.raises(HfHubHTTPError, match="403"):
        api.create_repo(REPO, token=hub.reader_token)
    push(api, folder)
    api.auth_check(REPO, write=True)
    with pytest.raises(HfHubHTTPError, match="403"):
        api.auth_check(REPO, write=True, token=hub.stranger_token)
    with pytest.raises(HfHubHTTPError, match="403"):
        api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=REPO, token=hub.stranger_token)
    with pytest.raises(ValueError, match="tags"):
        api.upload_file(path_or_fileobj=b"---\ntags: 3\n---\n", path_in_repo="README.md", repo_id=REPO)
    api.delete_repo(REPO)
    assert not api.repo_exists(REPO)


def test_connections_that_break(api, folder, hub, monkeypatch):
    naps = []
    monkeypatch.setattr(time, "sleep", naps.append)
    with hub.breaking(after=0, of="PUT /storage"), pytest.raises(RuntimeError, match="Error while uploading"):
        push(api, folder)
    assert len(naps) == 5 and list(hub.files(REPO)) == []  # the client tried again and again
    push(api, folder)
    assert len(hub.files(REPO)) == 4


def test_there_is_one_hub_whoever_asks(hub):
    assert hub_of_this_process() is hub and os.environ["HF_ENDPOINT"] == hub.url


def test_a_server_in_a_process_of_its_own():
    command = [sys.executable, "-m", "helpers.hub_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=TESTS) as process:
        words = dict(word.split("=") for word in process.stdout.readline().split())
        api = HfApi(endpoint=words["HF_ENDPOINT"], token=words["HF_TOKEN"])
        assert api.whoami()["name"] == "tester" and not api.repo_exists(REPO)
        process.terminate()
