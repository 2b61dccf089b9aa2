# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Repositories as the Hub stores them: commits, branches, tags, access rights. `hub_server.py` serves them."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)  # commits are an hour apart, so that nothing depends on the clock


class HubError(Exception):
    """An error in place of data; `code` goes into the header by which the client identifies errors."""

    def __init__(self, status: int, message: str, code: str | None = None):
        super().__init__(message)
        self.status, self.message, self.code = status, message, code


@dataclass(frozen=True)
class User:
    """The user to whom a token belongs."""

    name: str
    organizations: tuple[str, ...] = ()
    may_write: bool = True

    def may_write_to(self, namespace: str) -> bool:
        return self.may_write and namespace in (self.name, *self.organizations)


@dataclass(frozen=True)
class File:
    """The contents of one file; large ones ("lfs") are stored elsewhere and known by their SHA-256."""

    data: bytes
    is_lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def oid(self) -> str:
        """Return the id of git's blob, which for a large file is a pointer."""
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.data)}\n"
        blob = pointer.encode() if self.is_lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(blob) + blob).hexdigest()

    @property
    def etag(self) -> str:
        return self.sha256 if self.is_lfs else self.oid

    def entry(self, path: str) -> dict[str, Any]:
        """Return the file as an entry of a listing."""
        entry = {"type": "file", "path": path, "size": len(self.data), "oid": self.oid}
        if self.is_lfs:
            entry["lfs"] = {"oid": self.sha256, "size": len(self.data), "pointerSize": 134}
        return entry


@dataclass(frozen=True)
class Commit:
    files: dict[str, File]
    title: str
    parent: str | None
    author: str
    date: datetime

    @property
    def when(self) -> str:
        return f"{self.date:%Y-%m-%dT%H:%M:%S.000Z}"

    @property
    def sha(self) -> str:
        listing = [f"{path} {file.oid}" for path, file in sorted(self.files.items())]
        return hashlib.sha1(repr((listing, self.title, self.parent, self.date)).encode()).hexdigest()


@dataclass
class Repository:
    """One repository; if it is `gated`, everyone sees its name, but only the users in `granted` its files."""

    kind: str  # "model" or "dataset"
    id: str
    author: str
    private: bool = False
    gated: bool | str = False
    granted: set[str] = field(default_factory=set)
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.add_commit("main", {}, "initial commit", self.author)

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    def add_commit(self, branch: str, files: dict[str, File], title: str, author: str) -> Commit:
        parent = self.branches.get(branch)
        commit = Commit(files, title, parent, author, BEGINNING + timedelta(hours=len(self.commits)))
        self.commits[commit.sha] = commit
        self.branches[branch] = commit.sha
        return commit

    def find(self, revision: str) -> Commit:
        """Return the commit of a branch, a tag, or the beginning of a SHA."""
        name = revision.removeprefix("refs/heads/").removeprefix("refs/tags/")
        sha = self.branches.get(name) or self.tags.get(name)
        if sha is None and len(revision) >= 7:
            sha = next((known for known in self.commits if known.startswith(revision)), None)
        if sha is None:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[sha]

    def history(self, revision: str) -> list[Commit]:
        """Return a commit and its predecessors."""
        commits = [self.find(revision)]
        while commits[-1].parent is not None:
            commits.append(self.commits[commits[-1].parent])
        return commits

    def entries(self, revision: str, folder: str = "", recursive: bool = False) -> list[dict[str, Any]]:
        """Return the files and folders in a folder, ordered by path."""
        prefix, entries = f"{folder}/" if folder else "", {}
        for path, file in self.find(revision).files.items():
            if not path.startswith(prefix):
                continue
            parts = path.removeprefix(prefix).split("/")
            for depth in range(1, len(parts)) if recursive else range(1, min(len(parts), 2)):
                name = prefix + "/".join(parts[:depth])
                entries[name] = {"type": "directory", "path": name, "size": 0, "oid": "0" * 40}
            if recursive or len(parts) == 1:
                entries[path] = file.entry(path)
        if folder and not entries:
            raise HubError(404, f'{folder} does not exist on "{revision}"', "EntryNotFound")
        return [entries[path] for path in sorted(entries)]

    def info(self, revision: str = "main", blobs: bool = False) -> dict[str, Any]:
        """Return the metadata that the Hub serves about a repository."""
        commit = self.find(revision)
        siblings = [
            {
                "rfilename": path,
                **({k: v for k, v in file.entry(path).items() if k in ("size", "lfs")} if blobs else {}),
            }
            for path, file in sorted(commit.files.items())
        ]
        info = {
            "_id": hashlib.sha1(self.id.encode()).hexdigest()[:24],
            "id": self.id,
            "author": self.namespace,
            "sha": commit.sha,
            "lastModified": commit.when,
            "createdAt": self.history(revision)[-1].when,
            "private": self.private,
            "gated": self.gated,
            "disabled": False,
            "downloads": 0,
            "likes": 0,
            "tags": [],
            "siblings": siblings,
        }
        if self.kind == "model":
            info["modelId"] = self.id
        card = self.card()
        if card:
            info["cardData"] = card
            info["tags"] = list(card.get("tags") or [])
            info |= {key: card[key] for key in ("library_name", "pipeline_tag") if key in card}
        return info

    def card(self) -> dict[str, Any]:
        """Return the metadata at the top of README.md."""
        readme = self.find("main").files.get("README.md")
        return front_matter(readme.data.decode()) if readme else {}


def front_matter(text: str) -> dict[str, Any]:
    """Return the YAML between the first two lines of three dashes.

    Raises:
        HubError: there is some, but it is not a mapping.
    """
    if not text.startswith("---\n"):
        return {}
    try:
        values = yaml.safe_load(text[4:].partition("\n---")[0])
    except yaml.YAMLError as error:
        raise HubError(400, f"Invalid YAML: {error}") from error
    if values is not None and not isinstance(values, dict):
        raise HubError(400, "Invalid YAML: it is to be a mapping")
    return values or {}
