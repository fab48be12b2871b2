"""A web server on this machine that misbehaves on request."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Page:
    """How one address behaves.

    Attributes:
        data: the true content.
        ranges: whether Range is obeyed.
        etag: validator, or None to send none.
        cuts: per request, after how many bytes the connection is closed (None: not at all);
            later requests are not cut.
        statuses: per request, an HTTP status to answer instead (None: answer normally).
        headers: sent with every answer; "Content-Length" overrides the true one.
    """

    data: bytes
    ranges: bool = True
    etag: str | None = '"one"'
    cuts: list[int | None] = field(default_factory=list)
    statuses: list[int | None] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


class Site:
    """Pages by path, and the requests that came in."""

    def __init__(self, port: int):
        self.address = f"http://127.0.0.1:{port}"
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, str | None]] = []

    def add(self, path: str, data: bytes, **behaviour: Any) -> str:
        """Serve `data` with the attributes of `Page`; returns the URL."""
        self.pages[path] = Page(data, **behaviour)
        return self.address + path

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        page = self.pages.get(handler.path)
        asked = handler.headers.get("Range")
        self.requests.append((handler.path, asked))
        status = 404 if page is None else page.statuses.pop(0) if page.statuses else None
        if page is None or status is not None:
            self._send(handler, status or 404, b"", page.headers if page else {}, None)
            return
        start = 0
        unchanged = handler.headers.get("If-Range") in (None, page.etag)
        if asked and page.ranges and unchanged:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(page.data):
                length = {"Content-Range": f"bytes */{len(page.data)}"}
                self._send(handler, 416, b"", length, None)
                return
        headers = dict(page.headers)
        if page.etag:
            headers["ETag"] = page.etag
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(page.data) - 1}/{len(page.data)}"
        cut = page.cuts.pop(0) if page.cuts else None
        self._send(handler, 206 if start else 200, page.data[start:], headers, cut)

    @staticmethod
    def _send(
        handler: BaseHTTPRequestHandler,
        status: int,
        body: bytes,
        headers: dict[str, str],
        cut: int | None,
    ) -> None:
        handler.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.close_connection = True
        with contextlib.suppress(ConnectionError):  # the client may hang up on what it refuses
            handler.wfile.write(body if cut is None else body[:cut])
            handler.wfile.flush()


@pytest.fixture
def site() -> Iterator[Site]:
    """A running server without pages."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Site(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()
