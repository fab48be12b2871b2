"""What HTTP says about continuing a file: allowed addresses, validators, ranges, lengths."""

from __future__ import annotations

import json
import re
import ssl
from pathlib import Path

import httpx

from vostool.core.errors import DataError, UsageError
from vostool.core.reading import read_json


class Refused(Exception):
    """This address will not give the file, however often one asks."""


def require_http(url: str) -> None:
    """Raise UsageError unless `url` begins with http:// or https:// and names a host."""
    if not re.match(r"https?://[^/]", url, re.IGNORECASE):
        raise UsageError(
            f"cannot download from {url!r}", remedy="only http and https addresses are allowed"
        )


def http_client(timeout_seconds: float) -> httpx.Client:
    """A client that follows redirects, to http and https only, and takes bytes as they are.

    Certificates are those that the system trusts, so that an organisation's own count.

    Raises:
        UsageError: the environment names a proxy of a kind that cannot be used.
    """
    try:
        return httpx.Client(
            headers={"User-Agent": "vostool", "Accept-Encoding": "identity"},
            timeout=timeout_seconds,
            verify=ssl.create_default_context(),
            follow_redirects=True,
            event_hooks={"response": [_refuse_other_redirects]},
        )
    except (ImportError, ValueError, httpx.InvalidURL) as error:
        raise UsageError(
            f"the proxy that the environment names cannot be used, {error}",
            remedy="set HTTP_PROXY and HTTPS_PROXY to http addresses, and unset ALL_PROXY",
        ) from None


def _refuse_other_redirects(response: httpx.Response) -> None:
    if response.has_redirect_location:
        place = response.headers["Location"]
        if response.url.join(place).scheme not in ("http", "https"):
            raise Refused(f"the server redirects to {place!r}, which is neither http nor https")


def is_untrusted(error: httpx.ConnectError) -> bool:
    """Whether a connection failed because of the server's certificate."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def write_validator(part: Path, url: str, headers: httpx.Headers) -> None:
    """Keep what proves, next time, that the server's file is still the same one."""
    etag = headers.get("ETag", "")
    # Weak tags do not promise equal bytes and are not allowed in If-Range.
    validator = etag if etag.startswith('"') else headers.get("Last-Modified")
    if validator:
        validator_file(part).write_text(json.dumps({"url": url, "validator": validator}))


def read_validator(part: Path, url: str) -> str | None:
    try:
        kept = read_json(validator_file(part))
    except DataError:
        return None
    if not isinstance(kept, dict) or kept.get("url") != url:
        return None
    validator = kept.get("validator")
    return validator if isinstance(validator, str) and validator.isprintable() else None


def content_length(response: httpx.Response) -> int | None:
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() else None


def content_range(value: str | None) -> tuple[int | None, int | None]:
    """First byte and complete length of a Content-Range such as `bytes 5-9/10`."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", value or "")
    if found is None:
        return None, None
    return int(found[1]), None if found[2] == "*" else int(found[2])


def complete_length(value: str | None) -> int | None:
    found = re.fullmatch(r"bytes \*/(\d+)", value or "")
    return int(found[1]) if found else None


def describe(error: object) -> str:
    return str(error) or type(error).__name__
