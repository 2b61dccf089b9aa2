# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""A local Hub with the part of the protocol that `huggingface_hub`, `transformers` and `datasets` use to push and pull.

Repositories live in memory. Tests take the fixture `hub`; `python -m helpers.hub_server`, run in `tests`, serves one
until it is stopped. Large files go by the protocol of git LFS, which the client uses with `HF_HUB_DISABLE_XET=1`.
"""

import argparse
import atexit
import functools
import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from helpers.hub_answers import Answer
from helpers.hub_repos import Repository, User


class HubServer:
    """The server and what it holds; `url` is the endpoint.

    Tokens: `token` of a user who owns the organization "pointwssis" too, `reader_token` of the same user that may only
    read, `stranger_token` that of another user.
    """

    token, reader_token, stranger_token = "hf_owner", "hf_reader", "hf_stranger"
    page_size = 1000  # entries of a listing that come at once

    def __init__(self, port: int = 0):
        self._http = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._http.daemon_threads, self._http.hub = True, self
        self.lock = threading.RLock()
        self.clear()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    @property
    def storage_url(self) -> str:
        """Return the address of large files: another host, as on the Hub, so that the client sends no token to it."""
        return self.url.replace("127.0.0.1", "localhost")

    def clear(self) -> None:
        """Empty the Hub."""
        with self.lock:
            self.repositories: dict[tuple[str, str], Repository] = {}
            self.storage: dict[str, bytes] = {}
            self.requests: list[str] = []  # "PUT /lfs/…", in the order of their arrival
            self.breaks_after: tuple[int, re.Pattern] | None = None
            self.users = {
                self.token: User("tester", ("pointwssis",)),
                self.reader_token: User("tester", ("pointwssis",), may_write=False),
                self.stranger_token: User("stranger"),
            }

    def start(self) -> "HubServer":
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def repository(self, id: str, kind: str = "model") -> Repository:
        return self.repositories[kind, id]

    def files(self, id: str, kind: str = "model", revision: str = "main") -> dict[str, bytes]:
        """Return the contents of a repository's files."""
        return {path: file.data for path, file in self.repository(id, kind).find(revision).files.items()}

    @contextmanager
    def breaking(self, after: int, of: str = "") -> Iterator[None]:
        """Break connections without an answer, inside the context, after `after` requests like `of` were answered.

        Args:
            after: requests that still get their answer.
            of: regular expression; a request is "METHOD /path".
        """
        self.breaks_after = (after, re.compile(of))
        try:
            yield
        finally:
            self.breaks_after = None

    def breaks(self, request: str) -> bool:
        """Return True if this request gets no answer; called once per request."""
        with self.lock:
            self.requests.append(request)
            if self.breaks_after is None or not self.breaks_after[1].search(request):
                return False
            left, pattern = self.breaks_after
            self.breaks_after = (max(0, left - 1), pattern)
            return left == 0


class Handler(BaseHTTPRequestHandler):
    """Handler that reads a request and answers it, or breaks the connection if a test requests that."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self) -> None:
        body = self.body()
        if self.server.hub.breaks(f"{self.command} {self.path}"):
            self.close_connection = True
            return
        Answer(self.server.hub, self, body).give()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = answer

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *arguments: Any) -> None:
        pass  # `HubServer.requests` has them


@functools.cache
def hub_of_this_process() -> HubServer:
    """Return the Hub of this process and its child processes, with an empty home for their caches.

    The Hugging Face libraries read the environment when they are imported, so this comes before that. A second call
    (pytest imports conftest.py under two names) changes nothing.
    """
    hub = HubServer().start()
    home = tempfile.mkdtemp(prefix="pointwssis-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE", "HF_HUB_CACHE"):
        os.environ.pop(name, None)
    os.environ |= {
        "HF_ENDPOINT": hub.url,
        "HF_HOME": home,
        "HF_HUB_DISABLE_XET": "1",  # Xet is another server; without it large files use git LFS
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    return hub


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    server = HubServer(parser.parse_args().port).start()
    print(f"HF_ENDPOINT={server.url} HF_HUB_DISABLE_XET=1 HF_TOKEN={server.token}", flush=True)
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        server.stop()


if __name__ == "__main__":
    main()
