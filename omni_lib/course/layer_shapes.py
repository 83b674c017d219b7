"""The shapes that go through the layers of a module while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class LayerCall:
    """One call of a layer: its name in the module, its class, the shapes of its first input and output."""

    name: str
    kind: str
    given: tuple[int, ...]
    returned: tuple[int, ...]


def layer_calls(module: nn.Module, *arguments: Tensor) -> list[LayerCall]:
    """Run `module` once and note the calls of its layers, in their order; not those of the module itself.

    A layer that returns a pair, such as embeddings and lengths, is noted with the first of the two.
    """
    calls: list[LayerCall] = []

    def noted(name: str) -> Any:
        def note(layer: nn.Module, given: tuple[Any, ...], returned: Any) -> None:
            first = returned[0] if isinstance(returned, tuple) else returned
            calls.append(LayerCall(name, type(layer).__name__, tuple(given[0].shape), tuple(first.shape)))

        return note

    layers = [(name, layer) for name, layer in module.named_modules() if name]
    hooks = [layer.register_forward_hook(noted(name)) for name, layer in layers]
    try:
        with torch.inference_mode():
            module(*arguments)
    finally:
        for hook in hooks:
            hook.remove()
    return calls
