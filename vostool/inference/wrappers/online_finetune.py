"""Also tune a copy of each network to each video, and average it with the network as trained.

The manifest's entry of a video has what each tuning did: iterations, losses, why it ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from vostool.core.errors import UsageError
from vostool.ensembling.weights import Weights
from vostool.inference.engine import Member
from vostool.inference.online_finetune.learner import Learner
from vostool.inference.online_finetune.source import TuningSource
from vostool.inference.online_finetune.twin import Twin
from vostool.inference.propagation_options import PropagationOptions
from vostool.inference.run import Context, Request, Results, Run
from vostool.inference.source import FrameSource
from vostool.inference.trained import TrainedNetwork
from vostool.training.finetuning.finetuner import can_be_trained
from vostool.training.finetuning.options import FinetuneOptions

NOT_INSIDE = {
    "crop-zoom": "its windows begin with predicted masks of neighbours, which fine-tuning would "
    "take for given ones",
}

Options = FinetuneOptions


class FinetunedRun:
    """A run of networks as trained, each joined by its twin that is tuned to the current video.

    Both have equal weight in the mean, under every memory strategy and view.

    Attributes:
        members: the networks as trained.
        twins: the networks as trained, too, but while a video is run.

    Raises:
        UsageError: a network has no training pass, or nothing to train.
    """

    def __init__(self, outside: Run, tuning: FinetuneOptions, context: Context):
        self._outside, self._tuning, self._context = outside, tuning, context
        self._networks = [_trained(member) for member in outside.members]
        self.twins = [Twin(member.segmenter) for member in outside.members]
        self.members = tuple(outside.members)
        joined = [
            item
            for member, twin in zip(self.members, self.twins, strict=True)
            for item in (member, _joining(member, twin))
        ]
        self.inside = outside.changed(members=joined, options=_with_twins(outside))

    @property
    def options(self) -> PropagationOptions:
        """See `Run.options`."""
        return self._outside.options

    def __call__(self, source: FrameSource, request: Request) -> Results:
        """Results of the run inside; the networks are tuned when it asks for frames."""
        learners = [
            Learner(
                network,
                twin,
                self._tuning,
                self._context,
                sides=self.options.sides,
                video=source.name,
                number=number,
                report=request.report,
            )
            for number, (network, twin) in enumerate(zip(self._networks, self.twins, strict=True))
        ]
        try:
            yield from self.inside(TuningSource(source, learners), request)
        finally:
            for learner in learners:
                learner.restore()

    def changed(
        self,
        *,
        members: Sequence[Member] | None = None,
        options: PropagationOptions | None = None,
    ) -> FinetunedRun:
        """See `Run.changed`."""
        outside = self._outside.changed(members=members, options=options)
        return FinetunedRun(outside, self._tuning, self._context)


def _joining(member: Member, twin: Twin) -> Member:
    return replace(member, segmenter=twin, name=f"{member.name} tuned", trained=None)


def _with_twins(run: Run) -> PropagationOptions:
    """The run's options, a network's weights also being those of its twin."""
    options, merge = run.options, run.options.merge
    counts = [len(member.strategies or options.memory) for member in run.members]
    if merge.weights is None:
        return options
    try:
        left = TypeAdapter(Weights).validate_python(merge.weights)
    except ValidationError:
        raise UsageError(
            f"the merge of {merge.weights} was fitted without tuned networks among its members",
            remedy="leave online_finetune out, or merge by mean or by numbers",
        ) from None
    if len(left) != sum(counts):
        return options  # the run inside has said what is wrong
    shared: tuple[float, ...] = ()
    for count in counts:
        shared += left[:count] * 2
        left = left[count:]
    return options.model_copy(update={"merge": merge.model_copy(update={"weights": shared})})


def _trained(member: Member) -> TrainedNetwork:
    trained = member.trained
    if trained is None or not can_be_trained(trained.network):
        name = type(member.segmenter).__name__ if trained is None else trained.name
        raise UsageError(
            f"{name} cannot be fine-tuned: its network has no training pass",
            remedy="leave online_finetune out, or give the network a forward(clip)",
        )
    return trained


def wrap(run: Run, options: FinetuneOptions, context: Context) -> FinetunedRun:
    """See `FinetunedRun`."""
    return FinetunedRun(run, options, context)
