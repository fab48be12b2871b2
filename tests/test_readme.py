"""What README shows must work: its example network, and the commands it names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from vostool.core import registry
from vostool.inference.engine import Member, run_video
from vostool.inference.source import ArraySource
from vostool.inference.strategy import parse_strategy
from vostool.models import Segmenter

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def python_block(first_words: str) -> str:
    """The fenced Python block that begins so."""
    (block,) = [
        text
        for text in re.findall(r"```python\n(.*?)```", README, re.DOTALL)
        if text.startswith(first_words)
    ]
    return block


def test_the_example_network_runs_and_takes_up_late_objects() -> None:
    module: dict = {}
    exec(python_block("# their_package/copycat.py"), module)
    network = module["build"](module["Config"]()).eval()
    assert isinstance(network, Segmenter)
    first, late = np.zeros((32, 48), np.uint8), np.zeros((32, 48), np.uint8)
    first[4:12, 4:12], late[20:28, 20:40] = 3, 5
    source = ArraySource("v", [np.zeros((32, 48, 3), np.uint8)] * 4, {0: first, 2: late})
    strategy = parse_strategy("every:5")
    masks = [result.mask for result in run_video(source, [Member(network, (strategy,))])]
    assert np.array_equal(masks[1], first)
    assert np.array_equal(masks[3], np.maximum(first, late))


def test_every_command_is_named_and_exists() -> None:
    names = set(registry.names("vostool.cli")) - {"main", "options"}
    assert {name for name in names if f"`{name}`" not in README} == set()
    shells = "".join(re.findall(r"```\n(.*?)```", README, re.DOTALL))
    used = set(re.findall(r"^vostool ([a-z-]+)", shells, re.MULTILINE))
    assert {"infer", "train"} <= used
    assert used <= names


def test_the_python_example_names_real_functions() -> None:
    block = python_block("from pathlib import Path")
    imports = "\n".join(line for line in block.splitlines() if line.startswith("from "))
    exec(imports, {})
