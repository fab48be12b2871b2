"""The server of the page: its files, the video's frames, and the masks that it sends."""

from __future__ import annotations

import json
import logging
import socketserver
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib import resources
from typing import Any

from vostool.core.errors import DataError, UsageError, VostoolError
from vostool.media.masks import DAVIS_PALETTE
from vostool.painting.frames import FramePictures
from vostool.painting.guard import ADDRESS, Guard, Refused, body_length
from vostool.painting.masks import MaskFiles

log = logging.getLogger(__name__)

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
SPARE_BYTES = 65536
"""Of a mask's file beyond two bytes per pixel: headers and palette."""
SECONDS = 30.0
"""How long a request may take to arrive."""


@dataclass
class Session:
    """What a page works on.

    Attributes:
        pictures: the video's frames.
        masks: where its masks go.
        start: position of the frame that is shown first.
        keep_open: whether the server goes on after masks were saved.
    """

    pictures: FramePictures
    masks: MaskFiles
    start: int = 0
    keep_open: bool = False

    def about(self) -> dict[str, Any]:
        """What the page is told."""
        return {
            "name": self.pictures.footage.name,
            "frames": list(self.pictures.footage.names),
            "start": self.start,
            "keepOpen": self.keep_open,
            "palette": DAVIS_PALETTE.tolist(),
        }

    def save(self, index: int, data: bytes) -> str:
        """Write the mask of a frame and return a sentence. Raises as `MaskFiles.save`."""
        name, size = self.pictures.footage.names[index], self.pictures.size(index)
        saved = str(self.masks.save(name, size, data))
        log.info(f"saved {saved}")
        return saved

    def most_bytes(self, index: int) -> int:
        """Of a mask's file."""
        height, width = self.pictures.size(index)
        return 2 * height * width + SPARE_BYTES


class PageServer(socketserver.ThreadingTCPServer):
    """Serves one session on the loopback address.

    Args:
        port: 0 for any that is free.

    Raises:
        UsageError: the port cannot be had.
    """

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, session: Session, port: int = 0):
        try:
            super().__init__((ADDRESS, port), _Handler)
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"port {port} cannot be used: {error}", remedy="choose another --port, or none"
            ) from None
        self.session, self.guard = session, Guard(self.server_address[1])
        self.files = _page_files()
        self._saving = threading.Lock()

    @property
    def url(self) -> str:
        """Address of the page, with the token."""
        return f"http://{ADDRESS}:{self.server_address[1]}/{self.guard.token}/"

    def save(self, index: int, data: bytes) -> str:
        """One mask at a time."""
        with self._saving:
            return self.session.save(index, data)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is no fault."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def page_server(session: Session, port: int = 0) -> Iterator[PageServer]:
    """The server, listening; all of it is closed in the end."""
    try:
        with PageServer(session, port) as server:
            yield server
    finally:
        session.pictures.close()


def _page_files() -> dict[str, tuple[str, bytes]]:
    """Type and content of the page's files, by name; that of no name is the page itself."""
    folder = resources.files("vostool.painting") / "page"
    found = {
        item.name: (TYPES[item.name.rpartition(".")[2]], item.read_bytes())
        for item in folder.iterdir()
    }
    return {**found, "": found["index.html"]}


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: PageServer
    timeout = SECONDS

    def do_GET(self) -> None:
        """A file of the page, what it is about, or a frame."""
        self._answer(self._get)

    def do_POST(self) -> None:
        """A mask, or the end."""
        self._answer(self._post)

    def _answer(self, act: Callable[[str], tuple[str, bytes]]) -> None:
        try:
            kind, content = act(self.server.guard.admit(self.command, self.path, self.headers))
            self._send(HTTPStatus.OK, kind, content)
        except Refused as refusal:
            self._send_text(refusal.status, str(refusal))
        except DataError as error:
            self._send_text(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except VostoolError as error:
            self._send_text(HTTPStatus.CONFLICT, str(error))

    def _get(self, wanted: str) -> tuple[str, bytes]:
        if wanted in self.server.files:
            return self.server.files[wanted]
        session = self.server.session
        if wanted == "video.json":
            return "application/json", json.dumps(session.about()).encode()
        index = self._index(wanted, "frames/", ".jpg")
        return "image/jpeg", session.pictures.jpeg(index)

    def _post(self, wanted: str) -> tuple[str, bytes]:
        if wanted == "done":
            body_length(self.headers, 0)
            # It waits for the loop that has started this thread.
            threading.Thread(target=self.server.shutdown).start()
            return "text/plain", b""
        index = self._index(wanted, "masks/", ".png")
        length = body_length(self.headers, self.server.session.most_bytes(index))
        data = self.rfile.read(length)
        if len(data) < length:
            raise Refused(HTTPStatus.BAD_REQUEST, "the request broke off")
        return "text/plain; charset=utf-8", self.server.save(index, data).encode()

    def _index(self, wanted: str, before: str, after: str) -> int:
        """Position in such as frames/12.jpg."""
        number = wanted.removeprefix(before).removesuffix(after)
        exact = wanted == f"{before}{number}{after}" and number.isascii() and number.isdecimal()
        count = len(self.server.session.pictures.footage.frames)
        if not exact or len(number) > 9 or int(number) >= count:
            raise Refused(HTTPStatus.NOT_FOUND, "nothing is here")
        return int(number)

    def _send_text(self, status: HTTPStatus, text: str) -> None:
        self._send(status, "text/plain; charset=utf-8", text.encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        for name, value in (*HEADERS.items(), ("Content-Type", kind)):
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def version_string(self) -> str:
        """Nothing of Python's."""
        return "vostool"

    def log_message(self, format: str, *arguments: Any) -> None:
        """Requests are nobody's concern."""
