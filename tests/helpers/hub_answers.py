# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Answers of the tests' Hub to each request: the protocol without the sockets (`hub_server.py`)."""

import base64
import hashlib
import json
import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from helpers.hub_repos import File, HubError, Repository, User, front_matter

REPOSITORY = r"(?P<kind>models|datasets)/(?P<id>[\w.-]+/[\w.-]+)"
LARGE_SUFFIXES = (".safetensors", ".parquet", ".bin", ".arrow", ".png", ".jpg", ".pt", ".pth")
ROUTES: list[tuple[str, re.Pattern, str]] = []


def route(method: str, pattern: str):
    """Mark a method of `Answer` as the one for requests whose path matches."""

    def mark(function):
        ROUTES.append((method, re.compile(pattern + "$"), function.__name__))
        return function

    return mark


class Answer:
    """One request and the methods that answer it."""

    def __init__(self, hub: Any, handler: Any, body: bytes):
        address = urlsplit(handler.path)
        self.hub, self.handler, self.body = hub, handler, body
        self.path = address.path
        self.query = {key: values[-1] for key, values in parse_qs(address.query).items()}
        self.token = handler.headers.get("Authorization", "").removeprefix("Bearer ") or None

    def json(self) -> dict[str, Any]:
        return json.loads(self.body)

    # -- who may do what

    @property
    def user(self) -> User | None:
        if self.token is not None and self.token not in self.hub.users:
            raise HubError(401, "Invalid credentials in Authorization header")
        return self.hub.users.get(self.token)

    def found(self, kind: str, id: str, files: bool = False) -> Repository:
        """Return a repository that the user may see; with `files`, one whose files the user may read."""
        repository = self.hub.repositories.get((kind.removesuffix("s"), id))
        user = self.user
        names = (user.name, *user.organizations) if user else ()
        if repository is None or (repository.private and repository.namespace not in names):
            if user is None:  # the Hub does not tell the missing from the hidden
                raise HubError(401, "Invalid username or password.", "RepoNotFound")
            raise HubError(404, "Repository not found", "RepoNotFound")
        if files and repository.gated and not {repository.namespace, *repository.granted} & {*names}:
            access = f"Access to {kind.removesuffix('s')} {id} is restricted"
            if user is None:
                raise HubError(401, f"{access}. You must be authenticated to access it. Please log in.", "GatedRepo")
            raise HubError(403, f"{access} and you are not in the authorized list. Ask for access.", "GatedRepo")
        return repository

    def writable(self, kind: str, id: str) -> Repository:
        if self.user is None:
            raise HubError(401, "Invalid username or password.", "RepoNotFound")
        repository = self.found(kind, id)
        if not self.user.may_write_to(repository.namespace):
            raise HubError(403, "Forbidden: you don't have write access to this repository")
        return repository

    # -- accounts and repositories

    @route("GET", "/api/whoami-v2")
    def whoami(self) -> None:
        if self.user is None:
            raise HubError(401, "Invalid username or password.")
        role = "write" if self.user.may_write else "read"
        organizations = [{"type": "org", "name": name} for name in self.user.organizations]
        token = {"type": "access_token", "accessToken": {"displayName": "test", "role": role}}
        self.send({"type": "user", "name": self.user.name, "orgs": organizations, "auth": token})

    @route("POST", "/api/validate-yaml")
    def validate_yaml(self) -> None:
        try:
            values = front_matter(self.json()["content"])
            for name in ("tags", "datasets"):
                if not isinstance(values.get(name, []), (list, str)):
                    raise HubError(400, f'"{name}" must be an array')
        except HubError as error:
            self.send({"errors": [{"message": error.message}], "warnings": []}, status=400)
            return
        warnings = [] if values else [{"message": "empty or missing yaml metadata in repo card"}]
        self.send({"errors": [], "warnings": warnings})

    @route("POST", "/api/repos/create")
    def create(self) -> None:
        wanted, user = self.json(), self.user
        if user is None:
            raise HubError(401, "Invalid username or password.")
        namespace, kind = wanted.get("organization") or user.name, wanted.get("type") or "model"
        if not user.may_write_to(namespace):
            raise HubError(403, f'You don\'t have the rights to create a {kind} under the namespace "{namespace}"')
        id = f"{namespace}/{wanted['name']}"
        url = f"{self.hub.url}/{'datasets/' if kind == 'dataset' else ''}{id}"
        if (kind, id) in self.hub.repositories:
            self.send({"error": "You already created this repo", "url": url}, status=409)
            return
        private = wanted.get("visibility") == "private" or bool(wanted.get("private"))
        self.hub.repositories[kind, id] = Repository(kind, id, user.name, private)
        self.send({"url": url, "name": id})

    @route("DELETE", "/api/repos/delete")
    def delete(self) -> None:
        wanted = self.json()
        id = f"{wanted.get('organization') or self.user.name}/{wanted['name']}"
        del self.hub.repositories[self.writable(wanted.get("type") or "model", id).kind, id]
        self.send({})

    @route("PUT", f"/api/{REPOSITORY}/settings")
    def settings(self, kind: str, id: str) -> None:
        repository, wanted = self.writable(kind, id), self.json()
        repository.private = wanted.get("private", wanted.get("visibility", "") == "private" or repository.private)
        repository.gated = wanted.get("gated", repository.gated)
        self.send({})

    @route("GET", f"/api/{REPOSITORY}/auth-check(?P<write>/write)?")
    def auth_check(self, kind: str, id: str, write: str | None) -> None:
        self.writable(kind, id) if write else self.found(kind, id, files=True)
        self.send({})

    @route("GET", f"/api/{REPOSITORY}(/revision/(?P<revision>[^/]+))?")
    def info(self, kind: str, id: str, revision: str | None) -> None:
        self.send(self.found(kind, id).info(revision or "main", blobs="blobs" in self.query))

    # -- branches and tags

    @route("GET", f"/api/{REPOSITORY}/refs")
    def refs(self, kind: str, id: str) -> None:
        repository = self.found(kind, id)
        listed = {"heads": repository.branches, "tags": repository.tags}
        heads, tags = (
            [{"name": name, "ref": f"refs/{folder}/{name}", "targetCommit": sha} for name, sha in refs.items()]
            for folder, refs in listed.items()
        )
        self.send({"branches": heads, "converts": [], "tags": tags, "pullRequests": []})

    @route("GET", f"/api/{REPOSITORY}/commits/(?P<revision>[^/]+)")
    def commits(self, kind: str, id: str, revision: str) -> None:
        commits = self.found(kind, id).history(revision)
        self.send_pages(
            [
                {"id": c.sha, "title": c.title, "message": "", "date": c.when, "authors": [{"user": c.author}]}
                for c in commits
            ]
        )

    @route("POST", f"/api/{REPOSITORY}/(?P<what>branch|tag)/(?P<name>[^/]+)")
    def create_ref(self, kind: str, id: str, what: str, name: str) -> None:
        repository, wanted = self.writable(kind, id), self.json()
        if what == "branch":
            refs, start = repository.branches, wanted.get("startingPoint", "main")
        else:
            refs, name, start = repository.tags, wanted["tag"], name
        if name in refs:
            raise HubError(409, f"Reference {name} already exists")
        refs[name] = repository.find(start).sha
        self.send({})

    @route("DELETE", f"/api/{REPOSITORY}/(?P<what>branch|tag)/(?P<name>[^/]+)")
    def delete_ref(self, kind: str, id: str, what: str, name: str) -> None:
        repository = self.writable(kind, id)
        refs = repository.branches if what == "branch" else repository.tags
        if refs.pop(name, None) is None:
            raise HubError(404, f"Reference {name} does not exist", "RevisionNotFound")
        self.send({})

    # -- reading

    @route("GET", f"/api/{REPOSITORY}/tree/(?P<revision>[^/]+)(/(?P<folder>.+))?")
    def tree(self, kind: str, id: str, revision: str, folder: str | None) -> None:
        recursive = self.query.get("recursive", "").lower() in ("true", "1")
        self.send_pages(self.found(kind, id).entries(revision, folder or "", recursive))

    @route("POST", f"/api/{REPOSITORY}/paths-info/(?P<revision>[^/]+)")
    def paths_info(self, kind: str, id: str, revision: str) -> None:
        paths = parse_qs(self.body.decode()).get("paths", [])
        entries = {entry["path"]: entry for entry in self.found(kind, id).entries(revision, recursive=True)}
        self.send([entries[path] for path in paths if path in entries])

    @route("GET", r"/(?P<kind>datasets/)?(?P<id>[\w.-]+/[\w.-]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
    def resolve(self, kind: str | None, id: str, revision: str, path: str) -> None:
        commit = self.found((kind or "models").rstrip("/"), id, files=True).find(revision)
        if path not in commit.files:
            raise HubError(404, "Entry not found", "EntryNotFound")
        file = commit.files[path]
        headers = {"ETag": f'"{file.etag}"', "X-Repo-Commit": commit.sha, "Accept-Ranges": "bytes"}
        if file.is_lfs:
            headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(len(file.data))}
            headers["Location"] = f"{self.hub.storage_url}/storage/{file.sha256}"
            self.send_bytes(b"", headers, status=302)
        else:
            self.send_range(file.data, headers)

    @route("GET", "/storage/(?P<oid>[0-9a-f]{64})")
    def stored(self, oid: str) -> None:
        if self.token is not None:
            raise HubError(400, "A token was sent to the storage")
        self.send_range(self.hub.storage[oid], {"ETag": f'"{oid}"', "Accept-Ranges": "bytes"})

    # -- writing

    @route("POST", f"/api/{REPOSITORY}/preupload/(?P<revision>[^/]+)")
    def preupload(self, kind: str, id: str, revision: str) -> None:
        there, answer = self.writable(kind, id).find(revision).files, []
        for file in self.json()["files"]:
            is_binary = b"\0" in base64.b64decode(file["sample"])
            is_large = file["path"].endswith(LARGE_SUFFIXES) or file["size"] > 10 * 2**20 or is_binary
            oid = there[file["path"]].etag if file["path"] in there else None
            answer.append(
                {
                    "path": file["path"],
                    "uploadMode": "lfs" if is_large else "regular",
                    "shouldIgnore": False,
                    "oid": oid,
                }
            )
        self.send({"files": answer})

    @route("POST", r"/(?P<kind>datasets/)?(?P<id>[\w.-]+/[\w.-]+)\.git/info/lfs/objects/batch")
    def lfs_batch(self, kind: str | None, id: str) -> None:
        self.writable((kind or "models").rstrip("/"), id)
        objects = [{"oid": item["oid"], "size": item["size"]} for item in self.json()["objects"]]
        for item in objects:
            if item["oid"] not in self.hub.storage:  # stored objects are not uploaded again
                upload = {"href": f"{self.hub.storage_url}/storage/{item['oid']}", "header": {}}
                item["actions"] = {"upload": upload, "verify": {"href": f"{self.hub.url}/lfs/verify", "header": {}}}
        self.send({"transfer": "basic", "objects": objects})

    @route("PUT", "/storage/(?P<oid>[0-9a-f]{64})")
    def lfs_upload(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise HubError(400, "The contents have another SHA-256")
        self.hub.storage[oid] = self.body
        self.send({})

    @route("POST", "/lfs/verify")
    def lfs_verify(self) -> None:
        wanted = self.json()
        if len(self.hub.storage.get(wanted["oid"], b"")) != wanted["size"]:
            raise HubError(400, "Size mismatch")
        self.send({})

    @route("POST", f"/api/{REPOSITORY}/commit/(?P<revision>[^/]+)")
    def commit(self, kind: str, id: str, revision: str) -> None:
        repository = self.writable(kind, id)
        if revision not in repository.branches:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        lines = [json.loads(line) for line in self.body.splitlines() if line]
        header, files = lines[0]["value"], dict(repository.find(revision).files)
        if header.get("parentCommit") not in (None, repository.branches[revision]):
            raise HubError(412, "A commit has happened since. Please refresh and try again.")
        for line in lines[1:]:
            apply_change(files, line["key"], line["value"], self.hub.storage)
        commit = repository.add_commit(revision, files, header["summary"], self.user.name)
        url = f"{self.hub.url}/{'datasets/' if kind == 'datasets' else ''}{id}/commit/{commit.sha}"
        self.send({"success": True, "commitOid": commit.sha, "commitUrl": url, "hookOutput": ""})

    # -- sending

    def send(self, answer: Any, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_bytes(json.dumps(answer).encode(), {"Content-Type": "application/json", **(headers or {})}, status)

    def send_pages(self, entries: list[Any]) -> None:
        """Send one page of a listing, with the address of the next page."""
        start = int(self.query.get("cursor", 0))
        stop = start + self.hub.page_size
        headers = {}
        if stop < len(entries):
            parameters = {**self.query, "cursor": str(stop)}
            query = "&".join(f"{key}={value}" for key, value in parameters.items())
            headers["Link"] = f'<{self.hub.url}{self.path}?{query}>; rel="next"'
        self.send(entries[start:stop], headers)

    def send_range(self, data: bytes, headers: dict[str, str]) -> None:
        """Send the whole file, or the requested bytes."""
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.handler.headers.get("Range", ""))
        if asked is None or not any(asked.groups()):
            self.send_bytes(data, headers)
            return
        first, last = asked.groups()
        start = int(first) if first else max(0, len(data) - int(last))
        stop = min(len(data), int(last) + 1) if first and last else len(data)
        if start >= len(data):
            self.send_bytes(b"", {**headers, "Content-Range": f"bytes */{len(data)}"}, status=416)
            return
        part = {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"}
        self.send_bytes(data[start:stop], {**headers, **part}, status=206)

    def send_bytes(self, data: bytes, headers: dict[str, str], status: int = 200) -> None:
        self.handler.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.handler.send_header(name, value)
        self.handler.end_headers()
        if self.handler.command != "HEAD":
            self.handler.wfile.write(data)

    def send_error(self, error: HubError) -> None:
        headers = {"X-Error-Message": error.message} | ({"X-Error-Code": error.code} if error.code else {})
        self.send({"error": error.message}, headers, error.status)

    def give(self) -> None:
        """Answer this request with the method that matches it."""
        method = "GET" if self.handler.command == "HEAD" else self.handler.command
        try:
            for wanted, pattern, name in ROUTES:
                match = pattern.match(self.path)
                if wanted == method and match:
                    parts = {key: value and unquote(value) for key, value in match.groupdict().items()}
                    with self.hub.lock:
                        getattr(self, name)(**parts)
                    return
            raise HubError(404, f"This Hub knows no {method} {self.path}")
        except HubError as error:
            self.send_error(error)


def apply_change(files: dict[str, File], key: str, value: dict[str, Any], storage: dict[str, bytes]) -> None:
    """Apply one line of a commit to the files of the previous commit."""
    path = value["path"]
    if key == "file":
        files[path] = File(base64.b64decode(value["content"]), is_lfs=False)
    elif key == "lfsFile":
        if value["oid"] not in storage:
            raise HubError(400, f"{path}: its contents were not uploaded")
        files[path] = File(storage[value["oid"]], is_lfs=True)
    elif key in ("deletedFile", "deletedFolder"):
        doomed = [p for p in files if p == path or (key == "deletedFolder" and p.startswith(path.rstrip("/") + "/"))]
        if not doomed:
            raise HubError(404, "A file with this name doesn't exist", "EntryNotFound")
        for name in doomed:
            del files[name]
    else:
        raise HubError(400, f"A commit has no {key}")
