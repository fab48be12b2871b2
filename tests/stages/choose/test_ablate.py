"""`ablate`: rows in order, each made once, compared with the row above and with the paper."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small_davis import RECIPE, write_davis

from vostool.cli.main import main
from vostool.core.errors import OutputError, UsageError, VostoolError
from vostool.core.output import Output
from vostool.ensembling.fitted import read_fitted
from vostool.inference.trackers import mil
from vostool.recipe import build_model, load_recipe
from vostool.stages.choose import row_maker as stage
from vostool.stages.choose.ablate import AblationRun, ablate, parse_model_files, parse_reuse
from vostool.stages.choose.ablation_plan import AblationPlan, inference_of, parse_seeds, read_plan
from vostool.stages.train.training_data import DataFolders
from vostool.training.checkpoints.checkpoint import read_checkpoint

PLAN = """
title = "A paper"
description = "a test"
paper_figure = "G"
figure = "J-Mean"
[evaluate]
dataset = "davis2016"
split = "val"
[inference]
precision = "fp32"
[[row]]
name = "base"
label = "Base"
paper = 60.0
train = [{ recipe = "tiny" }, { recipe = "tiny", set = ["optimiser.learning_rate=2e-3"] }]
[[row]]
name = "flip"
paper = 61.5
start = "base"
inference = { views = "flip" }
[[row]]
name = "extra"
shown = false
start = "base"
train = [{ recipe = "tiny" }]
[[row]]
name = "both"
paper = 63.0
members = ["base", "extra"]
note = "two networks"
"""


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_davis(tmp_path_factory.mktemp("davis"))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    return folder / "plan.toml"


def run_of(out: Path, videos: Path, resume: bool = False, **more) -> AblationRun:
    return AblationRun(
        Output(out, resume), DataFolders({"davis2016": videos}), device="cpu", workers=0, **more
    )


@pytest.fixture(scope="module")
def made(file: Path, videos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("made") / "out"
    ablate(read_plan(str(file)), run_of(out, videos, seeds=(3,)))
    return out


def test_trainings_scores_and_tables(made: Path) -> None:
    trained = sorted(str(path.parent.relative_to(made)) for path in made.rglob("best.ckpt"))
    assert trained == [
        "rows/base/seed-3/1-tiny",
        "rows/base/seed-3/2-tiny",
        "rows/extra/seed-3/1-tiny",
    ]
    numbers = json.loads((made / "ablation.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in numbers["rows"]] == ["base", "flip", "both"]
    base, flip, both = numbers["rows"]
    assert (base["difference"], base["paper_difference"]) == (None, None)
    assert flip["paper_difference"] == 1.5
    assert flip["difference"]["mean"] == pytest.approx(
        flip["spread"]["mean"] - base["spread"]["mean"]
    )
    assert both["spread"]["count"] == 1
    text = (made / "ablation.md").read_text(encoding="utf-8")
    assert "| row | ours | difference | paper | difference |" in text
    assert "| 61.5 | +1.5 |" in text
    assert "both: two networks" in text
    first, second = (
        read_checkpoint(made / f"rows/base/seed-3/{stage}-tiny/best.ckpt")[1].recipe
        for stage in (1, 2)
    )
    assert first["loop"]["seed"] == second["loop"]["seed"] == 3
    assert (first["optimiser"]["learning_rate"], second["optimiser"]["learning_rate"]) == (
        1e-3,
        2e-3,
    )
    manifest = json.loads((made / "rows/both/seed-3/predictions/run.json").read_text())
    assert len(manifest["checkpoints"]) == 2


def test_going_on_makes_only_what_is_missing(
    made: Path, file: Path, videos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for name in ("train", "infer", "evaluate"):
        monkeypatch.setattr(stage, name, _noted(getattr(stage, name), name, calls))
    plan = read_plan(str(file))
    with pytest.raises(OutputError, match="not empty"):
        ablate(plan, run_of(made, videos))
    before = (made / "ablation.json").read_bytes()
    ablate(plan, run_of(made, videos, seeds=(3,), resume=True))
    assert calls == []
    assert (made / "ablation.json").read_bytes() == before
    (made / "rows/both/seed-3/result.json").unlink()
    report = ablate(plan, run_of(made, videos, seeds=(3,), resume=True, only=("both",)))
    assert calls == ["infer", "evaluate"]
    assert [len(item.figures) for item in report.rows] == [1, 1, 1]


def test_a_row_made_with_other_overrides(made: Path, file: Path, videos: Path) -> None:
    overrides = ("optimiser.learning_rate=1e-4",)
    again = run_of(made, videos, seeds=(3,), resume=True, overrides=overrides)
    with pytest.raises(UsageError, match=r"trained with another recipe.*--overwrite"):
        ablate(read_plan(str(file)), again)


def test_only_some_rows_with_a_checkpoint_of_our_own(
    made: Path, file: Path, videos: Path, tmp_path: Path
) -> None:
    checkpoint = made / "rows/base/seed-3/1-tiny/best.ckpt"
    reuse = parse_reuse([f"base={checkpoint}"], (0,))
    report = ablate(
        read_plan(str(file)), run_of(tmp_path / "out", videos, only=("flip",), reuse=reuse)
    )
    assert [len(item.figures) for item in report.rows] == [0, 1, 0]
    assert not list((tmp_path / "out").rglob("*.ckpt"))
    assert report.rows[1].difference("J-Mean") is None
    assert "| Base | - | - | 60.0 | - |" in report.as_markdown()


TRACKED = PLAN.replace('views = "flip"', 'views = "flip", crop_zoom = { tracker = "nano" }')


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {},
            r"tracker nano takes 2 model file\(s\), 0 are given \(row flip\): pass "
            r"--model-file nano=nanotrack_backbone_sim.onnx --model-file nano=nano.*download",
        ),
        ({"nano": 2}, r"cannot be used as NanoTrack.*\(row flip, .*0\.onnx, .*1\.onnx\)"),
        ({"nano": 1}, "1 are given"),
        ({"vit": 1}, r"tracker nano takes 2 model file\(s\), 0 are given"),
        ({"nano": 2, "vit": 1}, r"cannot be used as NanoTrack"),
    ],
)
def test_trackers_without_usable_files_are_found_before_anything_is_made(
    file: Path, videos: Path, tmp_path: Path, files: dict[str, int], message: str
) -> None:
    plan = _plan(file, TRACKED)
    paths = [tmp_path / f"{number}.onnx" for number in range(2)]
    for path in paths:
        path.write_bytes(b"no network " * 50)
    models = {name: tuple(paths[:count]) for name, count in files.items()}
    with pytest.raises(VostoolError, match=message):
        ablate(plan, run_of(tmp_path / "out", videos, model_files=models))
    assert not (tmp_path / "out").exists()


def test_a_row_with_a_tracker_that_has_files(
    made: Path, file: Path, videos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its masks are those of crop-then-zoom; its figures depend on what is in the files."""
    weights = tmp_path / "weights.onnx"
    weights.write_text("one")
    monkeypatch.setattr(mil, "FILES", ("weights.onnx",))
    plan = _plan(file, TRACKED.replace('"nano"', '"mil"'))
    reuse = {("base", 3): made / "rows/base/seed-3/2-tiny/best.ckpt"}
    models = parse_model_files([f"mil={weights}"])
    out, only = tmp_path / "out", {"seeds": (3,), "only": ("flip",), "reuse": reuse}
    ablate(plan, run_of(out, videos, model_files=models, **only))
    manifest = json.loads((out / "rows/flip/seed-3/predictions/run.json").read_text())
    assert manifest["settings"]["crop_zoom"]["tracker"] == "mil"
    assert [len(files) for files in manifest["settings"]["model_files"].values()] == [1]
    again = run_of(out, videos, model_files=models, resume=True, **only)
    assert len(ablate(plan, again).rows[1].figures) == 1
    weights.write_text("two")
    with pytest.raises(UsageError, match=r"model_files\.mil was"):
        ablate(plan, again)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["x.onnx"], "write NAME=FILE"),
        (["=x.onnx"], "write NAME=FILE"),
        (["nano=x.onnx"], r"no model file for --model-file nano \(x.onnx\)"),
    ],
)
def test_wrong_model_files(texts: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_model_files(texts)


def test_a_row_whose_merging_is_fitted(
    made: Path, file: Path, videos: Path, tmp_path: Path
) -> None:
    fit = """[fit]
dataset = "davis2016"
split = "train"
videos = ["a", "b"]
options = { iterations = 2, crop = 16, width = 8 }
[inference]"""
    text = PLAN.replace("[inference]", fit).replace('"extra"]', '"extra"]\nfit = "learned"')
    plan = _plan(file, text)
    reuse = {
        ("base", 3): made / "rows/base/seed-3/2-tiny/best.ckpt",
        ("extra", 3): made / "rows/extra/seed-3/1-tiny/best.ckpt",
    }
    run = run_of(tmp_path / "out", videos, seeds=(3,), only=("both",), reuse=reuse)
    report = ablate(plan, run)
    assert len(report.rows[-1].figures) == 1
    folder = tmp_path / "out/rows/both/seed-3"
    about = read_fitted(folder / "fit/merge.safetensors").about
    assert about.fitted_on["videos"] == ["a", "b"] and len(about.marks) == 2
    manifest = json.loads((folder / "predictions/run.json").read_text())
    assert manifest["settings"]["merge"]["method"] == "learned"
    assert list(manifest["videos"]) == ["d"]
    for old, new, message in (
        ('"train"\nvideos = ["a", "b"]', '"val"', "fitted on the videos that are scored"),
        ('name = "flip"', 'name = "flip"\nfit = "learned"', "only a row of members"),
    ):
        with pytest.raises(UsageError, match=message):
            _plan(file, text.replace(old, new))
    with pytest.raises(UsageError, match="say on which videos"):
        _plan(file, PLAN.replace('"extra"]', '"extra"]\nfit = "learned"'))


def test_overrides_that_all_trainings_of_a_recipe_share(file: Path) -> None:
    """They come first, so that a training's own override of the same value wins."""
    text = PLAN.replace(
        "[[row]]",
        '[recipe.tiny]\nset = ["optimiser.learning_rate=9e-3", "loop.iterations=7"]\n[[row]]',
        1,
    )
    trainings = [stage for row in _plan(file, text).row for stage in row.train]
    recipes = [load_recipe(stage.recipe, stage.set) for stage in trainings]
    assert [recipe.optimiser.learning_rate for recipe in recipes] == [9e-3, 2e-3, 9e-3]
    assert {recipe.loop.iterations for recipe in recipes} == {7}


def _plan(file: Path, text: str) -> AblationPlan:
    """Read a plan that lies beside the recipe."""
    path = file.with_name("other.toml")
    path.write_text(text, encoding="utf-8")
    return read_plan(str(path))


@pytest.mark.parametrize(
    ("texts", "seeds", "message"),
    [
        (["base"], (0,), "write ROW:SEED=CHECKPOINT"),
        (["base=x.ckpt"], (0, 1), "write ROW:SEED=CHECKPOINT"),
        (["base:0=x.ckpt"], (0, 1), "no checkpoint for --reuse base"),
    ],
)
def test_wrong_reuse(texts: list[str], seeds: tuple[int, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_reuse(texts, seeds)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"only": ("bas",)}, "no row 'bas': rows are base, flip, extra, both"),
        ({"overrides": ("loop.bach=2",)}, "unknown key loop.bach"),
        ({"reuse": {("both", 0): Path("x")}}, "runs other rows' networks"),
        ({"reuse": {("base", 7): Path("x")}}, "seed 7"),
        ({"model_files": {"nano": ()}}, "--model-file names nano, which no row uses"),
    ],
)
def test_mistakes_are_found_before_anything_is_made(
    file: Path, videos: Path, tmp_path: Path, changes: dict, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        ablate(read_plan(str(file)), run_of(tmp_path / "out", videos, **changes))
    assert not (tmp_path / "out").exists()


def test_folders_that_are_missing_or_of_no_use(file: Path, videos: Path, tmp_path: Path) -> None:
    plan = read_plan(str(file))
    for folders, message in (
        ({}, "scored were not given: davis2016"),
        ({"davis2016": videos, "coco": videos}, "no row has a data entry coco"),
    ):
        with pytest.raises(UsageError, match=message):
            ablate(plan, AblationRun(Output(tmp_path / "out"), DataFolders(folders)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('start = "base"\ninf', 'start = "bass"\ninf', "row flip needs bass above it"),
        ('name = "flip"', 'name = "base"', "two rows are named base"),
        ("views =", "vews =", r"unknown key row\.1\.inference\.vews \(did you mean views"),
        ('views = "flip"', 'views = "flop"', "neither flip nor a scale"),
        ('split = "val"', "", "either split or section"),
        ('members = ["base", "extra"]', "", "give train, start or members"),
        ('recipe = "tiny" }]', 'recipe = "tinny" }]', "unknown recipe 'tinny'"),
        ('views = "flip"', 'tracker = "mil"', r"unknown key row\.1\.inference\.tracker"),
        ("[[row]]", "[recipe.tinny]\nset = []\n[[row]]", "recipe.tinny: no row is trained with it"),
        ("[[row]]", "[recipe.tiny]\nsets = []\n[[row]]", "unknown key recipe.tiny.sets"),
    ],
)
def test_wrong_files(file: Path, old: str, new: str, message: str) -> None:
    wrong = file.with_name("wrong.toml")
    assert old in PLAN
    wrong.write_text(PLAN.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read_plan(str(wrong))


PAPERS = {
    "famnet": [80.6, 81.1, 83.0, 83.7, 84.0, 84.7, 85.3],
    "yu": [61.7, 66.7, 68.1, 76.6, 66.7, 70.8, 76.1, 76.6, 77.7, None],
}


@pytest.mark.parametrize("name", ["famnet", "famnet-small", "yu", "yu-small"])
def test_shipped_files(name: str) -> None:
    plan = read_plan(name)
    shown = [row for row in plan.row if row.shown]
    assert [row.paper for row in shown] == PAPERS[name.removesuffix("-small")]
    for row in plan.row:
        for number in row.train:
            recipe = load_recipe(number.recipe, number.set)
            assert ("mnv2" in recipe.name) == name.endswith("-small")


def test_parts_of_one_papers_network_in_another() -> None:
    rows = {row.name: row.train[-1] for row in read_plan("parts-small").row}
    built = {
        name: build_model(load_recipe(train.recipe, train.set).model, device="meta")
        for name, train in rows.items()
    }
    assert [row for row, network in built.items() if network.prior is not None] == [
        "constraint",
        "both",
    ]
    assert [row for row, network in built.items() if network.refinement is not None] == [
        "refinement",
        "both",
    ]
    assert {type(net.encoder).__name__ for net in built.values()} == {"SharedEncoder"}


@pytest.mark.parametrize("name", ["famnet", "famnet-small"])
def test_crop_then_zoom_follows_a_tracker_that_is_no_mask(name: str) -> None:
    """Agreement of a mask with a box that was made of it says nothing."""
    plan = read_plan(name)
    zooms = {row.name: inference_of(plan, row).wrappers.get("crop_zoom") for row in plan.row}
    named = {name: zoom.tracker for name, zoom in zooms.items() if zoom is not None}
    assert named.keys() == {"crop-zoom", "ensemble"}
    assert set(named.values()) <= {"mil", "nano", "vit"}


def test_the_command(file: Path, videos: Path, made: Path, capsys) -> None:
    arguments = ["ablate", str(file), "--data", f"davis2016={videos}", "--out", str(made)]
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--seeds", "3", "--resume", "--device", "cpu", "-q"])
    assert not caught.value.code
    printed = capsys.readouterr().out
    assert "A paper" in printed
    assert "+1.5" in printed
    with pytest.raises(SystemExit) as caught:
        main([*arguments, "--seeds", "0,x"])
    assert caught.value.code == 2
    assert parse_seeds("2, 0") == (2, 0)


def _noted(function, name: str, calls: list[str]):
    def wrapped(*args, **kwargs):
        calls.append(name)
        return function(*args, **kwargs)

    return wrapped
