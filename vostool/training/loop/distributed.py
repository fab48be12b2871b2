"""Several processes on one training: started by torchrun, gloo on the CPU and NCCL on GPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

LONGEST_WAIT = timedelta(hours=6)
"""For the other processes, while the main one validates."""


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this one is.

    Attributes:
        device: where this process computes.
        rank: 0 writes files and prints.
        count: processes in the group, 1 without torchrun.
    """

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def is_main(self) -> bool:
        """Whether this process writes files and prints."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true in any process; all processes must call it together."""
        return self._reduce(float(flag), distributed.ReduceOp.MAX) > 0

    def mean(self, value: float) -> float:
        """Mean of a number over the processes; all processes must call it together."""
        return self._reduce(value, distributed.ReduceOp.SUM) / self.count

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self.count > 1:
            distributed.barrier()

    def _reduce(self, value: float, operation: distributed.ReduceOp.RedOpType) -> float:
        if self.count == 1:
            return value
        tensor = torch.tensor(value, dtype=torch.float64, device=self.device)
        distributed.all_reduce(tensor, operation)
        return tensor.item()


def is_main_process() -> bool:
    """Whether torchrun's environment says that this process is the first, or there is none."""
    return os.environ.get("RANK", "0") == "0"


@contextmanager
def process_group(device: torch.device) -> Iterator[Processes]:
    """Join the group that torchrun describes in the environment, or be alone without one."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes(device)
        return
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    backend = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(backend, timeout=LONGEST_WAIT)
    try:
        yield Processes(device, rank, count)
    finally:
        distributed.destroy_process_group()


def wrap(model: nn.Module, processes: Processes) -> nn.Module:
    """The model with gradients averaged over the processes, or itself when alone."""
    if processes.count == 1:
        return model
    ids = [processes.device] if processes.device.type == "cuda" else None
    return DistributedDataParallel(model, device_ids=ids, broadcast_buffers=False)


def without_averaging(model: nn.Module, last: bool) -> AbstractContextManager:
    """Leaves averaging out of all but the last pass of an accumulated step."""
    if isinstance(model, DistributedDataParallel) and not last:
        return model.no_sync()
    return nullcontext()
