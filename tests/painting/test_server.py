"""Who gets what from the page's server; without a browser."""

from __future__ import annotations

import io
import json
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest
from moving_squares import squares
from PIL import Image

from vostool.core.errors import UsageError
from vostool.core.output import Output
from vostool.datasets.own_video import read_footage
from vostool.media.masks import encode_mask, read_mask
from vostool.painting.frames import FramePictures
from vostool.painting.masks import MaskFiles
from vostool.painting.server import PageServer, Session

SIZE = (60, 90)


def mask(*ids: int) -> np.ndarray:
    """A square per id."""
    found = np.zeros(SIZE, np.uint8)
    for place, number in enumerate(ids):
        found[10:20, 10 + 12 * place : 20 + 12 * place] = number
    return found


def test_the_page_and_all_that_it_names(served) -> None:
    status, page = served.ask("GET", "")
    assert status == 200 and b"<!DOCTYPE html>" in page
    folder = Path(__file__).parents[2] / "vostool/painting/page"
    for file in folder.iterdir():
        assert served.ask("GET", file.name) == (200, file.read_bytes())
    about = json.loads(served.ask("GET", "video.json")[1])
    assert (about["name"], about["start"], about["keepOpen"]) == ("clip", 0, False)
    assert about["frames"] == ["00000", "00001", "00002", "00003"]
    assert about["palette"][1] == [128, 0, 0]


def test_frames_in_any_order(served) -> None:
    images = squares(4, SIZE)[0]
    for index in (2, 0, 3, 0):
        status, data = served.ask("GET", f"frames/{index}.jpg")
        shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB).astype(int)
        others = [np.abs(shown - image).mean() for image in images]
        assert status == 200 and int(np.argmin(others)) == index


def test_nobody_but_this_machine_can_connect(served) -> None:
    assert served.server.server_address[0] == "127.0.0.1"
    assert served.server.url.startswith("http://127.0.0.1:")
    assert len(served.server.guard.token) >= 32


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "localhost:{port}"}, 200),
        ({"Origin": "http://127.0.0.1:{port}", "Sec_Fetch_Site": "same-origin"}, 200),
        ({"Host": "evil.example:{port}"}, 403),
        ({"Host": "127.0.0.1"}, 403),
        ({"Host": "127.0.0.1:{port}.evil.example"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://127.0.0.1:1"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
    ],
)
def test_other_pages_get_nothing(served, headers, status) -> None:
    port = str(served.server.server_address[1])
    told = {name: value.replace("{port}", port) for name, value in headers.items()}
    for wanted in ("", "video.json", "frames/0.jpg"):
        assert served.ask("GET", wanted, **told)[0] == status
    sent = served.ask("POST", "masks/0.png", encode_mask(mask(1)), **told)[0]
    assert sent == status
    assert served.written == (["first.png"] if status == 200 else [])


def test_two_hosts_and_a_post_without_an_origin(served) -> None:
    port, token = served.server.server_address[1], served.server.guard.token
    body = encode_mask(mask(1))
    for extra in (f"Host: 127.0.0.1:{port}\r\nHost: evil.example", f"Host: 127.0.0.1:{port}"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as raw:
            head = f"POST /{token}/masks/0.png HTTP/1.1\r\n{extra}\r\n"
            raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            assert b" 403 " in raw.recv(100)
    assert not served.written


@pytest.mark.parametrize(
    "path",
    ["/", "//", "/wrong/", "/wrong/video.json", "page.py", "../frames.py", "frames/4.jpg",
     "frames/-1.jpg", "frames/0.png", "frames/../0.jpg", "masks/0.png",
     "?video.json", "/{token}", "done"],
)  # fmt: skip
def test_what_is_not_there(served, path) -> None:
    wanted = path.replace("{token}", served.server.guard.token[:-1])
    assert served.ask("GET", wanted)[0] == 404


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Length": "100000000"}, 413),
        ({"Content_Length": "-1"}, 411),
        ({"Content_Length": "1e3"}, 411),
        ({"Content_Length": "9" * 40}, 411),
        ({"Content_Length": "10", "Transfer_Encoding": "chunked"}, 411),
    ],
)
def test_a_body_that_is_too_large_or_of_no_length(served, headers, status) -> None:
    assert served.ask("POST", "masks/0.png", **headers)[0] == status
    assert served.ask("POST", "done", b"much")[0] == 413
    assert not served.written and served.thread.is_alive()


def png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", b"no PNG"),
        (b"GIF89a" + b"x" * 90, b"no PNG"),
        (encode_mask(mask(1))[:80], b"no PNG"),
        (png(Image.new("RGB", SIZE[::-1])), b"one object id of 8 bits per pixel"),
        (png(Image.new("I;16", SIZE[::-1])), b"one object id of 8 bits per pixel"),
        (encode_mask(mask(1)[:, 1:]), b"the mask is 60 x 89, but the frame is 60 x 90"),
        (encode_mask(mask()), b"holds no object"),
        (encode_mask(mask(1, 255)), b"255 is no object's id"),
        (png(Image.new("L", (20000, 20000)))[:60000], b"20000 x 20000"),
        (png(Image.new("1", SIZE[::-1], 1)), b"one object id of 8 bits per pixel"),
    ],
)
def test_what_is_no_mask_of_the_frame(served, data, words) -> None:
    status, said = served.ask("POST", "masks/0.png", data)
    assert status == 422 and words in said
    assert not served.written


def test_masks_are_written_as_they_are_and_end_the_server(served) -> None:
    assert served.post_mask(2, mask(1, 254)) == (
        200,
        f"{served.folder / 'first.png'} (frame 00002: objects 1, 254)".encode(),
    )
    assert served.post_mask(3, mask(7))[0] == 200
    assert served.post_mask(2, mask(5))[0] == 200  # again: the page was not closed
    assert served.written == ["first-00003.png", "first.png"]
    assert np.array_equal(read_mask(served.folder / "first.png"), mask(5))
    with Image.open(served.folder / "first-00003.png") as image:
        assert image.mode == "P"
    assert served.ask("POST", "done")[0] == 200
    served.thread.join(5)
    assert not served.thread.is_alive()


def test_a_file_that_came_up_meanwhile_is_not_replaced(served) -> None:
    (served.folder / "first.png").write_text("mine")
    status, said = served.post_mask(0, mask(1))
    assert status == 409 and b"the mask exists" in said
    assert (served.folder / "first.png").read_text() == "mine"


def test_a_port_that_is_taken_is_said(served, video, tmp_path) -> None:
    masks = MaskFiles(Output(tmp_path / "other.png"))
    session = Session(FramePictures(read_footage(video)), masks)
    with pytest.raises(UsageError, match="cannot be used"):
        PageServer(session, served.server.server_address[1])
