"""A server of a small video, on a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import cv2
import numpy as np
import pytest
from moving_squares import squares

from vostool.core.output import Output
from vostool.datasets.own_video import read_footage
from vostool.media.masks import encode_mask
from vostool.painting.frames import FramePictures
from vostool.painting.masks import MaskFiles
from vostool.painting.server import PageServer, Session, page_server

SIZE, FRAMES = (60, 90), 4


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A movie of four frames in a folder of its own."""
    path = tmp_path / "video" / "clip.avi"
    path.parent.mkdir()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (SIZE[1], SIZE[0]))
    for image in squares(FRAMES, SIZE)[0]:
        writer.write(np.ascontiguousarray(image[..., ::-1]))
    writer.release()
    return path


@dataclass
class Served:
    """A running server, as a program sees it."""

    server: PageServer
    thread: threading.Thread
    folder: Path

    @property
    def own(self) -> dict[str, str]:
        """Headers that the page itself sends."""
        return {"Origin": self.server.url.rsplit("/", 2)[0]}

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[int, bytes]:
        """Status and content; `path` is below the token unless it begins with /."""
        port, told = (
            self.server.server_address[1],
            {k.replace("_", "-"): v for k, v in headers.items()},
        )
        connection = HTTPConnection("127.0.0.1", port, timeout=10)
        where = path if path.startswith("/") else f"/{self.server.guard.token}/{path}"
        try:
            connection.request(
                method, where, body, {**(self.own if method == "POST" else {}), **told}
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def post_mask(self, index: int, ids: np.ndarray) -> tuple[int, bytes]:
        """Send a mask as the page does."""
        return self.ask("POST", f"masks/{index}.png", encode_mask(ids))

    @property
    def written(self) -> list[str]:
        """Files that were made."""
        return sorted(path.name for path in self.folder.iterdir())


@pytest.fixture
def keep_open() -> bool:
    return False


@pytest.fixture
def served(video: Path, tmp_path: Path, keep_open: bool) -> Iterator[Served]:
    folder = tmp_path / "out"
    folder.mkdir()
    masks = MaskFiles(Output(folder / "first.png"), (video,))
    session = Session(FramePictures(read_footage(video)), masks, keep_open=keep_open)
    with page_server(session) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield Served(server, thread, folder)
        server.shutdown()
        thread.join(10)
