"""Settings, overrides and logs of any kind are accepted, or refused in one line."""

import dataclasses
import json
import math
import random

import pytest

from omni_lib.config import Config, load_config
from omni_lib.errors import UserError
from omni_lib.runs.log import TrainingLog, read_log

KEYS = [field.name for field in dataclasses.fields(Config)]
NUMBERS = [0, 1, -1, 2, 8, 1.5, -0.0, 1e-300, 1e300, 10**400, -(10**30), 2**31, math.nan, math.inf, -math.inf]
TEXTS = ["", "8", "nan", "constant", "cosine", "x" * 5000, "\x1b[2J", "a\nb", "\0", "\ud800", "ü"]
VALUES = [*NUMBERS, *TEXTS, True, False, None, [], [1], {}, {"d_model": 1}, [[[[]]]]]
UNKNOWN = ["dmodel", "lr", "", "\0", "x" * 3000, "__class__", "//", "\x1b[2J", "a\nb"]
OVERRIDES = [
    "d_model=8",
    "=",
    "seed",
    "seed=",
    "x=1",
    "seed=nan",
    "data_path=[",
    "seed=" + "[" * 100_000,
    "\0=\0",
    "seed=1e999",
]
INSERTED = ["// a comment\n", "//", "/* no */", "#", ",", '"', "\\", "}", "\ufeff", "\0", "\u2028"]
ENCODINGS = ["utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1"]


def some_settings(rng: random.Random) -> str:
    """A JSON file of settings in which some are right and some are not."""
    settings = {}
    for _ in range(rng.randint(0, 6)):
        key = rng.choice(KEYS if rng.random() < 0.85 else UNKNOWN)
        settings[key] = (
            dataclasses.asdict(Config())[key] if key in KEYS and rng.random() < 0.5 else rng.choice(VALUES)
        )
    text = json.dumps(settings, indent=rng.choice([None, 1]), ensure_ascii=rng.random() < 0.5)
    match rng.randrange(14):
        case 0:
            place = rng.randint(0, len(text))
            return text[:place] + rng.choice(INSERTED) + text[place:]
        case 1:
            return text[: rng.randint(0, len(text))]
        case 2:
            return "[" * rng.choice([10, 100_000]) + text
        case 3:
            return '{"d_model":' * rng.choice([10, 50_000]) + "1" + "}" * 10
        case 4:
            return text.replace("}", f', "{rng.choice(KEYS)}": 1, "{rng.choice(KEYS)}": 2}}')
        case 5:
            return rng.choice(["null", "3", '"text"', "[]", "", " ", "NaN", "{", "}", "\0"])
        case 6:
            return '{"seed": ' + "9" * rng.choice([10, 5000]) + "}"
        case _:
            return text


def test_any_settings_are_a_config_or_one_line(judged, inputs, tmp_path):
    path, understood = tmp_path / "settings.json", 0
    for number in range(inputs(0.2)):
        rng = random.Random(f"settings {number}")
        contents = some_settings(rng).encode(rng.choice(ENCODINGS), errors="replace")
        path.write_bytes(contents if rng.random() < 0.95 else rng.randbytes(40))
        config = judged(load_config, path, [rng.choice(OVERRIDES)] if rng.random() < 0.2 else None)
        if isinstance(config, UserError):
            assert "settings.json" in str(config) or "--set" in str(config)
        else:
            understood += 1
            assert Config(**json.loads(json.dumps(config.to_dict()))) == config, (
                "and it can be written down again"
            )
    assert understood > inputs(0.2) / 20


def test_any_settings_through_the_command_line(omni, inputs, tmp_path):
    """The data does not exist, so that nothing is trained: exit 2 and one line, always."""
    path = tmp_path / "settings.json"
    for number in range(inputs(0.02)):
        rng = random.Random(f"train {number}")
        path.write_bytes(some_settings(rng).encode("utf-8", errors="replace"))
        bad_data = rng.choice(["nowhere/asr.csv", "a\0b", "x" * 5000, ".", "", "\x1b[2J"])
        status, _, _ = omni(["train", "--config", str(path), "--set", f"data_path={json.dumps(bad_data)}"])
        assert status == 2


@pytest.mark.parametrize("name", ["a\0b.json", "x" * 5000 + ".json", "\x1b[2J", "."])
def test_a_config_whose_name_no_file_can_have(omni, name):
    assert omni(["train", "--config", name])[0] == 2


def spoilt(text: str, rng: random.Random, inserted: list[str]) -> bytes:
    """`text` with some of its characters lost and something in their place, up to three times; or noise."""
    for _ in range(rng.randint(0, 3)):
        place = rng.randint(0, len(text))
        text = text[:place] + rng.choice(inserted) + text[place + rng.randint(0, 30) :]
    return text.encode() if rng.random() < 0.9 else rng.randbytes(60)


def test_any_log_is_read_or_refused_in_one_line(judged, inputs, tmp_path):
    path = tmp_path / "training_log.json"
    numbers = {"ctc_loss": 1.5, "wer": 1, "blank_rate": 0.5, "learning_rate": 0.1, "seconds_per_step": 0.2}
    entries = [{"type": "step", "step": step, "epoch": 1, **numbers} for step in (1, 2, 3)]
    sound = json.dumps({"config": {}, "entries": entries})
    for number in range(inputs(0.06)):
        rng = random.Random(f"log {number}")
        path.write_bytes(
            spoilt(sound, rng, ["", "[", "]", "{", '"', ",", "null", "NaN", "x", "1", "[" * 50_000])
        )
        log = judged(read_log, path)
        resumed = judged(TrainingLog.resumed, tmp_path, {}, 2)
        assert isinstance(log, UserError) == isinstance(resumed, UserError)
        if not isinstance(log, UserError):
            assert all(entry["step"] <= 2 for entry in resumed.entries)
