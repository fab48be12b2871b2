"""Who may talk to the page's server: the page itself, and nobody else.

The server listens on the loopback address only, but any web page that the user has open could send
requests there. It does not know the token in the address; its requests carry its own origin; and a
name of its own that it lets point to this machine (DNS rebinding) stands in the Host header.
"""

from __future__ import annotations

import hmac
import secrets
from email.message import Message
from http import HTTPStatus

ADDRESS = "127.0.0.1"
TOKEN_BYTES = 24


class Refused(Exception):
    """A request is not answered.

    Args:
        status: of HTTP.
        reason: one sentence.
    """

    def __init__(self, status: HTTPStatus, reason: str):
        super().__init__(reason)
        self.status = status


class Guard:
    """Checks of one server.

    Args:
        port: that it listens on.
    """

    def __init__(self, port: int):
        self.token = secrets.token_urlsafe(TOKEN_BYTES)
        self._hosts = frozenset({f"{ADDRESS}:{port}", f"localhost:{port}"})
        self._origins = frozenset(f"http://{host}" for host in self._hosts)

    def admit(self, method: str, path: str, headers: Message) -> str:
        """What is asked for, below the token.

        Raises:
            Refused: another host, origin or token.
        """
        hosts = headers.get_all("Host") or []
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            raise Refused(HTTPStatus.FORBIDDEN, "another host was meant")
        origins = headers.get_all("Origin") or []
        if not self._origins.issuperset(origins) or (method == "POST" and len(origins) != 1):
            raise Refused(HTTPStatus.FORBIDDEN, "only this server's own page may do that")
        if headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            raise Refused(HTTPStatus.FORBIDDEN, "only this server's own page may do that")
        token, _, wanted = path.removeprefix("/").partition("/")
        if not hmac.compare_digest(token.encode(), self.token.encode()):
            raise Refused(HTTPStatus.NOT_FOUND, "nothing is here")
        return wanted


def body_length(headers: Message, limit: int) -> int:
    """Bytes that a request brings.

    Raises:
        Refused: it does not say how many, or too many.
    """
    told = headers.get_all("Content-Length") or []
    known = len(told) == 1 and told[0].isascii() and told[0].isdecimal() and len(told[0]) < 16
    if not known or "Transfer-Encoding" in headers:
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "the request does not say how long it is")
    if int(told[0]) > limit:
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {limit:,} bytes")
    return int(told[0])
