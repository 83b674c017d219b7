"""The parts of an encoder, as the drawing of it shows them: shapes, parameters, documentation and code."""

from __future__ import annotations

import ast
import inspect
import linecache
import math
import textwrap
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from omni_lib.course.exercises.checking import is_ours
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.layer_shapes import layer_calls
from omni_lib.course.lessons.encoder import solutions as encoder_solutions
from omni_lib.encoder import count_parameters

# part → the exercises of lesson 02 that build it; the first one makes it the learner's own
BUILT_IN = {
    "encoder": ("audio_encoder", "output_lengths"),
    "subsampler": ("subsampler", "padding_mask"),
    "block": ("block",),
    "attention": ("self_attention", "attention", "rotate"),
    "convolution": ("convolution_module",),
}


@dataclass(frozen=True)
class Part:
    """A part of an encoder. Shapes are those of one clip, without the axis of the batch."""

    key: str  # its name in the encoder, such as "blocks.1.attention"; "" is the encoder itself
    title: str
    kind: str  # the name of its class
    inside: str | None  # the key of the part that it belongs to
    parameters: int
    share: float  # of the encoder's parameters
    given: tuple[int, ...]
    returned: tuple[int, ...]
    frame: int  # duration of a frame that it returns, in milliseconds
    doc: str
    code: str
    exercises: tuple[tuple[str, bool], ...]  # name, and whether the learner's answer was right

    @property
    def own(self) -> bool:
        """Whether the learner has built it."""
        return bool(self.exercises) and self.exercises[0][1]


def parts_of(encoder: nn.Module, mel: Tensor) -> list[Part]:
    """The encoder, its parts in the order in which mel (frames, 128) passes through them, and theirs.

    Args:
        encoder: the library's, or one that a learner has built with the library's names.
    """
    frames = len(mel)
    calls = layer_calls(encoder, mel[None], torch.tensor([frames]))
    found = {call.name: call for call in calls}
    layers = dict(encoder.named_modules())
    total = count_parameters(encoder)
    solved = {key for key, entry in Progress.mine().read().items() if entry["right"]}

    def part(
        key: str, title: str, built: str, inside: str | None, shapes: tuple[tuple[int, ...], ...]
    ) -> Part:
        layer = layers[key]
        given, returned = shapes
        doc, code = doc_and_code(type(layer))
        own = _exercises(layer, built, solved)
        number = count_parameters(layer)
        frame = 10 * 2 ** round(math.log2(frames / max(1, returned[0])))
        kind = type(layer).__name__
        return Part(key, title, kind, inside, number, number / total, given, returned, frame, doc, code, own)

    def shapes(key: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return found[key].given[1:], found[key].returned[1:]

    order = [call.name for call in calls if call.name in layers and _in_the_flow(call.name)]
    whole = ((frames, mel.shape[1]), shapes(order[-1])[1])
    parts = [part("", "the encoder", "encoder", None, whole)]
    for key in order:
        number = key.removeprefix("blocks.")
        is_block = number != key
        title = f"block {int(number) + 1}" if is_block else {"norm": "layer norm"}.get(key, key)
        parts.append(part(key, title, "block" if is_block else key, "", shapes(key)))
        inner = [name for name, layer in layers[key].named_children() if is_block and _worth_showing(layer)]
        parts += [
            part(f"{key}.{name}", name.replace("_", "-"), name, key, shapes(f"{key}.{name}"))
            for name in inner
        ]
    return parts


def _exercises(layer: nn.Module, built: str, solved: set[str]) -> tuple[tuple[str, bool], ...]:
    """The exercises in which a part is built, each with whether the learner's answer is in this layer.

    Args:
        built: the name of the part in `BUILT_IN`.
        solved: the keys of the exercises that the learner has solved.
    """
    # the first exercise makes the part itself, and a solved one may still have our code in this encoder
    ours = type(layer).__module__ == encoder_solutions.__name__
    return tuple(
        (name, f"02.{name}" in solved and not (ours and place == 0))
        for place, name in enumerate(BUILT_IN.get(built, ()))
    )


def _in_the_flow(name: str) -> bool:
    return name in ("subsampler", "pool", "norm") or (name.startswith("blocks.") and name.count(".") == 1)


def _worth_showing(layer: nn.Module) -> bool:
    return not isinstance(layer, (nn.LayerNorm, nn.Dropout))


def doc_and_code(kind: type) -> tuple[str, str]:
    """The documentation of a class, and its source without it; of a class of PyTorch, the first sentences."""
    if is_ours(kind):
        kind = kind.__mro__[1]
    doc = _joined(inspect.cleandoc(kind.__doc__ or ""))
    if kind.__module__.startswith("torch."):
        doc = doc.split("\n\n")[0]
    return doc, _without_docstring(source_of_class(kind))


def _joined(doc: str) -> str:
    """`doc` with each paragraph in one line, which the page wraps; lists and indented lines stay."""
    paragraphs = doc.split("\n\n")
    plain = [not any(line[:1] in " -|" for line in each.splitlines()) for each in paragraphs]
    whole = (each.replace("\n", " ") if join else each for each, join in zip(paragraphs, plain, strict=True))
    return "\n\n".join(whole)


def source_of_class(kind: type) -> str:
    """The source of a class, also of one that was defined in a notebook; "" if it cannot be found."""
    try:
        return textwrap.dedent(inspect.getsource(kind)).rstrip()
    except (OSError, TypeError):  # `inspect` looks for a module's file, and a notebook has none
        pass
    for method in vars(kind).values():
        if inspect.isfunction(method):
            lines = linecache.getlines(method.__code__.co_filename)
            start = _first_line(lines, kind.__name__)
            if start is not None:
                return textwrap.dedent("".join(inspect.getblock(lines[start:]))).rstrip()
    return ""


def _first_line(lines: list[str], name: str) -> int | None:
    words = f"class {name}"
    return next(
        (n for n, line in enumerate(lines) if line.lstrip().startswith((f"{words}(", f"{words}:"))), None
    )


def _without_docstring(source: str) -> str:
    """The source of a class without the docstring of the class."""
    if not source:
        return ""
    definition = ast.parse(source).body[0]
    if not isinstance(definition, ast.ClassDef) or ast.get_docstring(definition) is None:
        return source
    docstring = definition.body[0]
    lines = source.splitlines()
    after = lines[docstring.end_lineno :]
    return "\n".join(lines[: docstring.lineno - 1] + (after if not after or after[0].strip() else after[1:]))
