"""The sum of losses: every loss of the registry, recipes' tables, losses of a network's extras."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest
import torch
from torch.nn import functional

from vostool.core import registry
from vostool.core.errors import UsageError
from vostool.core.types import VOID, Clip
from vostool.models import Prediction
from vostool.training.loss import ENTRY_POINT_GROUP, LossOptions
from vostool.training.objective import PACKAGE, objective_of

LOSSES = registry.names(PACKAGE)
EXTRA = {name: registry.load(PACKAGE, name, kind="loss").Options().of for name in LOSSES}
ON_LOGITS = [name for name in LOSSES if EXTRA[name] is None]
ON_EXTRAS = [name for name in LOSSES if EXTRA[name] is not None]


def clip_of(labels: torch.Tensor, present: list[list[bool]]) -> Clip:
    batch, frames, height, width = labels.shape
    return Clip(torch.zeros(batch, frames, 3, height, width), labels, torch.tensor(present))


def random_clip(rng, objects: int = 2) -> tuple[torch.Tensor, Clip]:
    """Logits `[2, 2, N + 1, 4, 5]` and the clip; both clips have all objects."""
    logits = torch.from_numpy(rng.normal(size=(2, 2, objects + 1, 4, 5)))
    labels = torch.from_numpy(rng.integers(0, objects + 1, (2, 3, 4, 5)))
    return logits, clip_of(labels, [[True] * objects] * 2)


def alone(name: str, **values: object):
    """The objective with nothing but one loss."""
    return objective_of({"cross_entropy": 0.0, name.replace("-", "_"): {"weight": 1.0, **values}})


def value(name: str, logits: torch.Tensor, clip: Clip, **extras: object) -> float:
    return float(alone(name)(Prediction.of_logits(logits, extras), clip)["loss"])


@pytest.mark.parametrize("name", ON_LOGITS)
def test_the_truth_costs_nothing_and_what_is_wrong_costs_more(name: str, rng) -> None:
    logits, clip = random_clip(rng)
    truth = 40.0 * functional.one_hot(clip.labels[:, 1:], 3).movedim(-1, 2).double()
    assert value(name, truth, clip) == pytest.approx(0, abs=1e-6)
    assert 0 < value(name, logits + truth / 40, clip) < value(name, logits - truth / 40, clip)


@pytest.mark.parametrize("name", ON_LOGITS)
def test_void_pixels_change_nothing(name: str, rng) -> None:
    logits, clip = random_clip(rng)
    labels = clip.labels.clone()
    labels[:, 1:, 0] = VOID
    clip, other = clip_of(labels, [[True, True]] * 2), logits.clone()
    other[..., 0, :] = torch.from_numpy(rng.normal(size=(2, 2, 3, 5)))
    assert value(name, logits, clip) == value(name, other, clip)


@pytest.mark.parametrize("name", ON_LOGITS)
def test_rows_of_absent_objects_get_no_gradient(name: str, rng) -> None:
    logits = torch.from_numpy(rng.normal(size=(2, 1, 3, 2, 2))).requires_grad_()
    clip = clip_of(torch.zeros(2, 2, 2, 2, dtype=torch.long), [[True, False], [True, True]])
    alone(name)(Prediction.of_logits(logits), clip)["loss"].backward()
    assert torch.isfinite(logits.grad).all()
    assert (logits.grad[0, :, 2] == 0).all()
    assert (logits.grad[1, :, 2] != 0).all()


@pytest.mark.parametrize("name", ON_LOGITS)
def test_a_sum_over_frames_and_a_mean_over_clips(name: str, rng) -> None:
    logits, clip = random_clip(rng, objects=1)
    parts = [
        value(
            name,
            logits[b : b + 1, t : t + 1],
            clip_of(clip.labels[b : b + 1, [0, t + 1]], [[True]]),
        )
        for b in range(2)
        for t in range(2)
    ]
    assert value(name, logits, clip) == pytest.approx(sum(parts) / 2)


@pytest.mark.parametrize("name", ON_LOGITS)
def test_any_loss_on_logits_takes_an_extra(name: str, rng) -> None:
    logits, clip = random_clip(rng)
    coarse = torch.from_numpy(rng.normal(size=logits.shape))
    prediction = Prediction.of_logits(logits, {"coarse": coarse, "words": "of it"})
    assert float(alone(name, of="coarse")(prediction, clip)["loss"]) == value(name, coarse, clip)
    with pytest.raises(ValueError, match="words of this network is not logits"):
        alone(name, of="words")(prediction, clip)


@pytest.mark.parametrize("name", ON_EXTRAS)
def test_losses_of_extras_say_so_where_a_network_has_none(name: str, rng) -> None:
    logits, clip = random_clip(rng)
    with pytest.raises(UsageError, match=f"is a loss of '{EXTRA[name]}', which the network does"):
        value(name, logits, clip)


def test_terms_are_weighted_and_add_up(rng) -> None:
    logits, clip = random_clip(rng)
    prediction = Prediction.of_logits(logits, {"coarse": 2 * logits})
    terms = objective_of(
        {
            "cross_entropy": 2.0,
            "lovasz": 0.5,
            "iou": 0,
            "before": {"kind": "cross-entropy", "of": "coarse", "weight": 3},
        }
    )(prediction, clip)
    assert set(terms) == {"loss", "cross_entropy", "lovasz", "before"}
    assert float(terms["loss"]) == pytest.approx(sum(map(float, terms.values())) / 2)
    assert float(terms["lovasz"]) == pytest.approx(0.5 * value("lovasz", logits, clip))
    before = 3 * value("cross_entropy", 2 * logits, clip)
    assert float(terms["before"]) == pytest.approx(before)


def test_an_extra_that_a_network_does_not_give(rng) -> None:
    logits, clip = random_clip(rng)
    prediction = Prediction.of_logits(logits, {"coarse": logits})
    table = {"fine": {"kind": "iou", "of": "fines"}}
    with pytest.raises(UsageError, match=r"'fines'.*does not give.*\(coarse\): set losses\.fine"):
        objective_of(table)(prediction, clip)
    table["fine"]["optional"] = True
    assert set(objective_of(table)(prediction, clip)) == {"loss", "cross_entropy"}


def test_a_loss_of_another_package_sees_any_extra(rng, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as the scores of a network that chooses among proposals."""

    class Options(LossOptions):
        of: str | None = "scores"
        power: int = 1

    def loss(prediction, clip, options, moment):
        return (prediction.extras[options.of] ** options.power).sum() + clip.present.sum()

    module = ModuleType("their_loss")
    module.Options, module.loss = Options, loss
    monkeypatch.setitem(sys.modules, "their_loss", module)
    point = EntryPoint("choice", "their_loss", ENTRY_POINT_GROUP)
    monkeypatch.setattr(
        registry, "entry_points", lambda group: [point] * (group == ENTRY_POINT_GROUP)
    )
    logits, clip = random_clip(rng)
    prediction = Prediction.of_logits(logits, {"scores": torch.tensor([2.0, 3.0])})
    terms = objective_of({"choice": {"power": 2, "weight": 0.5}})(prediction, clip)
    assert float(terms["choice"]) == (4 + 9 + 4) / 2


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"cross_entropy": 0}, "cannot all be 0"),
        ({"lovazs": 1.0}, r"losses\.lovazs: unknown loss 'lovazs': did you mean lovasz\?"),
        ({"iou": {"wieght": 1.0}}, r"unknown key losses\.iou\.wieght \(did you mean weight\?\)"),
        ({"iou": -1.0}, r"losses\.iou\.weight: "),
        ({"iou": "much"}, r"losses\.iou: give a weight or a group"),
        ({"loss": {"kind": "iou"}}, r"losses\.loss: "),
        (
            {"cross_entropy": {"bootstrap": {"start": 5, "end": 5}}},
            r"losses\.cross_entropy\.bootstrap: end must come after start",
        ),
    ],
)
def test_wrong_tables(table: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        objective_of(table)


def test_tables_of_recipes_before_losses_were_modules() -> None:
    """As checkpoints and resume states of then hold them."""
    plain = {"cross_entropy": 1.0, "lovasz": 0.0, "iou": 0.0, "auxiliary": 0.0, "bootstrap": None}
    assert objective_of(plain).table() == objective_of({}).table()
    famnet = objective_of(plain | {"lovasz": 0.5}).table()
    assert famnet == objective_of({"lovasz": 0.5}).table()
    coarse = {"kind": "cross_entropy", "of": "coarse", "optional": True}
    scmn = objective_of(plain | {"iou": 1.0, "auxiliary": 2.0}).table()
    assert scmn == objective_of({"iou": 1.0, "coarse": {**coarse, "weight": 2.0}}).table()
    some = {"ratio": 0.2, "start": 3, "end": 4}
    hardest = objective_of(plain | {"auxiliary": 1.0, "bootstrap": some}).table()
    assert [hardest[name]["bootstrap"] for name in ("cross_entropy", "coarse")] == [some, some]


@pytest.mark.parametrize(
    "table", [{}, {"cross_entropy": 0.0, "iou": 2}, {"x": {"kind": "iou", "of": "y"}}]
)
def test_a_table_is_read_back_as_it_was_written(table: dict[str, object]) -> None:
    written = objective_of(table).table()
    assert objective_of(written).table() == written
