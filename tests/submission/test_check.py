"""Each corruption of a right archive is found and said in one sentence that names the file."""

from __future__ import annotations

import contextlib
import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from vostool.core.errors import DataError, UsageError
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.media.masks import encode_mask
from vostool.stages.submit.check_submission import check_submission
from vostool.stages.submit.package_submission import package_submission
from vostool.submission.expected import expected_archive
from vostool.submission.mask_file import MaskProblem, check_mask

Files = dict[str, bytes]
PALETTE_PNG_OF_1_BY_1 = encode_mask(np.zeros((1, 1), np.uint8))


def png(pixels: np.ndarray, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form)
    return buffer.getvalue()


def right_files(case, folder: Path) -> Files:
    """Content of a right archive by name."""
    package_submission(case.predictions, case.selection, Output(folder / "right.zip"))
    with zipfile.ZipFile(folder / "right.zip") as handle:
        return {name: handle.read(name) for name in handle.namelist()}


def write(path: Path, files: Files) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as handle:
        for name, data in files.items():
            handle.writestr(name, data)
    return path


def problems(case, archive: Path) -> list[str]:
    return list(check_submission(archive, case.selection).problems)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def claim_size(data: bytes, height: int, width: int) -> bytes:
    """Let a PNG's header claim another size."""
    header = struct.pack(">II", width, height) + data[24:29]
    return data[:8] + chunk(b"IHDR", header) + data[33:]


def test_a_right_archive_of_any_tool_passes(case, tmp_path):
    files = right_files(case, tmp_path)
    assert problems(case, tmp_path / "right.zip") == []
    assert problems(case, write(tmp_path / "other.zip", dict(reversed(files.items())))) == []
    folders = {f"{name.rsplit('/', 1)[0]}/": b"" for name in files}
    assert problems(case, write(tmp_path / "folders.zip", folders | files)) == []


def without(files: Files, *gone: str) -> Files:
    return {name: data for name, data in files.items() if name not in gone}


Corrupt = Callable[[Files, str], Files]
CORRUPTIONS: list[tuple[str, Corrupt, str]] = [
    ("missing frame", lambda f, n: without(f, n), "{name}: this frame is missing"),
    (
        "missing video",
        lambda f, n: without(f, *(x for x in f if x.startswith(n.rpartition("/")[0] + "/"))),
        "{folder}/: this video is missing with all its 3 frames",
    ),
    (
        "extra frame",
        lambda f, n: f | {f"{n[:-4]}9.png": f[n]},
        "{stem}9.png: is an extra file, and video {video} has no such frame; ",
    ),
    (
        "extra video",
        lambda f, n: f | {"x/".join(n.rsplit("/", 1)): f[n]},
        "{folder}x/{file}: is an extra file, and {title} has no video there; ",
    ),
    (
        "mac folder",
        lambda f, n: f | {"__MACOSX/._a.png": b""},
        "__MACOSX/._a.png: is an extra file that a file manager put there; ",
    ),
    (
        "DS_Store",
        lambda f, n: f | {f"{n.rpartition('/')[0]}/.DS_Store": b""},
        "{folder}/.DS_Store: is an extra file that a file manager put there; ",
    ),
    ("read-me", lambda f, n: f | {"notes.txt": b"hi"}, "notes.txt: is an extra file, and {title} "),
    (
        "wrong size",
        lambda f, n: f | {n: encode_mask(np.zeros((20, 12), np.uint8))},
        "{name}: is 20 x 12 pixels, but 12 x 20 (height x width) is wanted",
    ),
    (
        "RGB",
        lambda f, n: f | {n: png(np.zeros((12, 20, 3), np.uint8))},
        "{name}: is not palette-indexed but RGB; pixel values must be object ids",
    ),
    (
        "grey",
        lambda f, n: f | {n: png(np.zeros((12, 20), np.uint8))},
        "{name}: is not palette-indexed but grey; pixel values must be object ids",
    ),
    (
        "unknown id",
        lambda f, n: f | {n: encode_mask(np.full((12, 20), 4, np.uint8))},
        "{name}: has the object id 4, which video {video} does not have (its ids: ",
    ),
    (
        "void",
        lambda f, n: f | {n: encode_mask(np.full((12, 20), 255, np.uint8))},
        "; 255 means void in ground truth, not an object",
    ),
    (
        "JPEG",
        lambda f, n: f | {n: png(np.zeros((12, 20, 3), np.uint8), "JPEG")},
        "{name}: is not a PNG but a JPEG",
    ),
    ("empty file", lambda f, n: f | {n: b""}, "{name}: is not a PNG but an empty file"),
    ("truncated PNG", lambda f, n: f | {n: f[n][:-20]}, "{name}: is a damaged PNG ("),
    (
        "PNG without pixels",
        lambda f, n: f | {n: f[n][:33] + chunk(b"IEND", b"")},
        "{name}: is a damaged PNG (",
    ),
    (
        "size that is a lie",
        lambda f, n: f | {n: claim_size(PALETTE_PNG_OF_1_BY_1, 12, 20)},
        "{name}: is a damaged PNG (",
    ),
    (
        "huge picture",
        lambda f, n: f | {n: claim_size(f[n], 60_000, 60_000)},
        "{name}: is 60000 x 60000 pixels, but 12 x 20 (height x width) is wanted",
    ),
    (
        "bomb",
        lambda f, n: f | {n: f[n] + bytes(30_000_000)},
        "{name}: expands to more bytes than any mask of ",
    ),
    (
        "absolute name",
        lambda f, n: f | {f"/{n}": f[n]},
        "/{name}: has a name that leaves the archive's folder or is absolute; ",
    ),
    (
        "name that climbs",
        lambda f, n: f | {f"../{n}": f[n]},
        "../{name}: has a name that leaves the archive's folder or is absolute; ",
    ),
    ("empty folder", lambda f, n: f | {"a/": b""}, "a/: is an extra folder; "),
]


@pytest.mark.parametrize(
    ("corrupt", "sentence"), [item[1:] for item in CORRUPTIONS], ids=[i[0] for i in CORRUPTIONS]
)
def test_corruptions(case, tmp_path, corrupt, sentence):
    files = right_files(case, tmp_path)
    name = sorted(files)[-1]
    found = problems(case, write(tmp_path / "bad.zip", corrupt(files, name)))
    folder, _, file = name.rpartition("/")
    words = {
        "name": name,
        "folder": folder,
        "file": file,
        "stem": name[:-4],
        "video": folder.removeprefix(case.prefix),
        "title": f"{case.dataset} {case.split}",
    }
    wanted = sentence.format(**words)
    # A video less leaves DAVIS with one top-level entry, which is a problem of its own.
    assert [problem for problem in found if "only top-level entry" not in problem] == [
        next((problem for problem in found if wanted in problem), wanted)
    ]
    assert sum("only top-level entry" in problem for problem in found) == (
        case.dataset == "davis2017" and "this video is missing" in sentence
    )


@pytest.mark.parametrize(
    ("layout", "found"),
    [
        ("Annotations/480p/", "Annotations/480p/VIDEO/FRAME.png"),
        ("my preds/", "my preds/VIDEO/FRAME.png"),
        ("", "VIDEO/FRAME.png (at the root of the archive)"),
        ("Annotations/", "Annotations/VIDEO/FRAME.png"),
    ],
)
def test_wrong_nesting_names_what_was_found_and_what_is_wanted(case, tmp_path, layout, found):
    files = right_files(case, tmp_path)
    moved = {layout + name.removeprefix(case.prefix): data for name, data in files.items()}
    problem = "".join(problems(case, write(tmp_path / "bad.zip", moved)))
    wanted = f"{case.prefix}VIDEO/FRAME.png"
    sentence = f"wrong nesting: 6 masks are at {found}, but the server wants {wanted}"
    assert problem.startswith(sentence) == (layout != case.prefix)


def test_other_problems_are_found_in_a_wrongly_nested_archive_too(davis, tmp_path):
    files = right_files(davis, tmp_path)
    moved = {f"Annotations/480p/{name}": data for name, data in files.items()}
    del moved["Annotations/480p/clip-0/00001.png"]
    found = problems(davis, write(tmp_path / "bad.zip", moved))
    assert len(found) == 2
    assert found[1] == "Annotations/480p/clip-0/00001.png: this frame is missing"


def test_an_object_before_its_first_frame(youtube_vos, tmp_path):
    files = right_files(youtube_vos, tmp_path)
    early, later = (f"Annotations/003234408d/{frame}.png" for frame in ("00000", "00005"))
    found = problems(youtube_vos, write(tmp_path / "bad.zip", files | {early: files[later]}))
    assert found == [
        f"{early}: has 9 pixels of object 5, which first appears in frame 00005",
    ]


def test_a_frame_that_exists_but_is_not_to_be_submitted(youtube_vos, tmp_path):
    files = right_files(youtube_vos, tmp_path)
    extra = "Annotations/003234408d/00015.png"
    (problem,) = problems(
        youtube_vos, write(tmp_path / "bad.zip", files | {extra: next(iter(files.values()))})
    )
    assert problem.startswith(
        f"{extra}: is an extra frame, which is in the video but not among the 3 to submit"
    )


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(case, tmp_path):
    files = right_files(case, tmp_path)
    name = next(iter(files))
    write(tmp_path / "bad.zip", files)
    with zipfile.ZipFile(tmp_path / "bad.zip", "a") as handle:
        handle.writestr(name, b"other")
    (problem,) = problems(case, tmp_path / "bad.zip")
    assert problem.startswith(f"{name}: is in the archive twice")


def test_a_lone_top_level_entry(lone_davis, tmp_path):
    files = {f"clip-0/{path.name}": path.read_bytes() for path in masks_of(lone_davis)}
    (problem,) = problems(lone_davis, write(tmp_path / "bad.zip", files))
    assert problem.startswith("clip-0/: is the only top-level entry of the archive")


def masks_of(case) -> list[Path]:
    return sorted(case.predictions.rglob("*.png"))


def test_a_symbolic_link(case, tmp_path):
    files = right_files(case, tmp_path)
    name, data = files.popitem()
    write(tmp_path / "bad.zip", files)
    with zipfile.ZipFile(tmp_path / "bad.zip", "a") as handle:
        entry = zipfile.ZipInfo(name)
        entry.create_system, entry.external_attr = 3, 0o120777 << 16
        handle.writestr(entry, data)
    found = problems(case, tmp_path / "bad.zip")
    assert found[0].startswith(f"{name}: is a symbolic link")


def test_an_encrypted_entry(case, tmp_path):
    right_files(case, tmp_path)
    data = bytearray((tmp_path / "right.zip").read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "bad.zip").write_bytes(data)
    (problem,) = problems(case, tmp_path / "bad.zip")
    assert problem.startswith(f"{min(case.names)}: is encrypted")


def test_a_flipped_byte_is_found_by_the_checksum(case, tmp_path):
    right_files(case, tmp_path)
    data = bytearray((tmp_path / "right.zip").read_bytes())
    name = min(case.names)
    palette = data.index(b"PLTE")
    data[palette + 10] ^= 1
    (tmp_path / "bad.zip").write_bytes(data)
    (problem,) = problems(case, tmp_path / "bad.zip")
    assert problem.startswith(f"{name}: is damaged inside the archive (Bad CRC-32")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda data: data[: len(data) // 2], "bad.zip: is a zip archive that is cut off"),
        (lambda data: data[:-10], "bad.zip: is a zip archive that is cut off"),
        (lambda data: b"Rar!" + data[:50], "bad.zip: is not a zip archive"),
        (lambda data: b"", "bad.zip: is empty"),
    ],
)
def test_what_is_no_zip_or_no_longer_one(case, tmp_path, spoil, sentence):
    right_files(case, tmp_path)
    (tmp_path / "bad.zip").write_bytes(spoil((tmp_path / "right.zip").read_bytes()))
    (problem,) = problems(case, tmp_path / "bad.zip")
    assert problem.startswith(sentence)


def test_absurdly_many_entries(case, tmp_path):
    files = right_files(case, tmp_path) | {f"x{index}": b"" for index in range(1100)}
    (problem,) = problems(case, write(tmp_path / "bad.zip", files))
    assert problem.startswith("the archive: has 1106 entries instead of 6")


def test_many_problems_are_counted_not_listed(case, tmp_path):
    files = right_files(case, tmp_path) | {f"x{index}/y": b"" for index in range(60)}
    found = problems(case, write(tmp_path / "bad.zip", files))
    assert len(found) == 51
    assert found[-1] == "... and 10 more problems"


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4))
def test_no_damage_ends_in_anything_but_a_report(davis, tmp_path, changes):
    """Whatever bytes are wrong, the answer is a list of problems, never an exception."""
    if not (tmp_path / "right.zip").exists():
        right_files(davis, tmp_path)
    data = bytearray((tmp_path / "right.zip").read_bytes())
    for place, flip in changes:
        data[int(place * (len(data) - 1))] ^= flip
    (tmp_path / "bad.zip").write_bytes(data)
    assert all(": " in problem for problem in problems(davis, tmp_path / "bad.zip"))


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), min_size=1, max_size=4),
    repaired=st.booleans(),
)
def test_no_damaged_mask_ends_in_anything_but_a_problem(davis, changes, repaired):
    """Also with chunk checksums made right again, so that decoders meet the damage itself."""
    video = _expect(davis)
    data = bytearray(encode_mask(np.zeros(video.size, np.uint8)))
    for place, flip in changes:
        data[int(place * (len(data) - 1))] ^= flip
    with contextlib.suppress(MaskProblem):
        check_mask(with_right_checksums(data) if repaired else bytes(data), video, "00000")


def with_right_checksums(data: bytearray) -> bytes:
    position = 8
    while position + 12 <= len(data):
        (length,) = struct.unpack(">I", data[position : position + 4])
        end = position + 8 + length
        if end + 4 > len(data):
            break
        data[end : end + 4] = struct.pack(">I", zlib.crc32(data[position + 4 : end]))
        position = end + 4
    return bytes(data)


def _expect(case):
    return next(iter(expected_archive(case.selection).videos.values()))


def test_no_such_archive(case, tmp_path):
    with pytest.raises(DataError, match="there is no such archive"):
        problems(case, tmp_path / "none.zip")


def test_a_split_without_a_server(davis, tmp_path):
    with pytest.raises(UsageError, match="no server takes submissions for davis2016 split 'val'"):
        check_submission(tmp_path / "a.zip", Selection("davis2016", davis.root, "val"))
