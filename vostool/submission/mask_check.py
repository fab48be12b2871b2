"""Checking a finished archive of masks for everything that a server would reject.

Nothing is extracted: masks are read one by one into memory, up to a bound that follows from the
size that they should have.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath

from vostool.core.console import progress
from vostool.core.threads import ordered_map
from vostool.submission.expected import Expectation, ExpectedVideo
from vostool.submission.mask_file import (
    HEADER_BYTES,
    MaskProblem,
    check_header,
    check_mask,
    largest_file,
)
from vostool.submission.problems import Problems

JUNK = frozenset({"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"})
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RuntimeError,
)
"""What Python's zip reader raises on damaged or hostile archives."""
ACCEPTED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""Ways of packing. Python unpacks the others without a bound, whatever number of bytes it is asked
for, and servers need not know them."""
MOST_ENTRIES_PER_MASK = 4
REPACK = "make the archive with vostool package-submission"


def check_mask_archive(archive: Path, expected: Expectation, problems: Problems) -> None:
    """Hold a zip archive of masks against what the server expects; problems are added."""
    with opened(archive, problems) as handle:
        if handle is not None:
            _check(handle, expected, problems)


@contextmanager
def opened(archive: Path, problems: Problems) -> Iterator[zipfile.ZipFile | None]:
    """The archive, or None after noting why it is no zip archive."""
    try:
        handle = zipfile.ZipFile(archive)
    except UNREADABLE:
        problems.add(archive.name, _why_not_zip(archive))
        yield None
        return
    with handle:
        yield handle


def _why_not_zip(archive: Path) -> str:
    with open(archive, "rb") as file:
        start = file.read(4)
    if not start:
        return f"is empty; {REPACK}"
    if start == b"PK\x03\x04":
        return "is a zip archive that is cut off or damaged at its end; copy or make it again"
    return f"is not a zip archive; {REPACK}"


def _check(handle: zipfile.ZipFile, expected: Expectation, problems: Problems) -> None:
    count = len(handle.infolist())
    if count > MOST_ENTRIES_PER_MASK * expected.frame_count + 1000:
        problems.add(
            "the archive", f"has {count} entries instead of {expected.frame_count}; {REPACK}"
        )
        return
    entries = usable_entries(handle, problems)
    found_prefix = _check_nesting(entries, expected, problems)
    if found_prefix == expected.profile.prefix:
        _check_top_level(handle, expected, problems)
    masks = _match(entries, expected, found_prefix, problems)
    judge = partial(_judge, handle)
    with progress("checking", len(masks), "frames") as bar:
        for name, problem in ordered_map(judge, masks):
            bar.advance()
            if problem:
                problems.add(name, problem)


def usable_entries(handle: zipfile.ZipFile, problems: Problems) -> dict[str, zipfile.ZipInfo]:
    """Entries by name, without those whose very name or kind is a problem."""
    entries: dict[str, zipfile.ZipInfo] = {}
    twice = set()
    for item in handle.infolist():
        parts = PurePosixPath(item.filename).parts
        if item.filename.startswith("/") or ".." in parts or "\\" in item.filename:
            problems.add(
                item.filename,
                f"has a name that leaves the archive's folder or is absolute; {REPACK}",
            )
        elif stat.S_IFMT(item.external_attr >> 16) == stat.S_IFLNK:
            problems.add(item.filename, f"is a symbolic link, not a file; {REPACK}")
        elif item.compress_type not in ACCEPTED:
            problems.add(item.filename, f"is neither stored nor deflated; {REPACK}")
        elif JUNK & set(parts):
            problems.add(item.filename, f"is an extra file that a file manager put there; {REPACK}")
        elif item.filename in entries:
            if item.filename not in twice:
                problems.add(item.filename, f"is in the archive twice; {REPACK}")
            twice.add(item.filename)
        else:
            entries[item.filename] = item
    return entries


def _check_nesting(names: Iterable[str], expected: Expectation, problems: Problems) -> str:
    """The folder under which most masks of known videos lie; it is a problem if it is another."""
    prefixes: Counter[str] = Counter()
    for name in names:
        *above, video, file = name.split("/") if "/" in name else ("", "")
        if video in expected.videos and file.endswith(".png"):
            prefixes["".join(f"{part}/" for part in above)] += 1
    wanted = expected.profile.prefix
    if not prefixes or wanted in prefixes:
        return wanted
    found, count = prefixes.most_common(1)[0]
    problems.add(
        "wrong nesting",
        f"{count} masks are at {_shape(found)}, but the server wants {_shape(wanted)}; {REPACK}",
    )
    return found


def _shape(prefix: str) -> str:
    return f"{prefix}VIDEO/FRAME.png" + ("" if prefix else " (at the root of the archive)")


def _check_top_level(handle: zipfile.ZipFile, expected: Expectation, problems: Problems) -> None:
    if not expected.profile.reject_single_top_level:
        return
    top = {name.split("/")[0] for name in handle.namelist()}
    if len(top) == 1:
        problems.add(
            f"{top.pop()}/",
            "is the only top-level entry of the archive, and the server rejects archives with "
            "exactly one; submit all videos of the split",
        )


_Mask = tuple[zipfile.ZipInfo, ExpectedVideo, str]


def _match(
    entries: dict[str, zipfile.ZipInfo], expected: Expectation, prefix: str, problems: Problems
) -> list[_Mask]:
    """Pair entries with expected masks; what is missing or extra is a problem."""
    rest = dict(entries)
    masks: list[_Mask] = []
    for video in expected.videos.values():
        there = []
        for frame in video.frames:
            item = rest.pop(f"{prefix}{video.name}/{frame}.png", None)
            if item is not None:
                there.append((item, video, frame))
        masks += there
        _report_missing(video, {frame for *_, frame in there}, prefix, problems)
    folders = {
        str(parent) + "/" for item, *_ in masks for parent in PurePosixPath(item.filename).parents
    }
    _report_extra([name for name in rest if name not in folders], expected, prefix, problems)
    return masks


def _report_missing(video: ExpectedVideo, there: set[str], prefix: str, problems: Problems) -> None:
    missing = [frame for frame in video.frames if frame not in there]
    if missing and not there:
        problems.add(
            f"{prefix}{video.name}/", f"this video is missing with all its {len(missing)} frames"
        )
        return
    for frame in missing:
        problems.add(f"{prefix}{video.name}/{frame}.png", "this frame is missing")


def _report_extra(names: list[str], expected: Expectation, prefix: str, problems: Problems) -> None:
    """Group extras by folder, as whole folders of them are common."""
    folders: dict[str, list[str]] = {}
    for name in names:
        folder, _, file = name.rpartition("/")
        folders.setdefault(folder, []).append(file)
    for folder, files in folders.items():
        files = [file for file in files if file] or [""]
        first = f"{folder}/{files[0]}" if folder else files[0]
        more = f" (and {len(files) - 1} more beside it)" if len(files) > 1 else ""
        problems.add(first, f"is an extra {_kind(folder, files, expected, prefix)}{more}; {REPACK}")


def _kind(folder: str, files: list[str], expected: Expectation, prefix: str) -> str:
    video = expected.videos.get(folder.removeprefix(prefix))
    if files == [""]:
        return "folder"
    if video is None:
        return f"file, and {expected.title} has no video there"
    others = [file for file in files if file.removesuffix(".png") in video.other_frames]
    if others:
        return f"frame, which is in the video but not among the {len(video.frames)} to submit"
    return f"file, and video {video.name} has no such frame"


def _judge(handle: zipfile.ZipFile, mask: _Mask) -> tuple[str, str | None]:
    item, video, frame = mask
    if item.flag_bits & 0x1:
        return item.filename, f"is encrypted; {REPACK}"
    bound = largest_file(video.size)
    try:
        with handle.open(item) as source:
            data = source.read(HEADER_BYTES)
            check_header(data, video.size, palette=True)
            data += source.read(bound + 1 - len(data))
        check_mask(data, video, frame)
    except MaskProblem as problem:
        return item.filename, str(problem)
    except UNREADABLE as error:
        return item.filename, f"is damaged inside the archive ({error}); copy or make it again"
    return item.filename, None
