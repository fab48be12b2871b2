"""What HTTP says about continuing a file: allowed addresses, validators, ranges, lengths."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

from vostool.core.errors import UsageError


class Refused(Exception):
    """This address will not give the file, however often one asks."""


def require_http(url: str) -> None:
    """Raise UsageError unless `url` begins with http:// or https:// and names a host."""
    if not re.match(r"https?://[^/]", url, re.IGNORECASE):
        raise UsageError(
            f"cannot download from {url!r}", remedy="only http and https addresses are allowed"
        )


class OnlyHttpRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not re.match(r"https?://[^/]", newurl, re.IGNORECASE):
            raise Refused(f"the server redirects to {newurl!r}, which is neither http nor https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def http_opener() -> urllib.request.OpenerDirector:
    """An opener without the handlers of file:, ftp: and data: addresses."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        OnlyHttpRedirects(),
    ):
        opener.add_handler(handler)
    return opener


def validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def write_validator(part: Path, url: str, headers: Any) -> None:
    """Keep what proves, next time, that the server's file is still the same one."""
    etag = headers.get("ETag", "")
    # Weak tags do not promise equal bytes and are not allowed in If-Range.
    validator = etag if etag.startswith('"') else headers.get("Last-Modified")
    if validator:
        validator_file(part).write_text(json.dumps({"url": url, "validator": validator}))


def read_validator(part: Path, url: str) -> str | None:
    try:
        kept = json.loads(validator_file(part).read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(kept, dict) or kept.get("url") != url:
        return None
    validator = kept.get("validator")
    return validator if isinstance(validator, str) and validator.isprintable() else None


def content_length(response: Any) -> int | None:
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
