"""Where commands write: what may be there already, and that inputs are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from vostool.core.errors import OutputError, UsageError
from vostool.core.output import Output


def test_a_folder_with_something_in_it_needs_a_word(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    assert Output(folder).claim_folder().is_dir()
    Output(folder).claim_folder()
    (folder / "old.png").touch()
    with pytest.raises(OutputError, match=r"not empty.*--resume or --overwrite"):
        Output(folder, resume=False).inside().claim_folder()
    with pytest.raises(OutputError, match=r"not empty.*or pass --overwrite"):
        Output(folder).inside().claim_folder()
    Output(folder, resume=True).claim_folder()
    Output(folder, overwrite=True).claim_folder()
    assert (folder / "old.png").exists()
    with pytest.raises(OutputError, match="is a file"):
        Output(folder / "old.png").claim_folder()


def test_a_file_that_exists_needs_a_word(tmp_path: Path) -> None:
    path = tmp_path / "a" / "x.zip"
    assert Output(path).claim_file("archive") == path
    path.parent.mkdir()
    path.write_text("old")
    with pytest.raises(OutputError, match=r"the archive exists.*--overwrite"):
        Output(path).claim_file("archive")
    Output(path, overwrite=True).claim_file("archive")
    assert path.read_text() == "old"
    with pytest.raises(OutputError, match="is a folder"):
        Output(path.parent, overwrite=True).claim_file("archive")


def test_a_file_of_the_inputs_is_not_replaced(tmp_path: Path) -> None:
    meta = tmp_path / "data" / "meta.json"
    meta.parent.mkdir()
    meta.write_text("{}")
    (tmp_path / "link.json").symlink_to(meta)
    for path in (meta, tmp_path / "link.json"):
        for inputs in ([meta.parent], [meta]):
            with pytest.raises(UsageError, match="replace a file of what is read"):
                Output(path, overwrite=True).claim_file("list", inputs)
    Output(meta.parent / "new.json").claim_file("list", [meta.parent])


def test_resuming_and_overwriting_contradict(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--resume and --overwrite"):
        Output(tmp_path, resume=True, overwrite=True)


def test_parts_are_treated_alike(tmp_path: Path) -> None:
    part = Output(tmp_path, resume=True).inside("preds", "a")
    assert part == Output(tmp_path / "preds" / "a", resume=True)


@pytest.mark.parametrize(
    ("place", "how"),
    [("data", "is"), ("data/Annotations", "lies in"), (".", "holds"), ("link", "is"),
     ("link/new", "lies in"), ("data/../data", "is")],
)  # fmt: skip
@pytest.mark.parametrize("more", [{}, {"resume": True}, {"overwrite": True}])
def test_inputs_are_not_written_over(tmp_path: Path, place: str, how: str, more: dict) -> None:
    (tmp_path / "data" / "Annotations").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(UsageError, match=f"{how} what is read"):
        Output(tmp_path / place, **more).claim_folder([tmp_path / "data"])
    assert not (tmp_path / "data" / "new").exists()


def test_a_neighbour_of_an_input_is_all_right(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    Output(tmp_path / "data-2").claim_folder([tmp_path / "data", tmp_path / "a.ckpt"])
