"""Where data set, root and split come from, where they are not written."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from small_davis import write_davis

from vostool.core.errors import DataError, UsageError
from vostool.core.output import Output
from vostool.datasets.selection import Selection
from vostool.predictions.manifest import read_manifest, write_manifest
from vostool.stages.predict.baseline import baseline
from vostool.stages.predict.ensemble import ensemble
from vostool.stages.predict.postprocess import postprocess
from vostool.stages.selecting import Asked, select_if_known, select_videos


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A current folder with data, a prediction folder of its val split, and a folder inside."""
    (tmp_path / "work" / "deeper").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    for name in ("VOSTOOL_DATASET", "VOSTOOL_SPLIT", "VOSTOOL_ROOT_DAVIS2016"):
        monkeypatch.delenv(name, raising=False)
    write_davis(Path("data"), train="a", val="d")
    baseline(Selection("davis2016", Path("data"), "val"), Output(Path("preds")))
    return Path.cwd()


def test_predictions_know_what_they_are_of(project, caplog):
    caplog.set_level(logging.INFO, "vostool")
    assert select_videos(Asked(), [Path("preds")]) == Selection(
        "davis2016", project / "data", "val"
    )
    assert caplog.messages[-1].endswith("(data set, split, root from preds/run.json)")


def test_what_is_written_wins_and_is_not_explained(project, caplog):
    caplog.set_level(logging.INFO, "vostool")
    chosen = select_videos(Asked(split="train", videos=("a",)), [Path("preds")])
    assert (chosen.split, chosen.videos) == ("train", ("a",))
    assert caplog.messages[-1].endswith("(data set, root from preds/run.json)")
    caplog.clear()
    select_videos(Asked("davis2016", Path("data"), "train"), [Path("preds")])
    assert not caplog.messages


def test_a_project_that_is_moved_stays_right(project, monkeypatch):
    assert read_manifest(Path("preds"))["root"] == "../data"
    moved = project.rename(project.parent / "moved")
    monkeypatch.chdir(moved.parent)
    assert select_videos(Asked(), [moved / "preds"]).root == moved / "data"


def test_a_root_elsewhere_is_noted_as_it_is(project, tmp_path):
    root = write_davis(tmp_path / "elsewhere", train="a", val="d")
    baseline(Selection("davis2016", root, "val"), Output(Path("other")))
    assert read_manifest(Path("other"))["root"] == str(root)


def test_what_is_made_of_predictions_knows_it_too(project):
    for name in ("second", "third"):
        baseline(Selection("davis2016", Path("data"), "val"), Output(Path(name)))
    ensemble([Path("preds"), Path("second"), Path("third")], Output(Path("deeper/ensemble")))
    postprocess(Path("deeper/ensemble"), ["drop-small"], Output(Path("final")))
    assert read_manifest(Path("deeper/ensemble"))["root"] == "../../data"
    assert select_videos(Asked(), [Path("final")]).root == project / "data"


def test_old_predictions_without_root_ask_for_it(project):
    manifest = read_manifest(Path("preds"))
    del manifest["root"]
    write_manifest(Path("preds"), manifest)
    with pytest.raises(UsageError, match="nothing says where the data set davis2016 is") as caught:
        select_videos(Asked(), [Path("preds")])
    assert "--root" in str(caught.value)
    assert select_if_known(Asked(), [Path("preds")]) is None
    assert select_videos(Asked(root=Path("data")), [Path("preds")]).split == "val"


def test_a_root_that_is_gone_is_named(project):
    (project / "data").rename(project / "away")
    with pytest.raises(UsageError, match=r"no longer in .*data, as preds/run.json has it"):
        select_videos(Asked(), [Path("preds")])


def test_the_nearest_file_upwards_gives_defaults(project, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "vostool")
    Path("vostool.toml").write_text(
        'dataset = "davis2016"\nsplit = "val"\n[roots]\ndavis2016 = "data"\n'
    )
    assert select_videos(Asked()).root == Path("data")
    assert caplog.messages[-1].endswith("(data set, split, root from vostool.toml)")
    monkeypatch.chdir("deeper")
    assert select_videos(Asked()) == Selection("davis2016", project / "data", "val")
    assert select_if_known(Asked(), [Path("../data")]) is None


def test_the_environment_wins_over_the_file(project, monkeypatch):
    Path("vostool.toml").write_text('dataset = "davis2017"\nsplit = "val"\n')
    monkeypatch.setenv("VOSTOOL_DATASET", "davis2016")
    monkeypatch.setenv("VOSTOOL_ROOT_DAVIS2016", "data")
    monkeypatch.setenv("VOSTOOL_SPLIT", "train")
    assert select_videos(Asked()) == Selection("davis2016", Path("data"), "train")


def test_the_default_split_is_that_of_the_default_data_set(project):
    Path("vostool.toml").write_text('dataset = "davis2017"\nsplit = "val"\n')
    with pytest.raises(UsageError, match="no split of davis2016 is given"):
        select_videos(Asked("davis2016", Path("data")))


@pytest.mark.parametrize("name", ["folder", "movie"])
def test_an_only_split_need_not_be_written(project, name):
    Path("vostool.toml").write_text('split = "val"\n')
    assert select_videos(Asked(name, Path("data"))).split == "all"


def test_predictions_of_two_splits_are_refused(project):
    baseline(Selection("davis2016", Path("data"), "train"), Output(Path("other")))
    with pytest.raises(UsageError, match="not of the same split: train, val"):
        select_videos(Asked(), [Path("preds"), Path("other")])
    assert select_videos(Asked(split="val"), [Path("preds"), Path("other")]).split == "val"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dataset = 3\n", "dataset"),
        ("root = 'data'\n", "unknown key root"),
        ("dataset\n", "not a TOML file"),
    ],
)
def test_a_faulty_file_is_a_sentence(project, text, words):
    Path("vostool.toml").write_text(text)
    with pytest.raises(DataError, match=words):
        select_videos(Asked())


def test_nothing_known_says_what_to_give(project):
    with pytest.raises(UsageError, match="no data set is given") as caught:
        select_videos(Asked(root=Path("data")))
    assert "--dataset" in str(caught.value) and "vostool.toml" in str(caught.value)
