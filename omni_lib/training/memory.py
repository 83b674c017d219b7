"""How much memory a training step takes, estimated before the first step so that no machine swaps."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from omni_lib.audio import HOP_LENGTH, N_MELS, SAMPLE_RATE
from omni_lib.errors import UserError
from omni_lib.machine.distributed import my_share
from omni_lib.machine.resources import free_memory
from omni_lib.manifest import Utterance
from omni_lib.training.batching import Batch, Rendition

_PROBE = 400, 800  # frames of the two clips that are measured
# peak memory of a step over what it keeps from forward to backward; 1.3 to 1.55 with this project's configs
_PEAK = 1.6


def bytes_per_frame(model: nn.Module, device: torch.device) -> float:
    """Bytes that a step takes for each frame of a batch, padding included, measured on two short clips.

    The forward pass keeps tensors of every frame for the backward pass. They grow in proportion to the
    frames, because torch's attention does not keep the matrix of frames by frames.

    Args:
        model: takes a `Batch` and returns its `Loss`; it is not changed.
    """
    probe = copy.deepcopy(model).train()  # a copy, because batch norms change
    short, long = (_kept(probe, frames, device) for frames in _PROBE)
    return _PEAK * (long - short) / (_PROBE[1] - _PROBE[0])


def _kept(model: nn.Module, frames: int, device: torch.device) -> int:
    """Bytes that the forward pass of one clip keeps for the backward pass; shared memory counts once."""
    pieces: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> None:
        # Held until all are counted, so that no address is used twice. The graph gets nothing back, because
        # it would hold the tensor, the tensor would hold the graph, and neither would ever be freed.
        storage = tensor.untyped_storage()
        pieces[storage.data_ptr()] = storage

    mel, lengths = torch.zeros(1, frames, N_MELS, device=device), torch.tensor([frames], device=device)
    cards = [device] if device.type == "cuda" else []  # a card that is asked gives memory to this process
    with torch.random.fork_rng(cards), torch.autograd.graph.saved_tensors_hooks(keep, _never_needed):
        model(Batch(mel, lengths, [[2, 3, 4]], [Utterance(Path(), "abc")]))
    return sum(storage.nbytes() for storage in pieces.values())


def _never_needed(nothing: None) -> Tensor:
    raise AssertionError("the probe has no backward pass")


def refuse_what_does_not_fit(
    model: nn.Module, plan: Sequence[Sequence[Rendition]], rows: Sequence[Utterance], device: torch.device
) -> None:
    """Refuse a plan whose largest batch does not fit into the memory of `device`.

    Args:
        plan: the batches of an epoch; of each, this process computes its share.
        rows: the utterances that the row numbers of the plan refer to.

    Raises:
        UserError: the largest batch takes more memory than is free.
    """
    per_frame = bytes_per_frame(model, device)  # by every process, because batch norms sum over all of them
    shares = [my_share(batch, [one.frames for one in batch]) for batch in plan]
    shares = [share for share in shares if share]
    if not shares:  # of more processes than a batch has utterances, some never get one
        return
    size, longest = max(
        ((len(share), max(share, key=lambda one: one.frames)) for share in shares),
        key=lambda pair: pair[0] * pair[1].frames,
    )
    each = per_frame * longest.frames
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else free_memory()
    if size * each > free:
        name, seconds = rows[longest.row].path.name, longest.frames * HOP_LENGTH / SAMPLE_RATE
        fits = int(free // each)
        remedy = f"set batch_size to {fits}, or " if fits else ""
        raise UserError(
            f"a batch of {size} utterances of up to {seconds:.0f} s ({name}) takes about "
            f"{size * each / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free: "
            f"{remedy}cut the longest clips at pauses or leave them out"
        )
