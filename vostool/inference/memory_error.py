"""Memory that does not suffice for a video: one sentence, and room for the videos after it."""

from __future__ import annotations

import gc
from collections.abc import Generator
from contextlib import closing

import torch

from vostool.core.errors import VostoolError, is_out_of_memory
from vostool.inference.engine import FrameResult

REMEDY = (
    "pass --objects-at-once 1 (--resume keeps what is finished), or into another folder a smaller "
    "--short-side, a --max-memory or fewer views (--tta); --plan tells what is needed"
)


def within_memory(
    results: Generator[FrameResult, None, None], where: str
) -> Generator[FrameResult, None, None]:
    """Results of a run, which end with a sentence where memory runs out.

    Args:
        where: video and objects, for the sentence.

    Raises:
        VostoolError: there is not enough memory, on the processor or on a GPU.
    """
    try:
        with closing(results):
            yield from results
        return
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    # Outside of the handler, because the error's traceback holds all that was in memory.
    _let_go()
    raise VostoolError("not enough memory", where=where, remedy=REMEDY)


def _let_go() -> None:
    gc.collect()
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
