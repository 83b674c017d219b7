"""Every setting of a training run: one dataclass, one JSON file.

The first eleven settings are those of the chapter. A file without the others gets the chapter's behaviour:
one CTC frame per embedding, a constant learning rate, no augmentation. `//` comments are allowed, as in the
chapter's listing.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import math
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, get_args, get_type_hints

from omni_lib.errors import UserError
from omni_lib.machine.commented_json import parse_json
from omni_lib.machine.mistaken import mistaken


@dataclass(frozen=True)
class Range:
    """A setting that must lie between `low` and `high`, both included."""

    low: float
    high: float

    def refusal(self, value: Any) -> str | None:
        """What is wrong with `value`; None when nothing is."""
        return None if self.low <= value <= self.high else f"it must lie between {self.low} and {self.high}"


class OneOf:
    """A setting that must be one of a few values."""

    def __init__(self, *choices: int | str) -> None:
        self.choices = choices

    def refusal(self, value: Any) -> str | None:
        """What is wrong with `value`; None when nothing is."""
        return None if value in self.choices else f"it must be {' or '.join(map(str, self.choices))}"


@dataclass(frozen=True)
class Config:
    """The settings of one run, each with its range, default and meaning; every value is checked.

    Raises:
        UserError: a value has the wrong type or lies outside its range.
    """

    # from the chapter
    d_model: Annotated[int, Range(2, 4096)] = 192  # channels of an embedding
    n_layers: Annotated[int, Range(1, 64)] = 4  # encoder blocks
    n_heads: Annotated[int, Range(1, 64)] = 3  # attention heads
    d_ff: Annotated[int, Range(1, 65536)] = 768  # channels inside the feed-forward layer
    dropout: Annotated[float, Range(0.0, 0.9)] = 0.1  # share of channels set to zero in training
    downsample_time: Annotated[int, OneOf(4, 8)] = 8  # 10 ms frames per embedding: 4 or 8
    data_path: str = "data/audio/asr.csv"  # manifest
    batch_size: Annotated[int, Range(1, 4096)] = 8  # utterances in a batch
    num_epochs: Annotated[int, Range(1, 100_000)] = 20  # passes over the training data
    learning_rate: Annotated[float, Range(0.0, 1.0)] = 1e-4  # the peak, if there is a warm-up
    checkpoint_freq: Annotated[int, Range(1, 10**9)] = 1000  # steps between periodic checkpoints

    # added here: the run
    save_dir: str = ""  # folder of the run; when empty, checkpoints/ and the name of the config file
    # of the random numbers for initial weights, order of batches, augmentation and dropout
    seed: Annotated[int, Range(0, 2**31 - 1)] = 0
    ctc_frames_per_embedding: Annotated[int, Range(1, 8)] = 1  # k: CTC frames that each embedding gives
    # training stops before its first step if a larger share of the training rows has no CTC path
    max_impossible: Annotated[float, Range(0.0, 1.0)] = 0.02
    # encoder blocks that work at one frame per 40 ms; those after the pool, at 80 ms, cost half as much
    blocks_before_pool: Annotated[int, Range(0, 64)] = 4
    log_every: Annotated[int, Range(1, 10**9)] = 100  # steps between log lines

    # added here: the optimisers
    warmup_steps: Annotated[int, Range(0, 10**9)] = 0  # steps in which the rate rises from 0 to learning_rate
    # after the warm-up: constant, or cosine, which would be 0 in the step after the last one
    schedule: Annotated[str, OneOf("constant", "cosine")] = "constant"
    # peak rate of Muon, for the matrices of the encoder blocks; 0: AdamW updates them too
    muon_rate: Annotated[float, Range(0.0, 1.0)] = 0.0
    weight_decay: Annotated[float, Range(0.0, 10.0)] = 0.0  # of both optimisers, for matrices only
    gradient_clip: Annotated[float, Range(1e-6, 1e9)] = 1.0  # largest norm of the gradient; 1e9: no limit
    # decay of the moving average of the weights, which is evaluated and saved; 0: no averaging
    average_decay: Annotated[float, Range(0.0, 0.99999)] = 0.0
    mixed_precision: bool = False  # matrix products in bfloat16, where the processor supports it natively

    # added here: the loss
    # weight of the entropy of the alignments at the peak learning rate (Liu et al. 2018)
    alignment_entropy: Annotated[float, Range(0.0, 10.0)] = 0.0
    # weight of a second CTC loss in the middle of the encoder (Lee & Watanabe 2021)
    intermediate_ctc: Annotated[float, Range(0.0, 1.0)] = 0.0
    # weight of a CTC loss over whole words before the last block
    word_ctc: Annotated[float, Range(0.0, 10.0)] = 0.0

    # added here: augmentation
    speed_perturb: bool = False  # train at speeds 0.9, 1.0 and 1.1 (Ko et al. 2015)
    # largest change of tempo as a share, at the same pitch; most clips of a batch then get the same length
    tempo_perturb: Annotated[float, Range(0.0, 0.5)] = 0.0
    # largest change of all frequencies, as a share (vocal tract length: Jaitly & Hinton 2013)
    vocal_tract_perturb: Annotated[float, Range(0.0, 0.5)] = 0.0
    # for other microphones: standard deviation of the gain, overall and by frequency, in nats of 4.3 dB
    colour_perturb: Annotated[float, Range(0.0, 5.0)] = 0.0
    # share of the clips that get steady noise of a random colour, 5 to 30 dB softer than the clip
    noise_perturb: Annotated[float, Range(0.0, 1.0)] = 0.0
    # longest pause in seconds: before one clip in six, and after one in six; one clip in 32 becomes a pause
    pause_perturb: Annotated[float, Range(0.0, 30.0)] = 0.0
    spec_augment: bool = False  # mask bands of frequency and stretches of time (Park et al. 2019)
    # the first epoch with masks; before training has left the blank plateau, masks only prolong it
    spec_augment_from_epoch: Annotated[int, Range(1, 100_000)] = 1

    # the machine; a run may be resumed with other values (MAY_DIFFER below)
    # cuda, mps, cpu, or auto: the environment variable OMNI_DEVICE, or else cuda if available
    device: Annotated[str, OneOf("auto", "cuda", "mps", "cpu")] = "auto"
    # compile each encoder block (torch.compile): no gain on a CPU; not run on a GPU
    compile: bool = False
    # write the log for TensorBoard too (pip install -c constraints.txt tensorboard)
    tensorboard: bool = False
    accept_changed_data: bool = False  # resume even if the data is not what the run was trained on

    def __post_init__(self) -> None:
        for name, (kind, rules) in _declared().items():
            value = _typed(name, kind, getattr(self, name))
            object.__setattr__(self, name, value)
            for rule in rules:
                if refusal := rule.refusal(value):
                    shown = repr(value) if kind is str else value
                    raise UserError(f"{name} is {shown}: {refusal}")
        if self.d_model % (2 * self.n_heads):
            raise UserError(f"d_model {self.d_model} must be a multiple of 2 x n_heads ({2 * self.n_heads})")

    @property
    def speeds(self) -> tuple[float, ...]:
        """The speeds at which training utterances are played."""
        return (0.9, 1.0, 1.1) if self.speed_perturb else (1.0,)

    def to_dict(self) -> dict[str, Any]:
        """The settings as a dictionary that JSON can represent."""
        return dataclasses.asdict(self)


# Settings that may differ when a run is resumed: they affect where it runs, not what it learns. Another
# data_path may hold the same data; training/fingerprint.py compares the data itself.
MAY_DIFFER = ("data_path", "save_dir", "device", "compile", "tensorboard", "accept_changed_data")

# names that other programs use, where the most similar name of ours means something else
_ALIASES = {
    theirs: ours
    for ours, names in {
        "learning_rate": "lr max_lr peak_lr",
        "batch_size": "bs",
        "d_model": "hidden_size hidden hidden_dim dim embed_dim width",
        "data_path": "data data_dir dataset manifest csv train_csv",
        "save_dir": "out output out_dir output_dir save_path save checkpoint_dir checkpoints run_dir folder",
        "seed": "random_seed manual_seed",
        "weight_decay": "wd",
        "gradient_clip": "clip clip_norm max_grad_norm",
        "average_decay": "ema ema_decay",
        "mixed_precision": "amp fp16 bf16 bfloat16",
        "warmup_steps": "warmup_ratio num_warmup_steps",
        "checkpoint_freq": "save_every save_steps",
        "log_every": "log_interval logging_steps",
    }.items()
    for theirs in names.split()
}
_KINDS = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}


@functools.cache
def _declared() -> dict[str, tuple[type[Any], tuple[Range | OneOf, ...]]]:
    """The type of each setting, and the rules in its annotation."""
    declared = {}
    for name, hint in get_type_hints(Config, include_extras=True).items():
        kind, *rules = get_args(hint) or (hint,)
        declared[name] = (kind, tuple(rules))
    return declared


def _typed(name: str, kind: type[Any], value: Any) -> Any:
    """`value` as the declared type of `name`; JSON's 1 is accepted for 1.0, and nothing else is converted."""
    if kind is float and type(value) is int:
        # integers in JSON can be larger than any float
        value = float(value) if abs(value) < 2**1023 else math.inf
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        quoted = f', "{_shown(value)}" with its quotes' if kind is str and type(value) in (int, float) else ""
        raise UserError(f"{name} is {_shown(value)}: it must be {_KINDS[kind]}{quoted}")
    if kind is str and any(ord(character) < 32 for character in value) and "\0" not in value:
        raise UserError(
            f"{name} is {_shown(value)}, which has a control character: write a backslash twice, or use /"
        )
    if kind is str and value.startswith("~"):
        raise UserError(f"{name} is {_shown(value)}: ~ does not stand for a folder here, so write its path")
    if kind is str and not _can_name_a_file(value):
        raise UserError(f"{name} is {_shown(value)}: no file can have that name, so choose another")
    return value


def _shown(value: Any) -> str:
    """`value` in JSON, or its type if JSON cannot represent it (possible in an untrusted checkpoint)."""
    try:
        written = json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return f"of the type {type(value).__name__}"
    return written if len(written) <= 200 else f"{written[:197]}..."


def _can_name_a_file(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON allows
        return False


def load_config(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Read a JSON file (with `//` comments) and apply `key=value` overrides.

    An empty `save_dir` becomes `checkpoints/` and the name of the file.

    Raises:
        UserError: the file cannot be read or is not JSON, or a key or value is wrong; the message names it.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: the configs are in the folder configs/") from None
    except UnicodeDecodeError as error:
        _refuse_mistaken(path, error.object[:300])
        raise UserError(f"{path} cannot be read as text ({error}): save it as UTF-8 text") from None
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        remedy = "name a file" if os.path.isdir(path) else "check its name and its permissions"
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be read ({reason}): {remedy}") from None
    _refuse_mistaken(path, text[:300].encode())
    settings = parse_json(text, path)
    if not isinstance(settings, dict):
        raise UserError(f"{path} must hold one JSON object of settings")
    try:
        for override in overrides or []:
            settings.update(_parse_override(override))
        if settings.get("save_dir", "") == "":
            settings["save_dir"] = f"checkpoints/{path.stem}"
        return config_from_dict(settings)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None


def _refuse_mistaken(path: Path, head: bytes) -> None:
    """Refuse what was named in place of a config.

    Raises:
        UserError: the first bytes of the file are those of a checkpoint, a manifest, a web page or the like.
    """
    if head.startswith(b"PK\3\4"):
        kind = "a checkpoint or another archive"
    elif re.match(rb"audio_path *,", head):
        kind = "a manifest (give it with --set data_path=…)"
    elif found := mistaken(head):
        kind = found[0]
    else:
        return
    raise UserError(f"{path} is {kind}, not a config: the configs are in the folder configs/")


def config_from_dict(settings: dict[str, Any]) -> Config:
    """A `Config` from a plain dictionary.

    Raises:
        UserError: an unknown key (with the nearest known one) or a bad value.
    """
    known = {field.name for field in fields(Config)}
    for key in settings:
        if key not in known:
            raise UserError(f"unknown setting {key!r}: {_meant(str(key), known)}")
    return Config(**settings)


def _meant(key: str, known: set[str]) -> str:
    """The end of a message about an unknown setting."""
    plain = re.sub(r"[\s-]+", "_", key.strip().lower())
    if plain in ("max_steps", "resume"):
        return f"it is an option of the command, --{plain.replace('_', '-')}"
    near = [_ALIASES[plain]] if plain in _ALIASES else difflib.get_close_matches(plain, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the settings are {', '.join(sorted(known))}"


def _parse_override(override: str) -> dict[str, Any]:
    key, separator, value = override.partition("=")
    if not separator:
        raise UserError(f"--set {override!r} must have the form key=value")
    try:
        return {key.strip(): json.loads(value)}
    except (ValueError, RecursionError):
        return {key.strip(): value}  # a text without quotes, such as a path
