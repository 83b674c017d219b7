"""Checkpoints: written whole or not at all, checked before they are used, harmless whoever wrote them."""

import errno
import os
import pickle
import stat
import zipfile
from pathlib import Path

import pytest
import torch
from torch import nn

from omni_lib.config import Config
from omni_lib.errors import UserError
from omni_lib.machine import files
from omni_lib.machine.files import write_atomically
from omni_lib.recogniser import Recogniser, load_recogniser
from omni_lib.text import Vocabulary
from omni_lib.training.checkpoint import (
    BEST,
    delete_old_checkpoints,
    periodic_checkpoints,
    save_checkpoint,
    step_of,
)
from omni_lib.weights import DamagedCheckpoint, ForeignFile, checkpoint_config, load_checkpoint, load_weights

SMALL = Config(d_model=16, n_heads=2, n_layers=2, d_ff=32)


def contents(config: Config = SMALL) -> dict:
    recogniser = Recogniser(config)
    return {
        "enc": recogniser.encoder.state_dict(),
        "head": recogniser.head.state_dict(),
        "config": config.to_dict(),
        "vocabulary": list(Vocabulary().symbols),
        "feature_stats": {"mean": torch.zeros(128), "deviation": torch.ones(128)},
        "step": 7,
        "metrics": {"dev_wer": 0.5},
    }


def refused(path) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(UserError) as refusal:
        load_recogniser(path)
    message = str(refusal.value)
    assert "\n" not in message and path.name in message
    return message


def test_what_is_saved_is_what_is_loaded(tmp_path):
    saved = contents()
    save_checkpoint(tmp_path / "new folder" / "a.pt", saved)
    loaded = load_checkpoint(tmp_path / "new folder" / "a.pt")
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded["enc"][name], saved["enc"][name]) for name in saved["enc"])
    assert loaded["step"] == 7 and checkpoint_config(loaded, tmp_path) == SMALL
    assert not list((tmp_path / "new folder").glob("*.partial"))


@pytest.mark.parametrize("call", ["replace", "fsync"])
def test_a_failure_in_the_middle_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "a.pt"
    write_atomically(path, b"old")

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, call, full)
    with pytest.raises(UserError, match="a.pt cannot be written .No space left on device"):
        save_checkpoint(path, contents())
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.pt"]


def test_a_file_that_is_being_read_is_replaced_as_soon_as_the_reader_is_done(tmp_path, monkeypatch):
    """Windows refuses to replace a file that another process has open, such as a panel the training log."""
    path, refusals, replace = tmp_path / "a.pt", [1, 2, 3], os.replace
    write_atomically(path, b"old")

    def in_use(source, target):
        if refusals:
            refusals.pop()
            raise PermissionError(errno.EACCES, "Permission denied")
        replace(source, target)

    monkeypatch.setattr(files, "PAUSE", 0.0)
    monkeypatch.setattr(files, "TRIES", 40)
    monkeypatch.setattr(os, "replace", in_use)
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new" and not refusals
    refusals += [1] * 1000  # it never ends
    with pytest.raises(UserError, match="a.pt cannot be written .Permission denied"):
        write_atomically(path, b"newer")
    assert path.read_bytes() == b"new" and os.listdir(tmp_path) == ["a.pt"]


@pytest.mark.skipif(os.name != "posix", reason="only Windows refuses to replace a file that is open")
def test_elsewhere_a_refusal_is_reported_at_once(tmp_path, monkeypatch):
    tries = []

    def refused(source, target):
        tries.append(target)
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(UserError, match="a.pt cannot be written .Permission denied"):
        write_atomically(tmp_path / "a.pt", b"new")
    assert len(tries) == 1


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such call")
@pytest.mark.parametrize("call", ["open", "fsync"])
def test_a_folder_that_cannot_be_synchronised_holds_the_file_all_the_same(tmp_path, monkeypatch, call):
    """A network disk refuses it (EINVAL). A folder that may be written but not listed cannot be opened."""
    true = getattr(os, call)

    def refuses_folders(target, *arguments):
        if call == "open":
            raise PermissionError(errno.EACCES, "Permission denied")
        if stat.S_ISDIR(os.fstat(target).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        return true(target, *arguments)

    monkeypatch.setattr(os, call, refuses_folders)
    write_atomically(tmp_path / "a.pt", b"new")
    monkeypatch.undo()
    assert (tmp_path / "a.pt").read_bytes() == b"new" and os.listdir(tmp_path) == ["a.pt"]


def test_a_process_that_dies_before_the_last_step_leaves_the_old_file(tmp_path, monkeypatch):
    """A killed process cannot clean up; the file that it leaves is not taken for a checkpoint."""
    path = tmp_path / "audio_enc_step_5.pt"
    write_atomically(path, b"old")

    def killed(*arguments):
        raise SystemExit

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(SystemExit):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert periodic_checkpoints(tmp_path) == [path]


def test_a_folder_that_cannot_be_made_is_refused_in_one_line(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match="cannot be written"):
        save_checkpoint(tmp_path / "file" / "a.pt", contents())


def test_one_flipped_bit_in_a_weight_is_found_and_named(tmp_path):
    path = tmp_path / "a.pt"
    save_checkpoint(path, contents())
    with zipfile.ZipFile(path) as archive:
        weight = max(
            (entry for entry in archive.infolist() if "/data/" in entry.filename),
            key=lambda entry: entry.file_size,
        )
    damaged = bytearray(path.read_bytes())
    start = (
        weight.header_offset
        + 30
        + int.from_bytes(damaged[weight.header_offset + 26 : weight.header_offset + 28], "little")
    )
    start += int.from_bytes(damaged[weight.header_offset + 28 : weight.header_offset + 30], "little")
    damaged[start + weight.file_size // 2] ^= 1
    path.write_bytes(damaged)
    assert weight.filename in refused(path)


@pytest.mark.parametrize("size", [0, 1, 100, 5000, -1])
def test_a_file_cut_short_is_damaged(tmp_path, size):
    path = tmp_path / "a.pt"
    save_checkpoint(path, contents())
    path.write_bytes(path.read_bytes()[:size])
    assert "damaged" in refused(path)


class Trap:
    """Unpickling it makes a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("writer", ["torch", "torch's old format", "pickle"])
def test_a_file_that_carries_code_is_refused_and_runs_none(tmp_path, writer):
    path, trace = tmp_path / "a.pt", tmp_path / "it ran"
    hostile = {**contents(), "metrics": Trap(trace)}
    if writer == "pickle":
        path.write_bytes(pickle.dumps({"metrics": Trap(trace)}))
    else:
        torch.save(hostile, path, _use_new_zipfile_serialization=writer == "torch")
    refused(path)
    assert not trace.exists()


@pytest.mark.parametrize("kind", [DamagedCheckpoint, ForeignFile])
def test_a_refusal_can_be_sent_to_another_process(kind):
    refusal = kind(Path("a.pt"), "cut short")
    again = pickle.loads(pickle.dumps(refusal))
    assert (type(again), str(again), again.reason) == (kind, str(refusal), "cut short")


def test_a_missing_file_says_how_to_make_one(tmp_path):
    assert "omni train" in refused(tmp_path / "none.pt")


@pytest.mark.parametrize(
    ("contents", "form"),
    [
        (b"\x02\0\0\0\0\0\0\0{}", "a file of safetensors"),
        (b"GGUF\3\0\0\0", "a model of GGML"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x08\7\x12\7pytorch", "a model of ONNX"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"\x1f\x8b\x08\0", "packed"),
        (b"./model_config.yaml" + bytes(238) + b"ustar", "an archive, as NeMo writes it"),
        (b"\x80\2\x8a\nl\xfc", "a pickle"),
    ],
)
def test_files_of_other_programs_are_named_by_what_they_are(tmp_path, contents, form):
    (tmp_path / "a.pt").write_bytes(contents)
    with pytest.raises(
        UserError, match=f"a.pt is {form}.*, not a checkpoint of omni train: name an audio_enc"
    ):
        load_checkpoint(tmp_path / "a.pt")


def test_other_archives_are_named_by_what_they_are(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("model/constants.pkl", b"")
    with pytest.raises(UserError, match="is a model of TorchScript, not a checkpoint"):
        load_checkpoint(tmp_path / "a.pt")
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        archive.writestr("arr_0.npy", b"")
    with pytest.raises(UserError, match="is a ZIP archive of something else, not a checkpoint"):
        load_checkpoint(tmp_path / "a.pt")


def test_other_peoples_files_are_refused_by_what_they_lack(tmp_path):
    torch.save({"enc": {}, "step": 1}, tmp_path / "a.pt")
    assert "lacks head, config, vocabulary, feature_stats, metrics" in refused(tmp_path / "a.pt")
    torch.save(torch.zeros(3), tmp_path / "b.pt")
    assert "lacks enc" in refused(tmp_path / "b.pt")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda saved: saved["enc"].update({"norm.weight": torch.zeros(3)}),
        lambda saved: saved["enc"].pop("feature_mean"),
        lambda saved: saved["head"].update({"surplus": torch.zeros(3)}),
        lambda saved: saved.update({"head": None}),
        lambda saved: saved["config"].update({"d_model": 32}),
    ],
    ids=["shape", "missing", "surplus", "nothing", "config"],
)
def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path, spoil):
    saved = contents()
    spoil(saved)
    save_checkpoint(tmp_path / "a.pt", saved)
    assert "does not fit" in refused(tmp_path / "a.pt")


@pytest.mark.parametrize("config", [None, 3, ["d_model"], {"d_model": "x"}, {"surprise": 1}, {1: 2}])
def test_what_is_not_settings_is_refused_in_one_line(tmp_path, config):
    save_checkpoint(tmp_path / "a.pt", {**contents(), "config": config})
    with pytest.raises(UserError) as refusal:
        load_recogniser(tmp_path / "a.pt")
    assert "\n" not in str(refusal.value)


def test_weights_of_another_floating_type_are_loaded(tmp_path):
    layer = nn.Linear(2, 2)
    load_weights(layer, {name: value.half() for name, value in nn.Linear(2, 2).state_dict().items()}, "a.pt")
    assert layer.weight.dtype == torch.float32


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_numbers_are_refused(value):
    state = {name: value * weight for name, weight in nn.Linear(2, 2).state_dict().items()}
    with pytest.raises(UserError, match="a.pt holds values in weight that are not finite numbers: use an"):
        load_weights(nn.Linear(2, 2), state, "a.pt")


def test_the_deletion_of_old_checkpoints_keeps_the_newest_three_and_the_best(tmp_path):
    for step in (2, 10, 9, 1000, 99):
        (tmp_path / f"audio_enc_step_{step}.pt").touch()
    others = [BEST, "audio_enc_step_1.pt.partial", "audio_enc_step_x.pt", "notes.txt"]
    for name in others:
        (tmp_path / name).touch()
    delete_old_checkpoints(tmp_path)
    assert [path.name for path in periodic_checkpoints(tmp_path)] == [
        f"audio_enc_step_{step}.pt" for step in (10, 99, 1000)
    ]
    assert all((tmp_path / name).exists() for name in others)


def test_everything_is_opened_with_weights_only(tmp_path, monkeypatch):
    asked = {}
    monkeypatch.setattr(torch, "load", lambda *arguments, **options: asked.update(options) or contents())
    save_checkpoint(tmp_path / "a.pt", contents())
    load_checkpoint(tmp_path / "a.pt")
    assert asked["weights_only"] is True


def test_an_old_checkpoint_that_another_program_reads_is_deleted_at_a_later_save(tmp_path, monkeypatch):
    """Windows deletes no file that is open. That must not end a training whose new checkpoint is saved."""
    for step in range(1, 6):
        write_atomically(tmp_path / f"audio_enc_step_{step}.pt", b"")
    unlink, in_use = Path.unlink, [tmp_path / "audio_enc_step_1.pt"]

    def refused(path, missing_ok=False):
        if path in in_use:
            raise PermissionError(errno.EACCES, "used by another process")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refused)
    delete_old_checkpoints(tmp_path, keep=2)
    assert [step_of(path) for path in periodic_checkpoints(tmp_path)] == [1, 4, 5]
    in_use.clear()
    delete_old_checkpoints(tmp_path, keep=2)
    assert [step_of(path) for path in periodic_checkpoints(tmp_path)] == [4, 5]
