"""Networks and wrappers of other packages, from the command line, with nothing of ours edited."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vostool.cli.main import main
from vostool.predictions.folder import PredictionFolder

sys.path.insert(0, str(Path(__file__).parents[1] / "inference"))  # the squares live there
sys.path.insert(0, str(Path(__file__).parents[1] / "stages"))  # a small DAVIS, too

from moving_squares import squares
from small_davis import write_davis

PAGE = (Path(__file__).parents[2] / "docs" / "new-network.md").read_text(encoding="utf-8")
TOY = '''"""Invert the order of ids, as many times as asked.

What a wrapper may do at all.
"""

from dataclasses import replace

from pydantic import Field

from vostool.core.options import Options as Base

NOT_INSIDE = {"crop-zoom": "it would mix up whom the windows follow"}


class Options(Base):
    """How often."""

    times: int = Field(1, ge=0, description="inversions")


class Toy:
    def __init__(self, inside, times):
        self.inside, self.times = inside, times
        self.members, self.options = inside.members, inside.options

    def __call__(self, source, request):
        request.report.add("toy", {"times": self.times})
        ids = [0, *source.ids.values]
        for result in self.inside(source, request):
            for _ in range(self.times):
                table = dict(zip(ids[1:], ids[:0:-1]))
                mask = result.mask.copy()
                for value, other in table.items():
                    mask[result.mask == value] = other
                result = replace(result, mask=mask)
            yield result

    def changed(self, **values):
        return Toy(self.inside.changed(**values), self.times)


def wrap(run, options, context):
    return Toy(run, options.times)
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A folder with the documents' network and a wrapper, installed as another package would be."""
    root = tmp_path_factory.mktemp("installed")
    (network,) = re.findall(r"```python mine/copycat.py\n(.*?)```", PAGE, re.DOTALL)
    (root / "their_package").mkdir()
    (root / "their_package" / "__init__.py").write_text("")
    (root / "their_package" / "copycat.py").write_text(network)
    (root / "their_package" / "toy.py").write_text(TOY)
    (root / "their_package" / "sized.py").write_text(
        network.replace('"""No choices."""', "side: int = 1\n    shape: tuple[int, ...] = ()")
    )
    (root / "their_package" / "broken.py").write_text("import no_such_module_at_all\n")
    (root / "their_package" / "half.py").write_text(
        "import torch\nfrom pydantic import BaseModel\n\n\nclass Config(BaseModel):\n"
        "    pass\n\n\ndef build(config):\n    return torch.nn.Identity()\n"
    )
    info = root / "their_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their_package\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[vostool.segmenters]\ncopycat = their_package.copycat\n\n"
        "[vostool.wrappers]\ntoy = their_package.toy\n"
    )
    return root


@pytest.fixture(scope="module")
def movie(tmp_path_factory) -> Path:
    """Four frames and a first mask."""
    import cv2

    from vostool.media.masks import write_mask

    root = tmp_path_factory.mktemp("movie")
    images, _, given = squares(4)
    for index, image in enumerate(images):
        cv2.imwrite(str(root / f"{index:05d}.jpg"), image[..., ::-1])
    write_mask(root / "00000.png", given[0])
    return root


def infer(package: Path, movie: Path, out: Path, *more: object) -> subprocess.CompletedProcess:
    """Run the command as a user would, with the package on the path."""
    paths = os.pathsep.join([str(package), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "vostool", "infer", "--dataset", "folder", "--root", movie,
               "--split", "all", "--out", out, *more]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run(
        [str(part) for part in command], env=environment, capture_output=True, text=True
    )


def masks(out: Path) -> list[np.ndarray]:
    folder = PredictionFolder(out)
    (video,) = folder.videos()
    return [folder.mask(video, frame) for frame in folder.frames(video)]


def test_readmes_network_runs_by_its_name_and_by_its_module(package, movie, tmp_path) -> None:
    first = squares(4)[2][0]
    for name in ("copycat", "their_package.copycat"):
        done = infer(package, movie, tmp_path / name, "--network", name)
        assert not done.returncode, done.stderr
        assert all(np.array_equal(mask, first) for mask in masks(tmp_path / name))
    manifest = json.loads((tmp_path / "copycat" / "run.json").read_text())
    assert manifest["settings"]["networks"] == [{"name": "copycat", "config": {}}]


def test_a_wrapper_of_another_package_needs_nothing_of_ours(package, movie, tmp_path) -> None:
    """Its switch, its values by --set, its place among the others, its report, its help."""
    first = squares(4)[2][0]
    low, high = sorted(set(np.unique(first).tolist()) - {0})
    swapped = np.where(first == low, high, np.where(first == high, low, 0))
    network = ("--network", "copycat")
    for name, more, expected in (
        ("switch", ["--toy"], swapped),
        ("value", ["--set", "toy.times=2"], first),
        ("none", [], first),
    ):
        done = infer(package, movie, tmp_path / name, *network, *more)
        assert not done.returncode, done.stderr
        assert np.array_equal(masks(tmp_path / name)[-1], expected), name
    manifest = json.loads((tmp_path / "value" / "run.json").read_text())
    assert manifest["settings"]["toy"] == {"times": 2}
    (entry,) = manifest["videos"].values()
    assert entry["wrappers"] == {"toy": [{"times": 2}]}
    assert "--toy" in infer(package, movie, tmp_path / "help", "--help").stdout
    wrong = infer(package, movie, tmp_path / "wrong", *network, "--set", "toy.tims=2")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "unknown key toy.tims (did you mean times?)" in wrong.stderr
    both = infer(package, movie, tmp_path / "both", *network, "--toy", "--crop-zoom")
    assert not both.returncode, both.stderr
    nested = ["--toy", "--crop-zoom", "--set", 'nesting=["crop-zoom", "toy"]']
    refused = infer(package, movie, tmp_path / "no", *network, *nested)
    assert refused.returncode == 2
    assert "toy cannot lie inside crop_zoom: it would mix up whom" in refused.stderr
    resumed = infer(package, movie, tmp_path / "value", *network, "--toy", "--resume")
    assert resumed.returncode == 2
    assert "toy.times was 2 and is 1" in resumed.stderr


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("copycta", "did you mean copycat?"),
        ("their_package.nothing", "cannot import their_package.nothing"),
        ("their_package.broken", "cannot import their_package.broken"),
        ("their_package.toy", "not a network's module: it has no Config"),
        ("their_package.half", "has no input_spec, start"),
        ("their_package.sized:sid=3", "unknown key sid: did you mean side?"),
        ("their_package.sized:side=x", "side: "),
        ("their_package.sized:side", "cannot read --network"),
        ("copycat:", "cannot read --network"),
    ],
)
def test_networks_that_are_none_are_one_sentence(
    package, movie, tmp_path, capsys, monkeypatch, name, words
) -> None:
    monkeypatch.syspath_prepend(str(package))
    arguments = ["--dataset", "folder", "--root", str(movie), "--split", "all"]
    with pytest.raises(SystemExit) as ended:
        main(["infer", *arguments, "--out", str(tmp_path / "out"), "--network", name])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_values_of_a_network_may_be_lists(package, movie, tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(str(package))
    name = "their_package.sized:shape=[1, 2],side=3"
    arguments = ["--dataset", "folder", "--root", str(movie), "--split", "all", "-q"]
    out = ["--out", str(tmp_path / "out")]
    with pytest.raises(SystemExit) as ended:
        main(["infer", *arguments, *out, "--network", name, "--network", "their_package.copycat"])
    assert not ended.value.code
    networks = json.loads((tmp_path / "out" / "run.json").read_text())["settings"]["networks"]
    assert networks[0]["config"] == {"side": 3, "shape": [1, 2]}
    assert [item["name"] for item in networks] == ["their_package.sized", "their_package.copycat"]


RECIPE = """
description = "a network without a training pass"
[model]
name = "copycat"
[data.videos]
video = "davis2016"
[clip]
crop = [32, 48]
[loop]
iterations = 1
batch = 1
"""


def test_training_a_network_without_a_forward_is_one_sentence(
    package, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.syspath_prepend(str(package))
    recipe = tmp_path / "copying.toml"
    recipe.write_text(RECIPE)
    root = write_davis(tmp_path / "davis")
    arguments = ["--data", f"videos={root}", "--out", str(tmp_path / "run"), "--device", "cpu"]
    with pytest.raises(SystemExit) as ended:
        main(["train", str(recipe), *arguments, "--workers", "0", "-q"])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error.startswith("error: copycat cannot be trained: the network has no training pass")
    assert error.count("\n") == 1
