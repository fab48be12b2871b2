"""Fetching from a server that cuts, ignores ranges, corrupts, refuses."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from vostool.core.errors import DataError, OutputError, UsageError
from vostool.downloads.catalogue import Archive
from vostool.downloads.fetching import FetchOptions, fetch

DATA = os.urandom(700_000)
SHA256 = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA).hexdigest()


def quick(**others) -> FetchOptions:
    """Options that never really wait."""
    return FetchOptions(**({"attempts": 3, "timeout_seconds": 5, "sleep": lambda _: None} | others))


def archive(*urls: str, **others) -> Archive:
    return Archive("set.zip", urls, **others)


def published(*urls: str) -> Archive:
    return archive(*urls, size=len(DATA), sha256=SHA256)


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "work" / "set.zip"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_plain_download_leaves_only_the_file_and_is_not_repeated(site, target):
    wanted = published(site.add("/set.zip", DATA))
    assert fetch(wanted, target, quick()) == target
    assert target.read_bytes() == DATA
    assert names(target.parent) == ["set.zip"]
    fetch(wanted, target, quick())
    assert site.requests == [("/set.zip", None)]


@pytest.mark.parametrize("size", [len(DATA), None])
def test_cut_connections_are_continued_where_they_stopped(site, target, size):
    wanted = archive(site.add("/set.zip", DATA, cuts=[300_000, 200_000, 1]), size=size)
    fetch(wanted, target, quick(attempts=1))
    assert target.read_bytes() == DATA
    ranges = [asked for _, asked in site.requests]
    assert ranges == [None, "bytes=300000-", "bytes=500000-", "bytes=500001-"]


def test_a_kept_part_is_continued_by_the_next_run(site, target):
    url = site.add("/set.zip", DATA, cuts=[123_456, 0])
    with pytest.raises(DataError, match=r"cut after 0\.1 MB of 0\.7 MB"):
        fetch(published(url), target, quick(attempts=1))
    assert names(target.parent) == ["set.zip.part", "set.zip.part.json"]
    fetch(published(url), target, quick(attempts=1))
    assert target.read_bytes() == DATA
    assert site.requests[-1] == ("/set.zip", "bytes=123456-")


def test_a_server_that_ignores_ranges_restarts_cleanly(site, target):
    wanted = archive(site.add("/set.zip", DATA, ranges=False, cuts=[400_000]), sha256=SHA256)
    fetch(wanted, target, quick())
    assert target.read_bytes() == DATA
    assert [asked for _, asked in site.requests] == [None, "bytes=400000-"]


def test_a_server_that_ignores_ranges_and_always_cuts_is_given_up(site, target):
    url = site.add("/set.zip", DATA, ranges=False, cuts=[400_000] * 50)
    with pytest.raises(DataError, match="3 attempts in a row"):
        fetch(published(url), target, quick())
    assert len(site.requests) == 4


def test_a_file_that_changed_meanwhile_is_not_mixed_with_the_old_one(site, target):
    url = site.add("/set.zip", DATA[::-1], cuts=[100_000], etag='"old"')
    with pytest.raises(DataError):
        fetch(archive(url), target, quick(attempts=0))
    site.add("/set.zip", DATA, etag='"new"')
    fetch(archive(url), target, quick())
    assert target.read_bytes() == DATA
    assert site.requests[-1][1] == "bytes=100000-"


def test_a_part_that_nothing_vouches_for_is_not_continued(site, target):
    target.parent.mkdir()
    target.with_name("set.zip.part").write_bytes(b"someone else's bytes")
    fetch(archive(site.add("/set.zip", DATA, etag=None)), target, quick())
    assert target.read_bytes() == DATA
    assert site.requests == [("/set.zip", None)]


@pytest.mark.parametrize("excess", [b"", b"more"])
def test_a_complete_or_too_long_part(site, target, excess):
    target.parent.mkdir()
    target.with_name("set.zip.part").write_bytes(DATA + excess)
    fetch(published(site.add("/set.zip", DATA)), target, quick())
    assert target.read_bytes() == DATA
    assert len(site.requests) == (1 if excess else 0)


def test_a_complete_part_of_unknown_size_is_recognised(site, target):
    target.parent.mkdir()
    target.with_name("set.zip.part").write_bytes(DATA)
    fetch(archive(site.add("/set.zip", DATA), md5=MD5), target, quick())
    assert target.read_bytes() == DATA
    assert [asked for _, asked in site.requests] == ["bytes=700000-"]


@pytest.mark.parametrize(
    ("digests", "sentence"),
    [
        ({"sha256": SHA256}, r"set\.zip is corrupted: its SHA-256 is [0-9a-f]{64} instead of"),
        ({"md5": MD5}, r"set\.zip is corrupted: its MD5 is [0-9a-f]{32} instead of"),
    ],
)
def test_corrupted_bytes_are_deleted(site, target, digests, sentence):
    url = site.add("/set.zip", DATA[:-1] + bytes([DATA[-1] ^ 1]))
    with pytest.raises(DataError, match=sentence):
        fetch(archive(url, **digests), target, quick())
    assert names(target.parent) in ([], ["set.zip.part.json"])
    site.add("/set.zip", DATA)
    fetch(archive(url, **digests), target, quick())
    assert target.read_bytes() == DATA


def test_a_corrupted_file_found_in_place_is_deleted(site, target):
    target.parent.mkdir()
    target.write_bytes(DATA[:-1])
    with pytest.raises(DataError, match="has 699999 bytes instead of 700000"):
        fetch(published(site.add("/set.zip", DATA)), target, quick())
    assert not target.exists()


@pytest.mark.parametrize(
    ("status", "sentence", "requests"),
    [
        (404, "404 Not Found", 1),
        (403, "403 Forbidden", 1),
        (410, "410 Gone", 1),
        (503, r"503 Service Unavailable \(3 attempts in a row\)", 3),
        (429, r"429 Too Many Requests \(3 attempts in a row\)", 3),
    ],
)
def test_refusals(site, target, status, sentence, requests):
    url = site.add("/set.zip", DATA, statuses=[status] * 9)
    with pytest.raises(DataError, match=sentence) as caught:
        fetch(published(url), target, quick())
    assert len(site.requests) == requests
    assert url in str(caught.value)
    assert not target.exists()


def test_pauses_double_up_to_a_bound_and_obey_the_server(site, target):
    pauses: list[float] = []
    options = quick(attempts=7, longest_pause_seconds=10.0, sleep=pauses.append)
    site.add("/set.zip", DATA, statuses=[500] * 7)
    with pytest.raises(DataError):
        fetch(published(site.address + "/set.zip"), target, options)
    assert pauses == [1, 2, 4, 8, 10, 10]
    pauses.clear()
    retry = {"Retry-After": "7"}
    url = site.add("/set.zip", DATA, statuses=[503, 503, None], headers=retry)
    fetch(published(url), target, options)
    assert pauses == [7, 7]


def test_the_next_address_is_tried_when_one_refuses(site, target):
    good = site.add("/mirror.zip", DATA)
    fetch(published(site.address + "/gone.zip", good), target, quick())
    assert target.read_bytes() == DATA
    assert [path for path, _ in site.requests] == ["/gone.zip", "/mirror.zip"]


def test_nobody_listens(target):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/set.zip"
    with pytest.raises(DataError, match=r"no connection .*refused.*2 attempts in a row"):
        fetch(published(url), target, quick(attempts=2))


def test_a_silent_server_runs_into_the_timeout(target):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/set.zip"
        with pytest.raises(DataError, match="timed out"):
            fetch(published(url), target, quick(attempts=1, timeout_seconds=0.05))


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({"Content-Length": "699000"}, "699000 bytes, but the published size is 700000"),
        ({"Content-Length": "700001"}, "700001 bytes, but the published size is 700000"),
        ({"Content-Type": "text/html; charset=utf-8"}, "a web page instead of the file"),
    ],
)
def test_another_file_than_the_published_one_is_not_even_fetched(site, target, headers, sentence):
    url = site.add("/set.zip", DATA, headers=headers)
    with pytest.raises(DataError, match=sentence):
        fetch(published(url), target, quick())
    assert len(site.requests) == 1
    assert names(target.parent) == []


def test_a_content_length_that_is_never_reached(site, target):
    url = site.add("/set.zip", DATA, ranges=False, headers={"Content-Length": "800000"})
    with pytest.raises(DataError, match=r"cut after 0\.7 MB of 0\.8 MB \(2 attempts in a row\)"):
        fetch(archive(url), target, quick(attempts=2))


@pytest.mark.parametrize(
    "url",
    ["file:///etc/hostname", "ftp://127.0.0.1/a.zip", "data:,x", "/etc/hostname", "http:///a"],
)
def test_only_http_addresses(target, url):
    with pytest.raises(UsageError, match="only http and https"):
        fetch(archive(url), target, quick())


@pytest.mark.parametrize("place", ["file:///etc/hostname", "ftp://127.0.0.1/a.zip"])
def test_a_redirect_to_another_kind_of_address_is_refused(site, target, place):
    url = site.add("/set.zip", DATA, statuses=[302], headers={"Location": place})
    with pytest.raises(DataError, match=r"neither http nor https|is not allowed"):
        fetch(published(url), target, quick())


def test_a_redirect_is_followed(site, target):
    moved = {"Location": site.add("/new.zip", DATA)}
    fetch(published(site.add("/set.zip", b"", statuses=[302], headers=moved)), target, quick())
    assert target.read_bytes() == DATA


@pytest.mark.parametrize("size", [len(DATA), None])
def test_a_full_disk_is_noticed_before_the_download(site, target, size):
    url = site.add("/set.zip", DATA)
    with pytest.raises(OutputError, match=r"needs about 68\.5 MB with its contents, 1\.0 MB are"):
        fetch(archive(url, size=size), target, quick(free_bytes=lambda _: 1_000_000))
    assert names(target.parent) == []


def test_a_disk_that_fills_up_meanwhile(site, target):
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    target.parent.mkdir()
    target.with_name("set.zip.part").symlink_to("/dev/full")
    with pytest.raises(OutputError, match=r"No space left.*it continues where it stopped"):
        fetch(published(site.add("/set.zip", DATA)), target, quick())


def test_an_interrupted_download_continues(site, target):
    def press_ctrl_c(_: float) -> None:
        raise KeyboardInterrupt

    url = site.add("/set.zip", DATA, cuts=[250_000])
    with pytest.raises(KeyboardInterrupt):
        fetch(published(url), target, quick(sleep=press_ctrl_c))
    fetch(published(url), target, quick())
    assert target.read_bytes() == DATA
    assert site.requests[-1] == ("/set.zip", "bytes=250000-")


class _CutChunks(BaseHTTPRequestHandler):
    """Sends a file without its length, and breaks off within it at the first request."""

    protocol_version = "HTTP/1.1"
    cut = True

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n" % (len(DATA), DATA))
        if not _CutChunks.cut:
            self.wfile.write(b"0\r\n\r\n")
        _CutChunks.cut = False
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


def _served(server: HTTPServer, requests: int) -> threading.Thread:
    def answer() -> None:
        for _ in range(requests):
            server.handle_request()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    return thread


def test_a_cut_in_a_file_of_unknown_length_is_noticed(target):
    with HTTPServer(("127.0.0.1", 0), _CutChunks) as server:
        thread = _served(server, 2)
        pauses: list[float] = []
        url = f"http://127.0.0.1:{server.server_port}/set.zip"
        fetch(archive(url, size=None), target, quick(sleep=pauses.append))
        thread.join()
    assert len(pauses) == 1
    assert target.read_bytes() == DATA


def test_a_certificate_that_nobody_trusts_is_refused_at_once(tmp_path, target):
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate with")
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=localhost",
    ]
    subprocess.run([*command, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    with HTTPServer(("127.0.0.1", 0), _CutChunks) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = _served(server, 1)
        url = f"https://127.0.0.1:{server.server_port}/set.zip"
        with pytest.raises(DataError, match="certificate cannot be verified"):
            fetch(published(url), target, quick(sleep=lambda _: pytest.fail("tried again")))
        thread.join()


def test_a_proxy_that_cannot_be_used_is_a_sentence(site, target, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "socks9://127.0.0.1:1")
    with pytest.raises(UsageError, match=r"proxy .*unset ALL_PROXY"):
        fetch(published(site.add("/set.zip", DATA)), target, quick())
