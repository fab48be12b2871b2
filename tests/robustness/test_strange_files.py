"""Files from elsewhere: what they claim to be is not what they are, or they are no files at all."""

from __future__ import annotations

import ast
import bz2
import json
import lzma
import os
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import vostool
from vostool.core.errors import DataError, VostoolError
from vostool.core.reading import MAX_DEPTH, parse_json, read_text
from vostool.core.toml import read_toml
from vostool.core.types import ObjectIds
from vostool.datasets import youtube_vos
from vostool.datasets.davis import names_in_list
from vostool.datasets.layout import safe_name
from vostool.downloads.extraction import BadArchive, extract
from vostool.media.images import FORMATS, IMAGE_SUFFIXES, image_size, open_image, read_image
from vostool.media.masks import read_mask, write_mask
from vostool.predictions.folder import PredictionFolder, PredictionWriter
from vostool.predictions.manifest import read_manifest
from vostool.stages.data.check_data import check_stills

EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 8 8
%%EndComments
(code-was-run) (w) file closefile
showpage
"""


def names_of_readers() -> dict[str, Any]:
    return {"image": read_image, "size": image_size, "mask": read_mask}


@pytest.mark.parametrize("reader", names_of_readers())
def test_postscript_is_never_started(tmp_path: Path, monkeypatch, reader: str) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "00000.png"
    path.write_bytes(EPS)
    started = []
    monkeypatch.setattr("subprocess.Popen", lambda *call, **_: started.append(call))
    monkeypatch.setattr("subprocess.check_call", lambda *call, **_: started.append(call))
    with pytest.raises(DataError, match=r"none of JPEG, PNG.*00000\.png"):
        names_of_readers()[reader](path)
    assert started == []
    assert not (tmp_path / "code-was-run").exists()


def test_all_formats_that_the_suffixes_mean_are_read_and_no_other(tmp_path: Path) -> None:
    picture = Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3))
    for suffix in IMAGE_SUFFIXES:
        picture.save(tmp_path / f"a{suffix}")
        assert read_image(tmp_path / f"a{suffix}").shape == (8, 8, 3)
        with open_image(tmp_path / f"a{suffix}") as image:
            assert image.format in FORMATS
    for kind in ("GIF", "PCX", "TGA", "JPEG2000", "ICO"):
        picture.save(tmp_path / "other.png", kind)
        with pytest.raises(DataError, match="none of JPEG, PNG"):
            read_image(tmp_path / "other.png")


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    """A named pipe that nobody writes to: opening it the usual way waits for ever."""
    path = tmp_path / "pipe.png"
    os.mkfifo(path)
    return path


@pytest.mark.parametrize(
    "read",
    [read_image, image_size, read_mask, read_text, read_toml, names_in_list],
    ids=lambda read: read.__name__,
)
def test_a_pipe_is_refused_at_once(pipe: Path, read) -> None:
    with pytest.raises(DataError, match=r"not a regular file.*pipe\.png"):
        read(pipe)


def test_a_pipe_in_place_of_a_frame_is_a_finding(pipe: Path) -> None:
    Image.new("RGB", (8, 8)).save(pipe.with_name("pipe.jpg"))
    report = check_stills("image-folder", pipe.parent)
    assert len(report.problems) == 1
    assert "not a regular file" in report.problems[0]


def test_a_pipe_in_place_of_probabilities(tmp_path: Path) -> None:
    writer = PredictionWriter(tmp_path)
    writer.write_mask("v", "0", np.zeros((4, 4), np.uint8))
    path = writer.probabilities_path("v", "0")
    path.parent.mkdir(parents=True)
    os.mkfifo(path)
    with pytest.raises(DataError, match="not a regular file"):
        PredictionFolder(tmp_path).probabilities("v", "0")


def damaged(path: Path, data: bytes, method: int, name: str = "set/a.bin") -> Path:
    """A zip archive with one member, packed by a method, whose packed bytes are spoilt."""
    with zipfile.ZipFile(path, "w", method) as handle:
        handle.writestr(name, data)
        start = handle.getinfo(name).header_offset + 30 + len(name)
    content = bytearray(path.read_bytes())
    for place in range(start + 9, start + 60):
        content[place] ^= 0xA5
    path.write_bytes(bytes(content))
    return path


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2, zipfile.ZIP_DEFLATED])
def test_faults_of_every_packing_are_a_sentence(tmp_path: Path, method: int) -> None:
    archive = damaged(tmp_path / "a.zip", os.urandom(5000), method)
    with pytest.raises(BadArchive, match=r"the archive is damaged .*a\.zip"):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("packed", [lzma.compress, bz2.compress])
def test_faults_of_packed_tar_files_are_a_sentence(tmp_path: Path, packed) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as handle:
        (tmp_path / "a.bin").write_bytes(os.urandom(300_000))
        handle.add(tmp_path / "a.bin", "set/a.bin")
    data = bytearray(packed((tmp_path / "a.tar").read_bytes()))
    data[len(data) // 2 : len(data) // 2 + 50] = bytes(50)
    (tmp_path / "a").write_bytes(bytes(data))
    with pytest.raises(BadArchive, match=r"archive"):
        extract(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_damaged_probabilities_are_a_sentence(tmp_path: Path, method: int) -> None:
    writer = PredictionWriter(tmp_path)
    writer.write_mask("v", "0", np.zeros((4, 4), np.uint8))
    writer.write_probabilities("v", "0", np.zeros((2, 4, 4), np.uint8), ObjectIds((1,)))
    path = writer.probabilities_path("v", "0")
    damaged(path, os.urandom(500), method, "ids.npy")
    with pytest.raises(DataError, match=r"probabilities cannot be read.*0\.npz"):
        PredictionFolder(tmp_path).probabilities("v", "0")


DEEP = '{"videos": ' + "[" * 1000 + "]" * 1000 + "}"
BEYOND = '{"videos": {"a": {"frames": ' + "9" * 30 + "}}}"
ENDLESS = '{"videos": ' + "9" * 5000 + "}"
DOCUMENTS = ["[1]", '"text"', "7", "null", "{", "\ufeff[", DEEP, BEYOND, ENDLESS, "[" * 10**5]


@pytest.mark.parametrize("text", DOCUMENTS, ids=range(len(DOCUMENTS)))
def test_run_json_of_any_kind_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=r"run\.json.*delete this file") as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["command", "dataset", "split", "settings", "checkpoints"])
def test_wrong_types_inside_run_json(tmp_path: Path, key: str) -> None:
    (tmp_path / "run.json").write_text(json.dumps({key: 7}))
    with pytest.raises(DataError, match=rf"{key}: input should be a valid .*run\.json"):
        read_manifest(tmp_path)


META = [
    {"videos": {"v": {"objects": {"9" * 5000: {"frames": ["0"]}}}}},
    {"videos": {"v": {"objects": {"1": {"frames": [[0]]}}}}},
    {"videos": {"v": {"objects": {"1": "frames"}}}},
    {"videos": {"v" * 300: {"objects": {}}}},
    {"videos": {"\ud800": {"objects": {}}}},
    {"videos": {"..": {"objects": {}}}},
]


@pytest.mark.parametrize("text", [*DOCUMENTS, *map(json.dumps, META)], ids=str.__len__)
def test_meta_json_of_any_kind_is_a_sentence(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "train"
    for kind in ("JPEGImages", "Annotations"):
        (folder / kind / "v").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(folder / "JPEGImages" / "v" / "0.jpg")
    write_mask(folder / "Annotations" / "v" / "0.png", np.ones((8, 8), np.uint8))
    (folder / "meta.json").write_text(text)
    with pytest.raises(VostoolError) as caught:
        youtube_vos.load(tmp_path, "train")
    str(caught.value).encode("ascii", "strict")
    assert "\n" not in str(caught.value)


def test_bounds_of_documents() -> None:
    nested: Any = 1
    for _ in range(MAX_DEPTH):
        nested = [nested]
    assert parse_json(json.dumps(nested), "x") == nested
    with pytest.raises(DataError, match="nested more than 64 levels"):
        parse_json(json.dumps([nested]), "x")
    assert parse_json(f"[{2**63 - 1}, {-(2**63) + 1}, 1e30]", "x")[0] == 2**63 - 1
    with pytest.raises(DataError, match=r"a\.1: a whole number beyond 64 bits \(x\)"):
        parse_json(f'{{"a": [0, {2**63}]}}', "x")


def test_text_says_in_which_line_it_is_none(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo\n\xff\n")
    with pytest.raises(DataError, match=r"not UTF-8 text, line 3 \(.*a\.txt\)"):
        read_text(tmp_path / "a.txt")
    with pytest.raises(DataError, match="larger than 4 bytes"):
        read_text(tmp_path / "a.txt", limit=4)


@pytest.mark.parametrize("text", ["a = " + "[" * 2000 + "]" * 2000, "a = " + "9" * 30, "a = "])
def test_toml_of_any_kind_is_a_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(DataError, match=r"a\.toml"):
        read_toml(tmp_path / "a.toml")


def test_names_that_no_file_system_takes() -> None:
    for name in ("\ud800", "x" * 256, "ä" * 128):
        with pytest.raises(DataError, match="cannot be the name of a video"):
            safe_name(name, Path("meta.json"))
    assert safe_name("ä" * 127, Path("meta.json")) == "ä" * 127


VISOR = "submission/formats/visor_json.py"
PARSERS = ("json.loads", "json.load", "tomllib.loads", "tomllib.load")


def test_documents_are_parsed_in_one_place_only() -> None:
    """Where bounds are kept; results of a server's archive have bounds of their own."""
    package = Path(vostool.__file__).parent
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in PARSERS
    }
    assert found <= {"core/reading.py", "core/toml.py", "core/options.py", VISOR}


def test_images_are_opened_with_a_list_of_formats_only() -> None:
    package = Path(vostool.__file__).parent
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Image.open":
                assert "formats" in {keyword.arg for keyword in node.keywords}, path
