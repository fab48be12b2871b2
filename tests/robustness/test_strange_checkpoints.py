"""A checkpoint from someone else is data: nothing in it names a file, an address or an object."""

from __future__ import annotations

import importlib
import pkgutil
import socket
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
import torch
from pydantic import BaseModel
from strangers import METADATA, MODEL, with_value, write_checkpoint, write_payload

from vostool.core import registry
from vostool.core.errors import CheckpointError, DataError, VostoolError
from vostool.models.segmenter import ENTRY_POINT_GROUP
from vostool.nn import parts
from vostool.recipe import ModelChoice, build_model, parse_recipe
from vostool.stages.predict.load import load_segmenter
from vostool.training.checkpoints.checkpoint import read_checkpoint, read_info
from vostool.training.checkpoints.resuming import Progress, ResumeState, read_resume, save_resume
from vostool.training.checkpoints.run_folder import RunFolder
from vostool.training.finetuning.finetuner import TrainedWith

ADDRESS = "http://127.0.0.1:9/weights.pth"


@pytest.fixture(autouse=True)
def _no_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def test_an_honest_one_is_loaded(tmp_path: Path) -> None:
    network, recipe = load_segmenter(write_checkpoint(tmp_path / "a.ckpt", METADATA))
    assert recipe == {"model": MODEL}
    assert not any(parameter.is_meta for parameter in network.parameters())


def options_that_reach_outside(file: Path) -> dict[str, dict[str, Any]]:
    """By name: what timm would take from `backbone_options`, and follow."""
    named = {"file": str(file), "hf_hub_id": None, "custom_load": False}
    return {
        "pretrained": {"pretrained": True},
        "file": {"pretrained": True, "pretrained_cfg_overlay": named},
        "cfg": {"pretrained": True, "pretrained_cfg": named},
        "address": {"pretrained": True, "pretrained_cfg_overlay": {"url": ADDRESS}},
        "hub": {"pretrained": True, "pretrained_cfg": {"hf_hub_id": "somebody/weights"}},
        "checkpoint": {"checkpoint_path": str(file)},
        "cache": {"cache_dir": str(file.parent)},
        "norm_layer": {"norm_layer": "torch.nn.BatchNorm2d"},
        "act_layer": {"act_layer": "os.system"},
        "block": {"block": "subprocess.Popen"},
        "module": {"features_cls": "os"},
    }


@pytest.mark.parametrize("way", options_that_reach_outside(Path()))
def test_options_of_a_trunk_lead_nowhere(tmp_path: Path, way: str) -> None:
    file, proof = write_payload(tmp_path)
    options = options_that_reach_outside(file)[way] | MODEL["backbone_options"]
    path = write_checkpoint(
        tmp_path / "a.ckpt", with_value("recipe.model.backbone_options", options)
    )
    with pytest.raises(CheckpointError, match=r"backbone_options\.\w+.*a\.ckpt"):
        load_segmenter(path)
    assert not proof.exists()


@pytest.mark.parametrize(
    "name",
    [
        "hf-hub:somebody/weights",
        "hf_hub:somebody/weights",
        "local-dir:{folder}",
        "{folder}/resnet18",
        "resnet18.hf-hub:somebody/weights",
        "resnet18.local-dir:{folder}",
        "resnet18/../resnet18",
        "http://127.0.0.1:9/resnet18",
        "os.system",
        "resnet18\n",
    ],
)
def test_a_backbone_is_one_of_timms_own(tmp_path: Path, name: str) -> None:
    (tmp_path / "config.json").write_text('{"architecture": "resnet18"}')
    metadata = with_value("recipe.model.backbone", name.format(folder=tmp_path))
    with pytest.raises(CheckpointError, match="timm has no network"):
        load_segmenter(write_checkpoint(tmp_path / "a.ckpt", metadata))


@pytest.mark.parametrize("name", ["os", "json.tool", "../../evil", "vostool.cli.main", "_private"])
def test_a_network_is_one_that_is_installed(tmp_path: Path, name: str) -> None:
    path = write_checkpoint(tmp_path / "a.ckpt", with_value("recipe.model.name", name))
    with pytest.raises(CheckpointError, match="unknown model"):
        load_segmenter(path)


@pytest.mark.parametrize("weights", ["imagenet", ADDRESS, "hf-hub:somebody/weights", "{file}"])
def test_backbone_weights_of_its_recipe_are_not_followed(tmp_path: Path, weights: str) -> None:
    file, proof = write_payload(tmp_path)
    metadata = with_value("recipe.model.weights", weights.format(file=file))
    load_segmenter(write_checkpoint(tmp_path / "a.ckpt", metadata))
    assert not proof.exists()


DEEP = "[" * 1000 + "]" * 1000
DEEP_TABLE = '{"format": 1, "recipe": ' + '{"a": ' * 1000 + "1" + "}" * 1000 + "}"


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ([METADATA], "a table of named values was expected, not a list"),
        ('"text"', "not a text"),
        ("null", "not null"),
        ("7", "not a number"),
        ("{", "not valid JSON: .*line 1, column 2"),
        (DEEP, "nested more than 64 levels"),
        (DEEP_TABLE, "nested more than 64 levels"),
        ('{"format": ' + "9" * 10_000 + "}", "beyond 64 bits"),
        (with_value("iteration", 2**70), "iteration: a whole number beyond 64 bits"),
        (with_value("iteration", -1), "iteration: input should be greater"),
        (with_value("iteration", "many"), "iteration: input should be a valid integer"),
        (with_value("metrics", [1, 2]), "metrics: input should be a valid dictionary"),
        (with_value("metrics", {"J": {}}), r"metrics\.J: input should be a valid number"),
        (with_value("versions", "1.0"), "versions: input should be a valid dictionary"),
        (with_value("recipe", [1]), "recipe: input should be a valid dictionary"),
        (with_value("recipe.loop", [1]), "recipe: loop: input should be a valid dictionary"),
        (with_value("recipe.loop", {"iterations": "x"}), r"recipe: loop\.iterations: input"),
        (with_value("recipe.validation", {"videos": "x"}), r"recipe: validation\.videos: input"),
        (with_value("recipe.losses", "x"), "recipe: losses: input should be a valid dictionary"),
        (with_value("format", [[1]]), "another checkpoint format"),
        ({"format": 1}, "recipe is missing; iteration is missing"),
    ],
)
def test_wrong_metadata_is_one_sentence(tmp_path: Path, metadata: Any, sentence: str) -> None:
    path = write_checkpoint(tmp_path / "a.ckpt", metadata)
    for read in (read_info, read_checkpoint, load_segmenter):
        with pytest.raises(CheckpointError, match=rf"{sentence}.*a\.ckpt") as caught:
            read(path)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "value", "sentence"),
    [
        ("model", [1], "recipe: model: input should be a valid dictionary"),
        ("model", {}, "name is missing"),
        ("model.name", 7, "name: input should be a valid string"),
        ("model.key_channels", 10**12, r"\(1000000000000, 4, 3, 3\)|cannot be built"),
        ("model.key_channels", 10**18, "cannot be built"),
        ("model.value_channels", 2**62, "cannot be built"),
        ("model.backbone_options.layers", [10**9] * 4, "layers"),
        ("model.backbone_options.channels", [10**9] * 4, "channels"),
        ("model.backbone_options.layers", [1] * 10**4, "layers"),
        ("model.backbone_options", [1], "backbone_options"),
        ("model.mean", "bright", "mean"),
        ("model.backbone", "vit_giant_patch14_dinov2", "cannot be built|another architecture"),
        ("model.surprise", 1, "unknown key model.surprise"),
    ],
)
def test_a_network_that_the_file_does_not_hold_takes_no_memory(
    tmp_path: Path, place: str, value: Any, sentence: str
) -> None:
    path = write_checkpoint(tmp_path / "a.ckpt", with_value(f"recipe.{place}", value))
    with pytest.raises(CheckpointError, match=sentence) as caught:
        load_segmenter(path)
    assert "\n" not in str(caught.value)


def resume_state(path: Path, **changes: Any) -> Path:
    values: dict[str, Any] = {"recipe": {}, "iteration": 1, "best_score": None}
    progress = Progress.model_construct(**values, processes=1, scaler={}).model_copy(update=changes)
    save_resume(path, ResumeState({}, {"state": {}, "param_groups": []}, progress))
    return path


def test_a_resume_state_is_no_checkpoint(tmp_path: Path) -> None:
    path = resume_state(tmp_path / "resume.state")
    assert read_resume(path).progress.iteration == 1
    for read in (read_info, read_checkpoint, load_segmenter):
        with pytest.raises(
            CheckpointError, match=r"unfinished training.*resume\.state.*best\.ckpt"
        ):
            read(path)


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize(
    "changes", [{"iteration": "x"}, {"recipe": []}, {"processes": 0}, {"scaler": 1}]
)
def test_a_wrong_resume_state_is_one_sentence(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = resume_state(tmp_path / "resume.state", **changes)
    with pytest.raises(CheckpointError, match=rf"progress\.{next(iter(changes))}: input should"):
        read_resume(path)


@pytest.mark.parametrize("options", options_that_reach_outside(Path("x")).values())
def test_a_recipe_with_such_options_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(VostoolError, match="backbone_options"):
        parse_recipe({"model": MODEL | {"backbone_options": options}}, "x.toml")


@pytest.mark.parametrize("value", ["x", [1], {"weight": "x"}, {"weight": 10**400}, {"kind": "os"}])
@pytest.mark.parametrize("name", ["cross_entropy", "auxiliary", "bootstrap", "subprocess"])
def test_losses_of_any_kind_are_a_sentence(name: str, value: Any) -> None:
    with pytest.raises(VostoolError):
        TrainedWith.of({"losses": {name: value, "bootstrap": 0.5}})


MODELS = registry.names("vostool.models.systems", ENTRY_POINT_GROUP)


@pytest.mark.parametrize("name", MODELS)
def test_every_network_can_be_sized_without_memory(name: str) -> None:
    network = build_model(ModelChoice(name=name), weights="none", device="meta")
    assert all(parameter.is_meta for parameter in network.parameters())
    assert sum(parameter.numel() for parameter in network.parameters()) > 1_000_000


def texts_of(kind: type[BaseModel], seen: frozenset[type] = frozenset()) -> set[str]:
    """Names of the fields of a configuration, at any depth, that take any text or any value."""
    found = set()
    for name, field in kind.model_fields.items():
        waiting = [field.annotation]
        while waiting:
            item = waiting.pop()
            waiting += [part for part in get_args(item) if get_origin(item) is not Literal]
            if item in (str, Any, object) or (isinstance(item, type) and issubclass(item, Path)):
                found.add(name)
            elif isinstance(item, type) and issubclass(item, BaseModel) and item not in seen:
                found |= texts_of(item, seen | {item})
    return found


@pytest.mark.parametrize("name", MODELS)
def test_no_value_of_a_network_may_be_any_text(name: str) -> None:
    """Apart from names that are looked up in lists, and `weights`, which loading replaces."""
    module = registry.load(
        "vostool.models.systems", name, kind="model", entry_point_group=ENTRY_POINT_GROUP
    )
    assert texts_of(module.Config) <= {"backbone", "weights", "name"}


@pytest.mark.parametrize("size", [10**12, 10**18, 2**62])
def test_sizes_in_ones_own_recipe_that_no_machine_holds(size: int, capsys) -> None:
    from vostool.cli import main

    table = MODEL | {"value_channels": size, "decoder_channels": size}
    with pytest.raises(SystemExit), main._sentences(resumable=False):
        build_model(ModelChoice.model_validate(table))
    assert capsys.readouterr().err.startswith("error: not enough memory")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{}", "valid tuple"),
        ("[[1]]", "0: input should be"),
        ("[" * 1000, "nested|valid JSON"),
        ('[{"file": "../../x.ckpt", "iteration": 1}]', "0.file: string should match"),
        ('[{"file": "a.ckpt", "iteration": -1}]', "0.iteration: input should be greater"),
    ],
)
def test_a_listing_of_checkpoints_of_any_kind(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "checkpoints.json").write_text(text)
    with pytest.raises(DataError, match=rf"{sentence}.*checkpoints\.json"):
        RunFolder(tmp_path).entries()


def test_tensors_of_another_kind_and_names_of_another_kind(tmp_path: Path) -> None:
    torch.save({1: torch.zeros(1)}, tmp_path / "a.pth")
    with pytest.raises(CheckpointError, match=r"no dictionary of tensors.*a\.pth"):
        load_segmenter(tmp_path / "a.pth")
    path = write_checkpoint(tmp_path / "a.ckpt", METADATA)
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"F99"', 1))
    with pytest.raises(CheckpointError, match=r"a\.ckpt"):
        load_segmenter(path)


PARTS = [
    module.name
    for module in pkgutil.walk_packages(parts.__path__, f"{parts.__name__}.")
    if not module.ispkg
]


@pytest.mark.parametrize("name", PARTS)
def test_no_value_of_a_part_may_be_any_text(name: str) -> None:
    config = getattr(importlib.import_module(name), "Config", None)
    assert config is None or texts_of(config) == set()
