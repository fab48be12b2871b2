"""Safe extraction: good archives arrive whole, bad ones leave nothing behind."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vostool.core.errors import DataError
from vostool.downloads.extraction import BadArchive, Limits, extract

FILES = {"set/a.jpg": os.urandom(3000), "set/deep/b.png": b"", "set/deep/c.txt": b"three"}


def zip_file(path: Path, files: dict[str, bytes], edit=None) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as handle:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o644 << 16
            if edit:
                edit(info)
            handle.writestr(info, data, zipfile.ZIP_DEFLATED)
    return path


def tar_file(path: Path, files: dict[str, bytes], mode: str = "w", edit=None) -> Path:
    with tarfile.open(path, mode) as handle:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            if edit:
                edit(info)
            handle.addfile(info, io.BytesIO(data))
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_files_arrive_whole_and_a_second_time_changes_nothing(tmp_path, kind):
    if kind == "zip":
        archive = zip_file(tmp_path / "a", FILES | {"set/.DS_Store": b"x", "__MACOSX/y": b"y"})
    else:
        archive = tar_file(tmp_path / "a", FILES, "w:gz" if kind == "tgz" else "w")
    sizes = extract(archive, tmp_path / "out")
    assert contents(tmp_path / "out") == FILES
    assert sizes == {name: len(data) for name, data in FILES.items()}
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    extract(archive, tmp_path / "out")
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}


@pytest.mark.parametrize(
    "name",
    ["../evil", "set/../../evil", "/tmp/evil", "..", "a\\..\\evil", "C:/evil", "line\nbreak"],
)
@pytest.mark.parametrize("make", [zip_file, tar_file])
def test_names_that_leave_the_folder(tmp_path, name, make):
    archive = make(tmp_path / "a", {"set/good": b"good", name: b"evil"})
    with pytest.raises(BadArchive, match="would leave the folder, so nothing was extracted"):
        extract(archive, tmp_path / "deep" / "out")
    assert contents(tmp_path / "deep") == {}
    assert not (tmp_path / "evil").exists()


@given(parts=st.lists(st.sampled_from(["..", ".", "a", "", "b", "/"]), min_size=1, max_size=6))
def test_no_name_leaves_the_folder(tmp_path_factory, parts):
    base = tmp_path_factory.mktemp("escape")
    archive = tar_file(base / "a.tar", {"/".join(parts): b"data"})
    with contextlib.suppress(DataError):
        extract(archive, base / "in" / "out")
    assert [path.name for path in base.iterdir() if path.name not in ("in", "a.tar")] == []
    assert [path.name for path in (base / "in").iterdir()] == ["out"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_links_and_devices_in_tar(tmp_path, kind):
    def edit(info: tarfile.TarInfo) -> None:
        info.type, info.linkname, info.size = kind, "/etc/passwd", 0

    archive = tar_file(tmp_path / "a", {"set/link": b""}, edit=edit)
    with pytest.raises(BadArchive, match="'set/link' is a link or a device"):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_links_in_zip(tmp_path):
    def edit(info: zipfile.ZipInfo) -> None:
        info.external_attr = (stat.S_IFLNK | 0o777) << 16

    archive = zip_file(tmp_path / "a", {"set/link": b"/etc/passwd"}, edit)
    with pytest.raises(BadArchive, match="'set/link' is a link or a device"):
        extract(archive, tmp_path / "out")


def test_encrypted_member(tmp_path):
    archive = zip_file(tmp_path / "a", {"x": b"1"})
    data = bytearray(archive.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    with pytest.raises(BadArchive, match="'x' is encrypted"):
        extract(archive, tmp_path / "out")


@pytest.mark.parametrize("names", [("a", "a"), ("a", "./a"), ("a", "a/b")])
@pytest.mark.parametrize("make", [zip_file, tar_file])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_in_each_others_place(tmp_path, names, make):
    class Twice(dict):
        def items(self):
            return [(name, b"data") for name in names]

    with pytest.raises(BadArchive, match=r"is there twice|takes another member's place"):
        extract(make(tmp_path / "a", Twice()), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("kind", ["zip", "tgz"])
def test_expansion_is_bounded(tmp_path, kind):
    bomb = {"zeros": bytes(5_000_000)}
    make = zip_file if kind == "zip" else lambda path, files: tar_file(path, files, "w:gz")
    archive = make(tmp_path / "a", bomb)
    with pytest.raises(BadArchive, match="expands far beyond its size"):
        extract(archive, tmp_path / "out")
    with pytest.raises(BadArchive, match="expands far beyond its size"):
        extract(archive, tmp_path / "out", limits=Limits(ratio=1e9, total_bytes=4_999_999))
    assert list((tmp_path / "out").iterdir()) == []
    extract(archive, tmp_path / "out", limits=Limits(ratio=1e9))
    assert contents(tmp_path / "out") == bomb


def test_number_of_files_is_bounded(tmp_path):
    archive = zip_file(tmp_path / "a", FILES)
    with pytest.raises(BadArchive, match="more than 2 files"):
        extract(archive, tmp_path / "out", limits=Limits(files=2))


def test_existing_files_are_never_written_over(tmp_path):
    archive, out = zip_file(tmp_path / "a", FILES), tmp_path / "out"
    (out / "set").mkdir(parents=True)
    (out / "set" / "a.jpg").write_bytes(b"mine")
    with pytest.raises(DataError, match=r"already there with other content.*set/a\.jpg") as caught:
        extract(archive, out)
    assert not isinstance(caught.value, BadArchive)
    assert contents(out) == {"set/a.jpg": b"mine"}
    extract(archive, out, may_differ=["set/a.jpg"])
    assert contents(out) == FILES | {"set/a.jpg": b"mine"}


@pytest.mark.parametrize("kind", ["zip", "tgz", "tar"])
@pytest.mark.parametrize("keep", [0.3, 0.8])
def test_truncated_archives(tmp_path, kind, keep):
    if kind == "zip":
        archive = zip_file(tmp_path / "a", FILES)
    else:
        archive = tar_file(tmp_path / "a", FILES, "w:gz" if kind == "tgz" else "w")
    data = archive.read_bytes()
    archive.write_bytes(data[: int(keep * 3000)])
    with pytest.raises(BadArchive, match="download it again"):
        extract(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_flipped_byte_in_zip(tmp_path):
    archive = zip_file(tmp_path / "a", {"a": os.urandom(1000)})
    data = bytearray(archive.read_bytes())
    data[500] ^= 1
    archive.write_bytes(data)
    with pytest.raises(BadArchive, match="damaged"):
        extract(archive, tmp_path / "out")


def test_a_web_page_is_not_an_archive(tmp_path):
    (tmp_path / "a").write_text("<html>please log in</html>")
    with pytest.raises(BadArchive, match="neither a zip nor a tar archive"):
        extract(tmp_path / "a", tmp_path / "out")
