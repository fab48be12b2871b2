"""Servers that take or took submissions, and what is known of them."""

from __future__ import annotations

from vostool.datasets.spec import Server

_CLOSED = (
    "CodaLab takes no submissions since 2026-01-20 (codalab-competitions issues 3624 and 3643)"
)


def dead_codalab(number: str, title: str) -> Server:
    """A competition that was on CodaLab and has no known successor."""
    return Server(
        name=f"CodaLab {number}, {title}",
        alive=False,
        known="2026-11",
        source=f"{_CLOSED}; no successor was found, which is not verified",
    )


MOSE_V1 = Server(
    name="MOSEv1 on CodaLab 10703",
    alive=False,
    known="2026-11",
    source=f"{_CLOSED}; a copy, 'MOSEv1 (Legacy Dataset)', took submissions on Codabench on "
    "2026-02-04 (codabench issue 2168), its address is not verified; the maintainer points to "
    "MOSEv2 (MOSE-api issue 18)",
)

MOSE_V2 = Server(
    name="MOSEv2 on Codabench, codabench.org/competitions/10062",
    alive=True,
    known="2026-04-20",
    source="MOSE-api issue 26: submissions were being scored on that day",
)
