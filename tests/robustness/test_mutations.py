"""Every reader, given damaged files, answers with a value or one clear sentence: nothing raw.

`VOSTOOL_MUTATIONS=1000 pytest -m slow tests/robustness/test_mutations.py` damages each file a
thousand times.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from readers import READERS, Reader

from vostool.core.errors import VostoolError

FEW, MANY = 12, int(os.environ.get("VOSTOOL_MUTATIONS", "120"))


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Flipped bits, a cut, a repeated or inserted piece, or another number or text."""
    out = bytearray(data)
    place = int(rng.integers(len(out)))
    match int(rng.integers(5)):
        case 0:
            for position in rng.integers(len(out), size=int(rng.integers(1, 4))):
                out[position] ^= 1 << int(rng.integers(8))
        case 1:
            del out[place:]
        case 2:
            out[place:place] = out[place // 2 : place]
        case 3:
            out[place : place + 4] = rng.bytes(4)
        case _:
            strange = [b"null", b"-1", b"1e999", b"9" * 40, b"[[", b'"x"', b"NaN", b"\xff", b"{}"]
            out[place : place + int(rng.integers(3))] = strange[int(rng.integers(len(strange)))]
    return bytes(out)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.slow)])
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
def test_nothing_raw(tmp_path: Path, reader: Callable[[Path], Reader], count: int) -> None:
    path, read = reader(tmp_path)
    read()
    whole, rng, raw = path.read_bytes(), np.random.default_rng(count), []
    for _ in range(count):
        path.write_bytes(mutated(whole, rng))
        try:
            read()
        except VostoolError as error:
            if "\n" in str(error):
                raw.append(f"two lines: {error}")
        except Exception as error:
            raw.append(f"{type(error).__name__}: {error}")
    assert raw == []
