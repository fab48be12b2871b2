"""Fetching one file over HTTP so that a cut connection costs nothing that was already received.

Bytes go to `TARGET.part`, with the server's validator (ETag or Last-Modified) beside it; the file
gets its name only when its length and checksum are right. RFC 9110 sections 13.1.5 (If-Range), 14.2
(Range) and 15.3.7 (206) say what the headers mean.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from vostool.core.console import Advance, progress
from vostool.core.durable import make_durable
from vostool.core.errors import DataError, OutputError
from vostool.core.files import explain_write_errors
from vostool.downloads._http import (
    Refused,
    complete_length,
    content_length,
    content_range,
    describe,
    http_client,
    is_untrusted,
    read_validator,
    require_http,
    validator_file,
    write_validator,
)
from vostool.downloads.catalogue import Archive
from vostool.downloads.verifying import megabytes, verify

log = logging.getLogger(__name__)

SPARE_BYTES = 64 << 20
"""What must stay free on the disk."""
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that another attempt may cure."""


@dataclass(frozen=True)
class FetchOptions:
    """How patient to be.

    Attributes:
        attempts: how many times in a row an attempt may bring nothing new.
        timeout_seconds: for connecting and for each read.
        first_pause_seconds: pause after the first fruitless attempt; doubled after each further.
        longest_pause_seconds: bound of that pause, and of the server's Retry-After.
        free_bytes: free space of the disk that holds a folder.
        sleep: how to pause.
    """

    attempts: int = 5
    timeout_seconds: float = 60.0
    first_pause_seconds: float = 1.0
    longest_pause_seconds: float = 30.0
    free_bytes: Callable[[Path], int] = field(default=lambda folder: shutil.disk_usage(folder).free)
    sleep: Callable[[float], None] = time.sleep


class _TryAgain(Exception):
    """An attempt failed in a way that another attempt may cure."""

    def __init__(self, reason: str, pause: float | None = None):
        super().__init__(reason)
        self.pause = pause


def fetch(
    archive: Archive,
    target: Path,
    options: FetchOptions | None = None,
) -> Path:
    """Download an archive to `target`, continuing `target`.part, and verify it.

    Args:
        archive: addresses are tried in order; another one follows only when one refuses.
        target: where the file goes; an existing file there is verified and not fetched again.

    Raises:
        UsageError: an address that is not http or https.
        DataError: no address gives the file, or its size or checksum is not the published one.
        OutputError: not enough space.
    """
    options = options or FetchOptions()
    for url in archive.urls:
        require_http(url)
    if target.is_file():
        verify(archive, target)
        validator_file(_part(target)).unlink(missing_ok=True)  # of a process that was killed here
        return target
    with explain_write_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    refusals = []
    for url in archive.urls:
        try:
            part = _Download(url, archive, target, options).run()
        except Refused as refusal:
            refusals.append(f"{url}: {refusal}")
            continue
        verify(archive, part)
        make_durable([part])
        part.replace(target)
        validator_file(part).unlink(missing_ok=True)
        return target
    raise DataError(
        f"cannot download {archive.file}: " + "; ".join(refusals),
        remedy=f"run the same command again later, or put the file at {target} yourself",
    )


def _part(target: Path) -> Path:
    """What has come of a file so far."""
    return target.with_name(target.name + ".part")


class _Download:
    """One file from one address, over as many connections as it takes."""

    def __init__(self, url: str, archive: Archive, target: Path, options: FetchOptions):
        self.url, self.archive, self.options = url, archive, options
        self.part = _part(target)
        self.total: int | None = archive.size
        self._space_checked = False
        self._megabytes: _Megabytes | None = None

    def run(self) -> Path:
        """Fetch until complete; returns the partial file's path."""
        best, fruitless = self._have(), 0
        while True:
            try:
                self._attempt()
                return self.part
            except _TryAgain as failure:
                # A server that starts from zero each time makes no progress until it gets further.
                fruitless = 0 if self._have() > best else fruitless + 1
                best = max(best, self._have())
                if fruitless >= self.options.attempts:
                    raise Refused(f"{failure} ({fruitless} attempts in a row)") from None
                pause = self._pause(fruitless, failure)
                log.info(f"{self.archive.file}: {failure}; trying again in {pause:.0f} s")
                self.options.sleep(pause)

    def _pause(self, fruitless: int, failure: _TryAgain) -> float:
        doubled = self.options.first_pause_seconds * 2 ** max(0, fruitless - 1)
        return min(failure.pause or doubled, self.options.longest_pause_seconds)

    def _have(self) -> int:
        return self.part.stat().st_size if self.part.exists() else 0

    def _restart(self) -> None:
        self.part.unlink(missing_ok=True)
        validator_file(self.part).unlink(missing_ok=True)

    def _attempt(self) -> None:
        if self.total is not None and self._have() > self.total:
            self._restart()
        if self.archive.size is not None and self._have() == self.archive.size:
            return
        try:
            with (
                http_client(self.options.timeout_seconds) as client,
                client.stream("GET", self.url, headers=self._headers()) as response,
            ):
                if response.is_success:
                    self._receive(response)
                else:
                    self._on_status(response)
        except httpx.ConnectError as error:
            if is_untrusted(error):
                raise Refused(f"the server's certificate cannot be verified ({error})") from None
            raise _TryAgain(f"no connection ({describe(error)})") from None
        except (httpx.UnsupportedProtocol, httpx.TooManyRedirects, httpx.InvalidURL) as error:
            raise Refused(describe(error)) from None
        except httpx.TransportError as error:
            raise _TryAgain(f"the connection broke ({describe(error)})") from None

    def _headers(self) -> dict[str, str]:
        """Ask for the rest, if it is sure to be of the same file."""
        have = self._have()
        validator = read_validator(self.part, self.url)
        if not have or not (validator or self.archive.sha256 or self.archive.md5):
            return {}
        rest = {"Range": f"bytes={have}-"}
        return rest | {"If-Range": validator} if validator else rest

    def _on_status(self, response: httpx.Response) -> None:
        """Deal with an answer that brings no bytes; it is all right if none are missing."""
        code, have = response.status_code, self._have()
        said = f"the server says {code} {response.reason_phrase}"
        if code == 416 and have:
            if complete_length(response.headers.get("Content-Range")) == have:
                return
            self._restart()
            raise _TryAgain("the server's file is shorter than what was kept of it")
        if code in TRY_AGAIN:
            after = response.headers.get("Retry-After", "")
            raise _TryAgain(said, float(after) if after.isdecimal() else None)
        raise Refused(said)

    def _receive(self, response: httpx.Response) -> None:
        if response.headers.get("Content-Type", "").partition(";")[0].strip() == "text/html":
            raise Refused("the server sent a web page instead of the file")
        have, length = self._have(), content_length(response)
        if response.status_code == 206:
            start, total = content_range(response.headers.get("Content-Range"))
            if start != have:
                self._restart()
                raise _TryAgain("the server sent another part than was asked for")
        else:
            if have:
                log.info(f"{self.archive.file}: cannot be continued, starting afresh")
                self._restart()
            have, total = 0, length
        self._check_total(total)
        self._check_space(have)
        with explain_write_errors(self.part):
            write_validator(self.part, self.url, response.headers)
        with self._progress(have) as bar, open(self.part, "ab" if have else "wb") as out:
            fault = self._copy(response, out, bar)
        if self.total is not None and self._have() < self.total:
            got, of = megabytes(self._have()), megabytes(self.total)
            raise _TryAgain(f"the connection was cut after {got} of {of}")
        if fault is not None and self.total is None:
            raise fault

    def _copy(
        self, response: httpx.Response, out: BinaryIO, progress: _Megabytes
    ) -> httpx.RemoteProtocolError | None:
        """Write what comes, to its end or to where the server broke off, which is returned."""
        try:
            for block in response.iter_raw():
                self._write(out, block)
                progress.add(len(block))
                if self.total is not None and out.tell() > self.total:
                    raise Refused(f"the server sent more than the {self.total} bytes it announced")
        except httpx.RemoteProtocolError as fault:
            return fault
        return None

    def _write(self, out: BinaryIO, block: bytes) -> None:
        try:
            out.write(block)
            out.flush()
        except OSError as error:
            raise OutputError(
                f"cannot write any further ({error.strerror})",
                where=self.part,
                remedy="make room and run the same command again; it continues where it stopped",
            ) from error

    def _check_total(self, total: int | None) -> None:
        published = self.archive.size
        if published is not None and total is not None and total != published:
            raise Refused(
                f"the server's file has {total} bytes, but the published size is {published}"
            )
        self.total = published if published is not None else total

    def _check_space(self, have: int) -> None:
        """The archive's rest and about as much again, as pictures hardly compress."""
        if self._space_checked or self.total is None:
            return
        self._space_checked = True
        need = self.total - have + self.total + SPARE_BYTES
        free = self.options.free_bytes(self.part.parent)
        if free < need:
            raise OutputError(
                f"not enough space: {self.archive.file} needs about {megabytes(need)} with its "
                f"contents, {megabytes(free)} are free",
                where=self.part.parent,
                remedy="free some space or choose another --root",
            )

    def _progress(self, have: int) -> _Megabytes:
        label = f"fetching {self.archive.file}"
        if have:
            label += f" (from {megabytes(have)} on)"
        rest = None if self.total is None else self.total - have
        return _Megabytes(label, rest)


class _Megabytes:
    """Progress in whole megabytes, from counts of bytes."""

    def __init__(self, label: str, total: int | None):
        count = None if total is None else max(1, round(total / 1e6))
        self._context = progress(label, count, unit="MB")
        self._bytes = 0
        self._bar: Advance | None = None

    def __enter__(self) -> _Megabytes:
        self._bar = self._context.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._context.__exit__(*exception)

    def add(self, count: int) -> None:
        before, self._bytes = self._bytes // 1_000_000, self._bytes + count
        if self._bar is not None and self._bytes // 1_000_000 > before:
            self._bar.advance(self._bytes // 1_000_000 - before)
