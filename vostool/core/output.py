"""Where a command writes: refuses to mix new results with old ones, or with what it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vostool.core.errors import OutputError, UsageError
from vostool.core.files import explain_write_errors
from vostool.core.folder_lock import WHOLE, sole_owner, without_locks


@dataclass(frozen=True)
class Output:
    """A folder or a file to write, and what becomes of what is there.

    Attributes:
        path: folder or file.
        resume: keep what is finished, do the rest; None where that is not on offer.
        overwrite: replace the results of an earlier run.

    Raises:
        UsageError: both at once.
    """

    path: Path
    resume: bool | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        if self.resume and self.overwrite:
            raise UsageError(
                "an output cannot be resumed and overwritten",
                where=self.path,
                remedy="choose one of --resume and --overwrite",
            )

    def inside(self, *names: str) -> Output:
        """A part of this folder, to be treated in the same way."""
        return replace(self, path=self.path.joinpath(*names))

    def claim_folder(self, inputs: Iterable[Path] = ()) -> Path:
        """The folder, made if need be and ready to be written. Nothing is deleted here.

        Args:
            inputs: folders and files that are read.

        Raises:
            OutputError: the folder is not empty and neither option was given, or is a file.
            UsageError: it holds, is, or lies in one of the inputs.
        """
        folder = self.path
        refuse_overlap(folder, inputs)
        if folder.exists() and not folder.is_dir():
            raise OutputError(
                "the output folder is a file", where=folder, remedy="choose another name"
            )
        if (
            folder.is_dir()
            and without_locks(folder.iterdir())
            and not (self.resume or self.overwrite)
        ):
            raise OutputError(
                "the output folder is not empty",
                where=folder,
                remedy="choose another folder, or pass "
                + ("--overwrite" if self.resume is None else "--resume or --overwrite"),
            )
        with explain_write_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    @contextmanager
    def owned(self, inputs: Iterable[Path] = (), part: str = WHOLE) -> Iterator[None]:
        """Let no other process write into the folder inside the block.

        Args:
            inputs: folders and files that are read, in which nothing must be made.
            part: see `sole_owner`.

        Raises:
            OutputError: another process writes there.
            UsageError: the folder holds, is, or lies in one of the inputs.
        """
        refuse_overlap(self.path, inputs)
        with sole_owner(self.path, part):
            yield

    def claim_file(self, what: str, inputs: Iterable[Path] = ()) -> Path:
        """The file, which is written later, all or nothing.

        Args:
            what: what it is, such as "recipe", for the message.
            inputs: folders and files that are read.

        Raises:
            OutputError: it exists and neither option was given, or is a folder.
            UsageError: it would replace a file of the inputs.
        """
        refuse_replacing(self.path, inputs)
        if self.path.is_dir():
            raise OutputError(
                f"the {what} is a folder", where=self.path, remedy="choose another name"
            )
        if self.path.exists() and not (self.resume or self.overwrite):
            raise OutputError(
                f"the {what} exists",
                where=self.path,
                remedy="choose another name, or pass --overwrite to replace it",
            )
        return self.path


def refuse_replacing(file: Path, inputs: Iterable[Path]) -> None:
    """Refuse to write a file that exists and is, or lies in, something that is read.

    Raises:
        UsageError: it does.
    """
    if not file.exists():
        return
    for path in inputs:
        if file.resolve().is_relative_to(path.resolve()):
            raise UsageError(
                f"this would replace a file of what is read, {path}",
                where=file,
                remedy="choose another name or place",
            )


def refuse_overlap(output: Path, inputs: Iterable[Path]) -> None:
    """Refuse an output that holds, is, or lies in something that is read, links followed.

    Raises:
        UsageError: it does.
    """
    sources = {Path(path).resolve(): path for path in inputs}
    for place in (output, *_links(output)):
        for source, path in sources.items():
            how = _relation(place.resolve(), source)
            if how is not None:
                what = "output folder" if place is output else f"link {place} in the output folder"
                raise UsageError(
                    f"the {what} {how} what is read, {path}",
                    where=output,
                    remedy="choose another --out; what is read is never written over",
                )


def _relation(place: Path, source: Path) -> str | None:
    if place == source:
        return "is"
    if place.is_relative_to(source):
        return "lies in"
    return "holds" if source.is_relative_to(place) else None


def _links(folder: Path, depth: int = 3) -> Iterator[Path]:
    """Links to folders inside, as deep as predictions go (Annotations/480p/VIDEO)."""
    if depth == 0 or not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.is_dir():
            yield from (path,) if path.is_symlink() else _links(path, depth - 1)
