# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""The endpoints for programs, called with gradio_client, and the limits of the server."""

import base64
import http.client
import runpy
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from PIL import Image

from helpers import tiny
from helpers.labeling_app import png, written_files
from helpers.paths import EXAMPLES
from pointwssis.app.app_state import AppState
from pointwssis.app.web_page import RequestLimit
from pointwssis.app.work_images import Limits
from pointwssis.ops.polygons import mask_to_polygons
from pointwssis.ops.rle import decode_rle

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
LIMITS = Limits(max_megapixels=0.05, max_megabytes=0.2, max_objects=3, max_users=3)


@pytest.fixture(scope="module")
def served(pipe, tmp_path_factory):
    """Return an app without images, and the address of its server."""
    pytest.importorskip("gradio", reason="needs gradio: pip install 'pointwssis[app]'")
    from pointwssis.app.web_page import launch

    app = AppState(pipe, [], tmp_path_factory.mktemp("served") / "out", LIMITS)
    page, address = launch(app, "127.0.0.1", None)
    yield app, address
    page.close(verbose=False)


@pytest.fixture(scope="module")
def client(served):
    from gradio_client import Client

    return Client(served[1], verbose=False)


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_masks_are_those_of_the_pipeline(client, pipe, served):
    image, points = tiny.picture(30, 40, 5), [[3, 4], [39, 29.5]]
    answer = client.predict(text_of(png()), points, [tiny.NAMES[1], None], api_name="/segment")
    expected = pipe(image, points=points, labels=[tiny.NAMES[1], None], mask_format="rle")
    assert [one["mask"] for one in answer] == [one["mask"] for one in expected]
    assert [one["label"] for one in answer] == [one["label"] for one in expected] and answer[0]["label"] == tiny.NAMES[
        1
    ]
    polygons = client.predict(text_of(png()), points, None, "polygon", api_name="/segment")
    bare = pipe(image, points=points, mask_format="rle")
    assert [one["mask"] for one in polygons] == [mask_to_polygons(decode_rle(one["mask"])) for one in bare]
    found = client.predict("data:image/png;base64," + text_of(png()), 0.0, api_name="/find_all")
    assert [one["mask"] for one in found] == [one["mask"] for one in pipe(image, threshold=0.0, mask_format="rle")]
    assert client.predict(api_name="/classes") == tiny.NAMES
    assert written_files(served[0].output_dir) == set()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((text_of(png()), [[1, 2]] * 4), "Got 4 points; the limit of this app is 3 per image"),
        (
            (text_of(png(300, 200)), [[1, 2]]),
            "the image has 300 × 200 pixels; the limit of this app is 0.05 megapixels",
        ),
        ((text_of(bytes(300_000)), [[1, 2]]), "the image has 0.3 MB; the limit of this app is 0.2 MB"),
        ((text_of(png()[:100]), [[1, 2]]), "the image: cannot be decoded"),
        (("/etc/passwd", [[1, 2]]), "the image: is not base64 text"),
        (("http://127.0.0.1:1/x.png", [[1, 2]]), "the image: is not base64 text"),
        ((text_of(png()), [[100, 2]]), r"point 0 of the image is \(100, 2\), outside"),
        ((text_of(png()), "here"), "must be a list"),
        ((text_of(png()), [[1, 2]], ["unicorn"]), "unknown label 'unicorn'"),
        ((text_of(png()), [[1, 2]], None, "pil"), "mask_format must be one of rle, polygon"),
    ],
)
def test_requests_that_are_refused(client, values, message):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=message):
        client.predict(*values, api_name="/segment")


def test_only_so_many_requests_wait(client, served):
    from gradio_client.utils import QueueError

    # While the network is busy, one request is in progress, and as many wait as there may be users.
    with served[0]._network:
        jobs = [client.submit(text_of(png()), [[1, 2]], api_name="/segment") for _ in range(LIMITS.max_users + 6)]
        refused = wait_for_the_first(jobs)
        with pytest.raises(QueueError, match="Queue is full"):
            refused.result()
    answers = [job.exception(timeout=60) for job in jobs]
    assert sum(error is None for error in answers) >= LIMITS.max_users
    # The server goes on.
    assert len(client.predict(text_of(png()), [[1, 2]], api_name="/segment")) == 1


def wait_for_the_first(jobs):
    """Return the first of several jobs that is done."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for job in jobs:
            if job.done():
                return job
        time.sleep(0.05)
    raise TimeoutError("no job has ended")


def status_of_post(address: str, path: str, length: int) -> int:
    """Return the status with which the server answers the head of a request, before it gets the content."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.putrequest("POST", path)
    connection.putheader("Content-Length", str(length))
    connection.endheaders()
    return connection.getresponse().status


def test_the_server_refuses_large_requests_and_uploads(served):
    app, address = served
    for path in ("/gradio_api/queue/join", "/gradio_api/component_server", "/gradio_api/call/segment"):
        assert status_of_post(address, path, 2_000_000) == 413
    for path in ("/gradio_api/upload", "/gradio_api/upload/", "/upload?upload_id=1"):
        assert status_of_post(address, path, 10) == 403
    assert written_files(app.output_dir) == set()
    # No file of this machine is served.
    for path in ("/etc/passwd", str(app.output_dir / "labels")):
        with pytest.raises(urllib.error.HTTPError, match="40[34]"):
            urllib.request.urlopen(f"{address.rstrip('/')}/gradio_api/file={path}")


def test_a_request_without_its_length_is_refused():
    limit = RequestLimit(None, max_bytes=10)
    scope = {"type": "http", "method": "POST", "path": "/x", "headers": []}
    assert limit._refusal(scope)[0] == 411
    assert limit._refusal({**scope, "headers": [(b"content-length", b"10")]}) is None
    assert limit._refusal({**scope, "headers": [(b"content-length", b"-1")]})[0] == 411


def test_the_example_needs_an_address_and_an_image(served, tmp_path, monkeypatch, capsys):
    (tmp_path / "a.png").write_bytes(png())
    example, output = EXAMPLES / "segment_over_http.py", tmp_path / "overlay.png"
    assert len(example.read_text("utf-8").splitlines()) <= 101 and "pointwssis import" not in example.read_text("utf-8")
    words = [served[1], str(tmp_path / "a.png"), "--points", "3,4", "30,20", "--labels", tiny.NAMES[1], ""]
    monkeypatch.setattr(sys, "argv", ["x.py", *words, "--output_file", str(output)])
    runpy.run_path(str(example), run_name="__main__")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{tiny.NAMES[1]}  score ") and second.endswith("corners")
    assert Image.open(output).size == (40, 30)
    monkeypatch.setattr(sys, "argv", ["x.py", *words[:2], "--threshold", "0"])
    runpy.run_path(str(example), run_name="__main__")
    assert "score" in capsys.readouterr().out
