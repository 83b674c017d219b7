"""Checkpoints that were damaged by accident or on purpose are named, or the damage is harmless."""

import json
import random
import shutil
import zipfile
from dataclasses import replace

import pytest
import torch

from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.recogniser import Recogniser, load_recogniser
from omni_lib.session import train
from omni_lib.stage_e import load_encoder
from omni_lib.text import Vocabulary
from omni_lib.training.checkpoint import BEST, delete_old_checkpoints, periodic_checkpoints, save_checkpoint
from omni_lib.weights import load_checkpoint

SMALL = Config(d_model=8, n_heads=1, n_layers=1, d_ff=8)


def quiet(line: str) -> None:
    """Receives what training reports, and drops it."""


@pytest.fixture(scope="module")
def contents():
    torch.manual_seed(0)
    recogniser = Recogniser(SMALL)
    return {
        "enc": recogniser.encoder.state_dict(),
        "head": recogniser.head.state_dict(),
        "config": SMALL.to_dict(),
        "vocabulary": list(Vocabulary().symbols),
        "feature_stats": {"mean": torch.zeros(128), "deviation": torch.ones(128)},
        "step": 7,
        "metrics": {"dev_wer": 0.5},
    }


@pytest.fixture(scope="module")
def whole(contents, tmp_path_factory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "a.pt"
    save_checkpoint(path, contents)
    return path.read_bytes()


def regions(path) -> dict[str, list[tuple[int, int]]]:
    """The parts of a checkpoint as (start, end) in its bytes: each kind, and each tensor by itself."""
    size, found = path.stat().st_size, {"local headers": [], "padding": []}
    with zipfile.ZipFile(path) as archive:
        directory = archive.start_dir
        for entry in archive.infolist():
            with open(path, "rb") as file:
                file.seek(entry.header_offset)
                header = file.read(30)
            name, extra = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
            start = entry.header_offset + 30 + name + extra
            found["local headers"].append((entry.header_offset, entry.header_offset + 30 + name))
            found["padding"].append((entry.header_offset + 30 + name, start))
            found[entry.filename.partition("/")[2]] = [(start, start + entry.file_size)]
    return found | {
        "central directory": [(directory, size - 22)],
        "end of central directory": [(size - 22, size)],
    }


def damage(rng: random.Random, data: bytearray, start: int, end: int) -> None:
    """One accident between `start` and `end`: flipped bits, an overwritten sector, bytes lost or doubled."""
    place = rng.randrange(start, end)
    length = min(rng.choice([1, 1, 4, 16, 512, 4096]), end - place)
    match rng.randrange(6):
        case 0 | 1:
            data[place] ^= 1 << rng.randrange(8)
        case 2:
            data[place : place + length] = bytes(length)
        case 3:
            data[place : place + length] = rng.randbytes(length)
        case 4:
            del data[place : place + length]
        case _:
            data[place:place] = data[place : place + length]


def test_damage_in_every_region_is_named_or_harmless(
    judged, unlike, contents, whole, inputs, tmp_path, record_property
):
    """Anywhere in the file: the tensors that load are equal, or the file is refused by name."""
    path = tmp_path / "audio_enc_step_7.pt"
    path.write_bytes(whole)
    parts = regions(path)
    assert len([name for name in parts if name.startswith("data/")]) > len(contents["enc"]), (
        "each tensor is a region"
    )
    named = harmless = damaged_bytes = 0
    for number in range(max(inputs(0.1), len(parts))):
        rng, data = random.Random(f"damage {number}"), bytearray(whole)
        name = list(parts)[number % len(parts)]
        damage(rng, data, *rng.choice([part for part in parts[name] if part[0] < part[1]]))
        damaged_bytes += len(data) != len(whole) or sum(
            left != right for left, right in zip(data, whole, strict=True)
        )
        path.write_bytes(data)
        loaded = judged(load_checkpoint, path)
        if isinstance(loaded, UserError):
            assert path.name in str(loaded)
            named += 1
        else:
            assert unlike(loaded, contents) == [], name
            harmless += data != whole
    assert named > harmless > 0
    record_property("damage", {"named": named, "harmless": harmless})
    print(
        f"{named} damaged files named, {harmless} loaded with equal tensors, {damaged_bytes} bytes differed"
    )


PLAIN = [
    None,
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    True,
    "",
    "x",
    "\x1b[2J",
    b"x",
    [],
    [1],
    {},
    {"a": 1},
    (),
    {1, 2},
    1j,
]
SIZES = [torch.zeros(0), torch.zeros(3), torch.zeros(1).expand(10**9)]
STRANGE = [
    *PLAIN,
    *SIZES,
    torch.zeros(2, 2).to_sparse(),
    torch.zeros(2, dtype=torch.int8),
    torch.zeros(2, dtype=torch.complex64),
]


def strange_contents(rng: random.Random, contents: dict) -> dict:
    """A checkpoint in which a part, or a value inside a part, has the wrong type."""
    made = {key: dict(value) if isinstance(value, dict) else value for key, value in contents.items()}
    for _ in range(rng.randint(1, 2)):
        part = rng.choice(list(made))
        inside = made[part]
        if isinstance(inside, dict) and inside and rng.random() < 0.7:
            key = rng.choice(list(inside))
            match rng.randrange(3):
                case 0:
                    del inside[key]
                case 1:
                    inside[key] = rng.choice(STRANGE)
                case _:
                    inside[rng.choice(["new", 1, ""])] = rng.choice(STRANGE)
        else:
            made[part] = rng.choice(STRANGE)
    return made


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_strange_contents_are_refused_in_one_line_or_load(judged, contents, inputs, tmp_path):
    """Whatever plain values a file holds, loading it for inference or Stage E works or is refused."""
    path, refused = tmp_path / "a.pt", 0
    for number in range(inputs(0.04)):
        torch.save(strange_contents(random.Random(f"strange {number}"), contents), path)
        for load in (load_recogniser, load_encoder):
            loaded = judged(load, path)
            refused += isinstance(loaded, UserError)
            assert not isinstance(loaded, UserError) or path.name in str(loaded)
    assert refused > inputs(0.04)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
def test_strange_contents_are_not_resumed(judged, make_tiny_config, inputs, tmp_path):
    """The same for the part that only training reads."""
    config = make_tiny_config(tmp_path / "run")
    saved = load_checkpoint(train(config, max_steps=1, report=quiet).checkpoint)
    for number in range(max(5, inputs(0.002))):
        rng = random.Random(f"resume {number}")
        resume = strange_contents(rng, saved["resume"]) if rng.random() < 0.8 else rng.choice(STRANGE)
        torch.save(saved | {"resume": resume}, tmp_path / "run" / "audio_enc_step_1.pt")
        result = judged(lambda: train(config, resume=True, max_steps=2, report=quiet))
        if not isinstance(result, UserError):
            (tmp_path / "run" / "audio_enc_step_2.pt").unlink()


@pytest.mark.filterwarnings("ignore:Validating sparse tensor")
@pytest.mark.parametrize(
    "length",
    [None, "18", 18.0, True, torch.tensor(18), torch.eye(2).to_sparse()],
    ids=["none", "text", "float", "bool", "tensor", "sparse"],
)
def test_a_run_whose_length_is_not_a_whole_number_is_not_resumed(tmp_path, resumable, length):
    config, saved = resumable
    torch.save(
        saved | {"resume": saved["resume"] | {"total_steps": length}}, tmp_path / "audio_enc_step_1.pt"
    )
    with pytest.raises(
        UserError,
        match=r"audio_enc_step_1\.pt does not record how many steps its run has and cannot be resumed",
    ):
        train(replace(config, save_dir=str(tmp_path)), resume=True, report=quiet)


@pytest.fixture(scope="module")
def resumable(make_tiny_config, tmp_path_factory):
    """The settings of a run, and its checkpoint after one step."""
    config = make_tiny_config(tmp_path_factory.mktemp("resumable") / "run")
    return config, load_checkpoint(train(config, max_steps=1, report=quiet).checkpoint)


@pytest.mark.parametrize("key", ["steps", "loss", "posteriors", "errors"])
@pytest.mark.parametrize("value", [None, -1, True, "x", float("nan"), {"a": 1}], ids=str)
def test_sums_that_are_not_numbers_are_refused_when_resuming(tmp_path, resumable, key, value):
    config, saved = resumable
    window = saved["resume"]["window"] | {key: value}
    torch.save(saved | {"resume": saved["resume"] | {"window": window}}, tmp_path / "audio_enc_step_1.pt")
    with pytest.raises(
        UserError,
        match=r"cannot be resumed by this version \(TypeError: the sums since the last log line are not",
    ):
        train(replace(config, save_dir=str(tmp_path)), resume=True, report=quiet)


@pytest.mark.parametrize("part", ["model", "averaged", "optimizers", "window", "best_wer"])
def test_a_part_with_a_billion_elements_does_not_hang_a_resume(judged, tmp_path, resumable, part):
    """A billion zeros take four bytes in a file, but hours to iterate over."""
    config, saved = resumable
    torch.save(
        saved | {"resume": saved["resume"] | {part: torch.zeros(1).expand(10**9)}},
        tmp_path / "audio_enc_step_1.pt",
    )
    result = judged(
        lambda: train(replace(config, save_dir=str(tmp_path)), resume=True, max_steps=2, report=quiet)
    )
    assert isinstance(result, UserError) and str(tmp_path) in str(result)


def test_settings_that_ask_for_more_than_the_file_holds_take_no_memory(contents, tmp_path):
    """The settings in a file of some kilobytes may describe an encoder of 60 GB."""
    large = Config(d_model=4096, n_heads=64, n_layers=64, d_ff=65_536)
    save_checkpoint(tmp_path / "a.pt", contents | {"config": large.to_dict()})
    for load in (load_recogniser, load_encoder):
        with pytest.raises(UserError, match=r"a\.pt does not fit"):
            load(tmp_path / "a.pt")


def test_a_compressed_checkpoint_is_refused_before_it_is_unpacked(contents, whole, tmp_path):
    """torch never compresses: a file that is compressed was made by hand, and may unpack to any size."""
    (tmp_path / "whole.pt").write_bytes(whole)
    with (
        zipfile.ZipFile(tmp_path / "whole.pt") as source,
        zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as bomb,
    ):
        for entry in source.infolist():
            bomb.writestr(entry.filename, source.read(entry))
        bomb.writestr("archive/data/999", bytes(300_000_000))
    assert (tmp_path / "bomb.pt").stat().st_size < 1_000_000
    with pytest.raises(UserError, match="compressed"):
        load_checkpoint(tmp_path / "bomb.pt")


# The checkpoint before


@pytest.fixture
def stopped(make_tiny_config, tmp_path):
    """A run that was stopped at step 12, with checkpoints of steps 5, 10 and 12."""
    config = make_tiny_config(tmp_path / "run")
    train(config, max_steps=12, report=quiet)
    return config, periodic_checkpoints(tmp_path / "run")


def spoil(path) -> None:
    """Flip one bit of the largest tensor."""
    data = bytearray(path.read_bytes())
    ((start, end),) = max(
        (parts for name, parts in regions(path).items() if name.startswith("data/")),
        key=lambda parts: parts[0][1] - parts[0][0],
    )
    data[(start + end) // 2] ^= 1
    path.write_bytes(data)


def test_a_damaged_newest_checkpoint_is_named_and_the_one_before_offered(
    stopped, make_tiny_config, tmp_path, unlike
):
    config, (_, before, newest) = stopped
    spoil(newest)
    with pytest.raises(UserError) as refusal:
        train(config, resume=True, report=quiet)
    message = str(refusal.value)
    assert f"{newest} is damaged" in message and f"delete it to go on from {before.name}" in message
    newest.unlink()  # as the message advises
    result = train(config, resume=True, report=quiet)
    unbroken = train(make_tiny_config(tmp_path / "unbroken"), report=quiet)
    assert unlike(load_checkpoint(result.checkpoint), load_checkpoint(unbroken.checkpoint)) == []


def test_only_an_undamaged_checkpoint_is_offered(stopped):
    config, (first, before, newest) = stopped
    spoil(newest)
    spoil(before)
    with pytest.raises(UserError, match=f"delete it and {before.name} to go on from {first.name}"):
        train(config, resume=True, report=quiet)
    spoil(first)
    with pytest.raises(
        UserError,
        match=f"delete it and {before.name} and {first.name}, and copy {BEST} to audio_enc_step_6.pt",
    ):
        train(config, resume=True, report=quiet)
    for path in (first, before, newest):
        path.unlink()
    shutil.copy(first.with_name(BEST), first.with_name("audio_enc_step_6.pt"))  # as the message advises
    lines = []
    train(config, resume=True, report=lines.append)
    assert "Resuming at step 6/18" in lines


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(stopped):
    config, paths = stopped
    for path in (*paths, paths[0].with_name(BEST)):
        spoil(path)
    with pytest.raises(
        UserError, match="no other checkpoint of this run is undamaged: train into another save_dir"
    ):
        train(config, resume=True, report=quiet)


@pytest.mark.parametrize("damaged", [(), (4,), (2, 3, 4), (1, 2, 3, 4), (0, 1, 2, 3, 4)])
def test_the_deletion_of_old_checkpoints_never_deletes_the_only_good_one_nor_the_best(
    whole, tmp_path, damaged
):
    """The newest three stay; if all of them are damaged, the newest undamaged one stays too."""
    paths = [tmp_path / f"audio_enc_step_{step}.pt" for step in (1, 2, 3, 4, 5)]
    for path in (*paths, tmp_path / BEST):
        path.write_bytes(whole)
    for index in damaged:
        spoil(paths[index])
    delete_old_checkpoints(tmp_path)
    kept = periodic_checkpoints(tmp_path)
    sound = [path for index, path in enumerate(paths) if index not in damaged]
    assert kept[-3:] == paths[2:] and (tmp_path / BEST).exists()
    assert not sound or any(path in kept for path in sound)
    assert len(kept) == (4 if damaged in ((2, 3, 4), (1, 2, 3, 4)) else 3)


def test_a_log_that_was_damaged_does_not_stop_the_run(stopped, unlike):
    """The message names the log; after it is deleted, the run resumes with a new one."""
    config, _ = stopped
    log = periodic_checkpoints(stopped[1][0].parent)[0].with_name("training_log.json")
    log.write_text(log.read_text(encoding="utf-8")[:-30], encoding="utf-8")
    with pytest.raises(UserError, match=r"training_log\.json is not a training log: delete it"):
        train(config, resume=True, report=quiet)
    log.unlink()
    train(config, resume=True, report=quiet)
    assert [
        entry["step"]
        for entry in json.loads(log.read_text(encoding="utf-8"))["entries"]
        if entry["type"] == "step"
    ] == [16, 18]
