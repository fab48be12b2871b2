"""From address to place; a second run does nothing."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile

import pytest

from vostool.core.errors import DataError
from vostool.downloads.catalogue import Archive
from vostool.downloads.fetching import FetchOptions
from vostool.downloads.install import WORK_FOLDER, install, missing_files

QUICK = FetchOptions(attempts=1, timeout_seconds=5, sleep=lambda _: None)


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as handle:
        for name, data in files.items():
            handle.writestr(name, data)
    return buffer.getvalue()


DATA = zipped({"set/a.jpg": os.urandom(5000), "set/README.md": b"one"})


def archive(url: str, data: bytes = DATA) -> Archive:
    digest = hashlib.sha256(data).hexdigest()
    return Archive("set.zip", (url,), folder="sub", size=len(data), sha256=digest)


def test_install_and_again(site, tmp_path):
    wanted = archive(site.add("/set.zip", DATA))
    assert missing_files(wanted, tmp_path) is None
    assert install(wanted, tmp_path, options=QUICK)
    assert (tmp_path / "sub" / "set" / "README.md").read_text() == "one"
    assert [path.name for path in (tmp_path / WORK_FOLDER).iterdir()] == ["set.zip.installed.json"]
    assert not install(wanted, tmp_path, options=QUICK)
    assert len(site.requests) == 1


@pytest.mark.parametrize("keep", [False, True])
def test_lost_files_are_restored(site, tmp_path, keep, caplog):
    wanted = archive(site.add("/set.zip", DATA))
    install(wanted, tmp_path, options=QUICK, keep_archive=keep)
    lost = tmp_path / "sub" / "set" / "a.jpg"
    lost.unlink()
    assert missing_files(wanted, tmp_path) == ["set/a.jpg"]
    assert install(wanted, tmp_path, options=QUICK, keep_archive=keep)
    assert lost.stat().st_size == 5000
    assert "1 files of set.zip are gone, such as set/a.jpg" in caplog.text
    assert len(site.requests) == (1 if keep else 2)


def test_a_conflict_keeps_archive_and_files(site, tmp_path):
    wanted = archive(site.add("/set.zip", DATA))
    mine = tmp_path / "sub" / "set" / "a.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"mine")
    with pytest.raises(DataError, match="already there"):
        install(wanted, tmp_path, options=QUICK)
    assert mine.read_bytes() == b"mine"
    mine.unlink()
    assert install(wanted, tmp_path, options=QUICK)
    assert len(site.requests) == 1, "the archive was kept"


def test_damage_that_only_extraction_finds_is_fetched_anew(site, tmp_path):
    """Without published figures, the first sign of damage is the archive's own checksum."""
    bad = bytearray(DATA)
    bad[2000] ^= 1
    wanted = Archive("set.zip", (site.add("/set.zip", bytes(bad)),))
    with pytest.raises(DataError, match="damaged"):
        install(wanted, tmp_path, options=QUICK)
    assert not (tmp_path / "set").exists()
    site.add("/set.zip", DATA)
    assert install(wanted, tmp_path, options=QUICK)


def test_a_spoilt_record_counts_as_none(site, tmp_path):
    wanted = archive(site.add("/set.zip", DATA))
    install(wanted, tmp_path, options=QUICK)
    (tmp_path / WORK_FOLDER / "set.zip.installed.json").write_text("[1, 2")
    assert missing_files(wanted, tmp_path) is None
    assert install(wanted, tmp_path, options=QUICK)


def test_a_single_file_goes_to_its_place_and_is_not_written_over(site, tmp_path):
    data = os.urandom(3000)
    digest = hashlib.sha256(data).hexdigest()
    url = site.add("/net.onnx", data)
    wanted = Archive("net.onnx", (url,), "models/net", len(data), digest, extracted=False)
    assert install(wanted, tmp_path, options=QUICK)
    target = tmp_path / "models" / "net" / "net.onnx"
    assert target.read_bytes() == data
    assert not install(wanted, tmp_path, options=QUICK)
    target.write_bytes(b"mine")
    with pytest.raises(DataError, match=r"another file is called net\.onnx already"):
        install(wanted, tmp_path, options=QUICK)
    assert target.read_bytes() == b"mine"
