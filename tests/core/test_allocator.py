import subprocess
import sys

import pytest

MEASURE = """
import resource, sys
from vostool.core.allocator import keep_freed_memory
if sys.argv[1] == "keep" and not keep_freed_memory():
    print(-1)
    raise SystemExit
import numpy as np
for _ in range(3):
    np.ones(8 << 20, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(8 << 20, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, how], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def test_a_freed_block_is_used_again_without_asking_the_system() -> None:
    kept = page_faults("keep")
    if kept < 0:
        pytest.skip("this C library has no mallopt")
    # 20 blocks of 8 MiB are 40,960 pages of 4 KiB (fewer where pages are huge).
    assert kept < 100
