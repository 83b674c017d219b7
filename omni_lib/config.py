"""Every setting of a training run: one dataclass, one JSON file.

The first eleven are the chapter's, and a file that leaves ours out gets the chapter's behaviour: one CTC frame per
embedding, a constant rate, no augmentation. `//` comments are allowed, as in the chapter's own listing.
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from omni_lib.errors import UserError


@dataclass(frozen=True)
class Config:
    # the chapter's
    d_model: int = 192  # channels of an embedding
    n_layers: int = 4  # encoder blocks
    n_heads: int = 3  # attention heads
    d_ff: int = 768  # channels inside the feed-forward layer
    dropout: float = 0.1  # share of channels dropped in training
    downsample_time: int = 8  # 10 ms frames per embedding: 4 or 8
    data_path: str = "data/audio/asr.csv"  # manifest
    batch_size: int = 8  # utterances
    num_epochs: int = 20  # times that every utterance is heard
    learning_rate: float = 1e-4  # the peak, where there is a warm-up
    checkpoint_freq: int = 1000  # steps between periodic checkpoints
    # ours
    save_dir: str = ""  # folder of the run; checkpoints/<name of the config file> when empty
    seed: int = 0  # of the first weights, the order of batches, augmentation and dropout
    ctc_frames_per_embedding: int = 1  # k: CTC frames that each embedding emits
    max_impossible: float = (
        0.02  # share of training rows without a CTC path above which training refuses to start
    )
    blocks_before_pool: int = 4  # encoder blocks that see a frame every 40 ms; behind them two become one, and a block costs half as much
    warmup_steps: int = 0  # steps in which the rate rises from 0 to learning_rate
    schedule: str = "constant"  # after the warm-up: constant, or cosine down to 0 at the last step
    muon_rate: float = 0.0  # peak rate of Muon, for the matrices of the encoder blocks; 0: AdamW has them too
    weight_decay: float = 0.0  # on matrices only
    gradient_clip: float = 1.0  # largest norm of the gradient of the loss in nats per character
    alignment_entropy: float = (
        0.0  # weight of the alignments' entropy, at the peak rate: CTC shall not bet on one (Liu et al. 2018)
    )
    intermediate_ctc: float = (
        0.0  # weight of a second CTC loss in the middle of the encoder (Lee & Watanabe 2021)
    )
    word_ctc: float = 0.0  # weight of a CTC loss over whole words before the last block
    average_decay: float = (
        0.0  # of the moving average of weights that is evaluated and saved; 0 is no averaging
    )
    speed_perturb: bool = False  # train at speeds 0.9, 1.0 and 1.1 (Ko et al. 2015)
    tempo_perturb: float = 0.0  # train at up to so much longer and shorter, at the same pitch; then as long as the longest of the batch
    vocal_tract_perturb: float = (
        0.0  # and with frequencies up to so much higher and lower (Jaitly & Hinton 2013)
    )
    colour_perturb: float = 0.0  # and through other microphones: nats (4.3 dB) of deviation of the gain, over all and by frequency
    noise_perturb: float = (
        0.0  # and this share of the clips in a steady noise of any colour, 5 to 30 dB softer than the clip
    )
    pause_perturb: float = 0.0  # and with up to so many seconds of quiet at an end, one time in six; one clip in 32 is quiet alone
    spec_augment: bool = False  # mask bands of frequency and time (Park et al. 2019)
    spec_augment_from_epoch: int = 1  # masks before the blank plateau is left only prolong it
    mixed_precision: bool = False  # products in bfloat16, where the processor multiplies it natively
    log_every: int = 100  # steps between log lines
    # the machine's: a run may be resumed with others (MACHINE below)
    device: str = "auto"  # cuda, mps, cpu, or auto: what OMNI_DEVICE says, or else cuda where there is one
    compile: bool = False  # one program of each encoder block (torch.compile); not measured
    tensorboard: bool = False  # write the log for TensorBoard too (pip install omni-lib[tensorboard])

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, _typed(field.name, field.type, getattr(self, field.name)))
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(f"{name} is {value}: it must lie between {low} and {high}")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                listed = " or ".join(map(str, choices))
                raise UserError(f"{name} is {getattr(self, name)!r}: it must be {listed}")
        if self.d_model % (2 * self.n_heads):
            raise UserError(f"d_model {self.d_model} must be a multiple of 2 x n_heads ({2 * self.n_heads})")

    @property
    def speeds(self) -> tuple[float, ...]:
        """The speeds at which training utterances are heard."""
        return (0.9, 1.0, 1.1) if self.speed_perturb else (1.0,)

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


_RANGES = {
    "d_model": (2, 4096),
    "n_layers": (1, 64),
    "n_heads": (1, 64),
    "d_ff": (1, 65536),
    "dropout": (0.0, 0.9),
    "batch_size": (1, 4096),
    "num_epochs": (1, 100_000),
    "learning_rate": (0.0, 1.0),
    "checkpoint_freq": (1, 10**9),
    "seed": (0, 2**31 - 1),
    "ctc_frames_per_embedding": (1, 8),
    "max_impossible": (0.0, 1.0),
    "blocks_before_pool": (0, 64),
    "warmup_steps": (0, 10**9),
    "muon_rate": (0.0, 1.0),
    "weight_decay": (0.0, 10.0),
    "gradient_clip": (0.0, 1e9),
    "alignment_entropy": (0.0, 10.0),
    "intermediate_ctc": (0.0, 1.0),
    "word_ctc": (0.0, 10.0),
    "average_decay": (0.0, 0.99999),
    "tempo_perturb": (0.0, 0.5),
    "vocal_tract_perturb": (0.0, 0.5),
    "colour_perturb": (0.0, 5.0),
    "noise_perturb": (0.0, 1.0),
    "pause_perturb": (0.0, 30.0),
    "spec_augment_from_epoch": (1, 100_000),
    "log_every": (1, 10**9),
}
_CHOICES = {
    "downsample_time": (4, 8),
    "schedule": ("constant", "cosine"),
    "device": ("auto", "cuda", "mps", "cpu"),
}
MACHINE = (
    "save_dir",
    "device",
    "compile",
    "tensorboard",
)  # settings that say where a run happens, not what it learns
_KINDS = {"int": "a whole number", "float": "a number", "str": "a text", "bool": "true or false"}


def _typed(name: str, kind: str, value: Any) -> Any:
    """`value` as the annotated type of setting `name`; JSON's 1 is accepted for 1.0, and nothing else is bent."""
    if kind == "float" and type(value) is int:
        value = float(value) if abs(value) < 2**1023 else math.inf  # JSON has no largest number, a float has
    if type(value).__name__ != kind or (kind == "float" and not math.isfinite(value)):
        raise UserError(f"{name} is {_shown(value)}: it must be {_KINDS[kind]}")
    if kind == "str" and not _can_name_a_file(value):
        raise UserError(f"{name} is {_shown(value)}: no file can have that name")
    return value


def _shown(value: Any) -> str:
    """`value` as JSON has it; what comes from a stranger's checkpoint may be no JSON at all."""
    try:
        return json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return f"of the type {type(value).__name__}"


def _can_name_a_file(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can write
        return False


def load_config(path: str | Path, overrides: list[str] | None = None) -> Config:
    """Read a JSON file (with `//` comments) and apply `key=value` overrides; `save_dir` is filled in from its name.

    Raises:
        UserError: no such file, no JSON, an unknown key or a bad value, by name.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: the configs are in the folder configs/") from None
    except (OSError, ValueError) as error:  # bytes that are no UTF-8, a NUL byte in the name
        raise UserError(f"{path} cannot be read as text: {error}") from None
    try:
        settings = json.loads(_without_comments(text), object_pairs_hook=_refuse_duplicates)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path} line {error.lineno} is not JSON: {error.msg}") from None
    except (RecursionError, ValueError) as error:
        raise UserError(f"{path} is not JSON: {error}") from None
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


def config_from_dict(settings: dict[str, Any]) -> Config:
    """A `Config` from a plain dictionary.

    Raises:
        UserError: an unknown key (with the nearest known one) or a bad value.
    """
    known = {field.name for field in fields(Config)}
    for key in settings:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"the settings are {', '.join(sorted(known))}"
            raise UserError(f"unknown setting {key!r}: {hint}")
    return Config(**settings)


def _parse_override(override: str) -> dict[str, Any]:
    key, separator, value = override.partition("=")
    if not separator:
        raise UserError(f"--set {override!r} must have the form key=value")
    try:
        return {key.strip(): json.loads(value)}
    except (ValueError, RecursionError):
        return {key.strip(): value}  # a bare text, such as a path


def _without_comments(text: str) -> str:
    """Blank out `// …` up to the end of its line, but not inside a quoted text such as "https://…"."""
    return re.sub(r'("(?:\\.|[^"\\\n])*")|//[^\n]*', lambda match: match.group(1) or "", text)


def _refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for key, value in pairs:
        if key in settings:
            raise UserError(f"the setting {key!r} stands twice")
        settings[key] = value
    return settings
