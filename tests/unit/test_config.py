"""Settings: the chapter's own JSON loads unchanged, and what is wrong is refused by name."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from omni_lib.config import Config, config_from_dict, load_config
from omni_lib.encoder import AudioEncoder, count_parameters
from omni_lib.errors import UserError

CONFIGS = Path(__file__).parents[2] / "configs"


@pytest.fixture
def written(tmp_path: Path):
    """A function that writes a text to tiny.json."""

    def write(text: str | bytes) -> Path:
        (tmp_path / "tiny.json").write_bytes(text.encode() if isinstance(text, str) else text)
        return tmp_path / "tiny.json"

    return write


def test_the_chapter_s_json_is_the_default():
    config = load_config(CONFIGS / "audio_enc_chapter.json")
    assert config.save_dir == "checkpoints/audio_enc_chapter"
    assert replace(config, save_dir="") == Config()
    assert "//" in (CONFIGS / "audio_enc_chapter.json").read_text(encoding="utf-8"), (
        "its comments are part of it"
    )
    chapter = {
        "d_model": 192,
        "n_layers": 4,
        "n_heads": 3,
        "d_ff": 768,
        "dropout": 0.1,
        "downsample_time": 8,
        "batch_size": 8,
    }
    assert chapter.items() <= config.to_dict().items()
    assert (config.num_epochs, config.learning_rate, config.checkpoint_freq) == (20, 1e-4, 1000)


def test_a_key_that_is_left_out_means_the_chapter_s_behaviour(written):
    config = load_config(written("{}"))
    assert (config.ctc_frames_per_embedding, config.schedule, config.warmup_steps) == (1, "constant", 0)
    assert (config.speed_perturb, config.spec_augment, config.speeds) == (False, False, (1.0,))


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.json")), ids=lambda path: path.stem)
def test_every_config_of_ours_loads(path):
    assert load_config(path).save_dir == f"checkpoints/{path.stem}"


def test_the_config_for_more_speech_has_the_encoder_of_the_embedded_corpus_and_few_other_settings():
    tiny, more = (load_config(CONFIGS / f"audio_enc_tiny{name}.json").to_dict() for name in ("", "_more"))
    changed = {name for name in tiny if tiny[name] != more[name]}
    how_it_learns = {"num_epochs", "speed_perturb", "average_decay", "weight_decay"}
    assert changed == {"data_path", "save_dir"} | how_it_learns


def test_the_librispeech_recipe_is_marked_untested_and_its_figures_are_right():
    """The figures in its comments: steps, parameters, shares and spans."""
    path = CONFIGS / "librispeech_100h.json"
    text, config = path.read_text(encoding="utf-8"), load_config(path)
    assert "UNTESTED" in text and all(recipe in text for recipe in ("ESPnet", "icefall", "NeMo"))
    steps_per_epoch = -(-28_539 // config.batch_size)
    assert f"{steps_per_epoch * config.num_epochs:,} steps" in text
    assert config.warmup_steps / (steps_per_epoch * config.num_epochs) == pytest.approx(0.1, abs=0.01)
    assert 1 / (1 - config.average_decay) == pytest.approx(5000) and round(5000 / steps_per_epoch) == 11
    assert f"{count_parameters(AudioEncoder.from_config(config)) / 1e6:.1f} million parameters" in text
    assert config.batch_size * 100.6 * 60 / 28_539 == pytest.approx(13, abs=1), (
        "minutes a step, of 100.6 hours"
    )
    assert config.ctc_frames_per_embedding * 12.5 == 37.5


def test_comments_and_slashes_inside_texts(written):
    text = '{ // first "quoted" // twice\n "data_path": "https://x//y\\"//z.csv", // last\n "seed": 3 }//end'
    config = load_config(written(text))
    assert (config.data_path, config.seed) == ('https://x//y"//z.csv', 3)


def test_bom_and_crlf(written):
    assert load_config(written(b'\xef\xbb\xbf{ // one\r\n "seed": 4\r\n}')).seed == 4


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("learning_rat", "learning_rate"),
        ("d_modle", "d_model"),
        ("epochs", "num_epochs"),
        ("Batch_Size", "batch_size"),
        ("lr", "learning_rate"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(written, key, near):
    with pytest.raises(UserError, match=f"tiny.json: unknown setting '{key}': did you mean '{near}'"):
        load_config(written(json.dumps({key: 1})))


def test_a_key_without_a_similar_one_is_refused_with_the_list_of_all():
    with pytest.raises(
        UserError, match="unknown setting 'zzzz': the settings are .*batch_size.*weight_decay"
    ):
        config_from_dict({"zzzz": 1})


BAD_VALUES = [
    ("batch_size", "8.5", "a whole number"),
    ("batch_size", "8.0", "a whole number"),
    ("batch_size", '"8"', "a whole number"),
    ("batch_size", "true", "a whole number"),
    ("batch_size", "null", "a whole number"),
    ("batch_size", "[8]", "a whole number"),
    ("batch_size", '{"value": 8}', "a whole number"),
    ("learning_rate", "NaN", "a number"),
    ("learning_rate", "Infinity", "a number"),
    ("learning_rate", "-Infinity", "a number"),
    ("learning_rate", "1e999", "a number"),
    ("learning_rate", "1" + "0" * 400, "a number"),
    ("learning_rate", '"fast"', "a number"),
    ("learning_rate", "false", "a number"),
    ("data_path", "3", "a text"),
    ("speed_perturb", "1", "true or false"),
    ("speed_perturb", '"yes"', "true or false"),
    ("batch_size", "0", "between 1 and"),
    ("batch_size", "-1", "between 1 and"),
    ("batch_size", "1" + "0" * 30, "between 1 and"),
    ("dropout", "1.0", "between 0.0 and 0.9"),
    ("learning_rate", "-1e-4", "between 0.0"),
    ("max_impossible", "2", "between 0.0 and 1.0"),
    ("downsample_time", "6", "must be 4 or 8"),
    ("schedule", '"linear"', "must be constant or cosine"),
    ("n_heads", "5", "multiple of 2 x n_heads"),
]


@pytest.mark.parametrize(("key", "value", "words"), BAD_VALUES)
def test_bad_values_are_refused_by_name(written, key, value, words):
    for load in (
        lambda: load_config(written(f'{{"{key}": {value}}}')),
        lambda: load_config(written("{}"), [f"{key}={value}"]),
    ):
        with pytest.raises(UserError, match=words) as refusal:
            load()
        assert (
            key in str(refusal.value) and "tiny.json" in str(refusal.value) and "\n" not in str(refusal.value)
        )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1 is not JSON"),
        ('{\n "seed": 1,\n}', "line (2|3) is not JSON"),
        ('{\n // fine\n "seed" 1}', "line 3 is not JSON"),
        ('{"seed": 1,}', "remove the comma"),
        ("{'seed': 1}", "straight double quotes"),
        ('{"seed": 1 # mine\n}', "write a comment as //"),
        ('{"compile": True}', "write true"),
        ("seed: 1", "inside braces"),
        ('{"checkpoint_freq": 1_000}', "write numbers as in 1000"),
        ('{"checkpoint_freq": 1,000}', "write numbers as in 1000"),
        ('{"learning_rate": .001}', "write numbers as in 1000"),
        ('{"seed": +1}', "write numbers as in 1000"),
        ('{"seed": 01}', "write numbers as in 1000"),
        (r'{"data_path": "C:\data\asr.csv"}', "backslash twice"),
        (r'{"data_path": "D:\new\tab.csv"}', "backslash twice"),
        ('{"seed": 1 "n_layers": 2}', "a comma is missing"),
        ('{"seed": 1', "a bracket } is missing"),
        ('{"seed": 1}\n{"seed": 2}', "keep one object of settings"),
        ("[1, 2]", "one JSON object"),
        ("3", "one JSON object"),
        ('{"seed": 1, "seed": 2}', "'seed' is given twice"),
        ("[" * 100_000, "is not JSON"),
        ('{"seed": ' + "1" * 5000 + "}", "is not JSON"),
        (b"\xff\xfe{\x00}\x00", "cannot be read as text"),
    ],
)
def test_files_that_are_not_settings_are_refused_in_one_line(written, text, words):
    with pytest.raises(UserError, match=words) as refusal:
        load_config(written(text))
    assert "\n" not in str(refusal.value) and "tiny.json" in str(refusal.value)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(UserError, match="nowhere.json does not exist"):
        load_config(tmp_path / "nowhere.json")
    with pytest.raises(UserError, match="cannot be read .* name a file"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied"), "Permission denied.: check its name and its permissions$"),
        (ValueError("embedded null byte"), "embedded null byte.: check its name"),
    ],
)
def test_the_remedy_for_a_file_that_cannot_be_read_fits_the_cause(tmp_path, monkeypatch, error, message):
    def fails(*arguments, **named):
        raise error

    monkeypatch.setattr(Path, "read_text", fails)
    with pytest.raises(UserError, match=message) as refusal:
        load_config(tmp_path / "mine.json")
    assert "UTF-8" not in str(refusal.value)


def test_overrides(written):
    path = written('{"seed": 1, "save_dir": "here"}')
    sets = [
        "seed=5",
        "learning_rate=3e-3",
        "data_path=a b/c=d.csv",
        "speed_perturb=true",
        "max_impossible=1",
        "seed=6",
    ]
    config = load_config(path, sets)
    assert (config.seed, config.learning_rate, config.data_path, config.speed_perturb) == (
        6,
        3e-3,
        "a b/c=d.csv",
        True,
    )
    assert config.max_impossible == 1.0 and isinstance(config.max_impossible, float)
    assert config.save_dir == "here"
    with pytest.raises(UserError, match="key=value"):
        load_config(path, ["seed"])
    with pytest.raises(UserError, match="did you mean 'seed'"):
        load_config(path, ["seeds=3"])


def test_an_empty_save_dir_is_the_usual_folder_and_not_the_working_directory(written):
    path = written('{"save_dir": "here"}')
    assert load_config(path, ["save_dir="]).save_dir == f"checkpoints/{path.stem}"
    assert load_config(written('{"save_dir": ""}')).save_dir == f"checkpoints/{path.stem}"


def test_speeds():
    assert Config(speed_perturb=True).speeds == (0.9, 1.0, 1.1)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("SEED", "did you mean 'seed'"),
        ("out", "did you mean 'save_dir'"),
        ("output_dir", "did you mean 'save_dir'"),
        ("save-path", "did you mean 'save_dir'"),
        ("checkpoint_dir", "did you mean 'save_dir'"),
        ("data_dir", "did you mean 'data_path'"),
        ("random_seed", "did you mean 'seed'"),
        ("wd", "did you mean 'weight_decay'"),
        ("max_grad_norm", "did you mean 'gradient_clip'"),
        ("max_steps", "it is an option of the command, --max-steps"),
    ],
)
def test_names_of_other_programs_lead_to_the_setting_that_means_the_same(key, meant):
    with pytest.raises(UserError, match=meant):
        config_from_dict({key: 1})


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "the file is empty"),
        ('{"seed" 1}', "a colon is missing"),
        ('{"seed": "1', 'a quote " is missing at its end'),
        ('{"seed"： 1}', "as on an English keyboard"),
        ('{"seed": 1，"dropout": 0.1}', "as on an English keyboard"),
    ],
)
def test_more_mistakes_in_json_are_named(written, text, hint):
    with pytest.raises(UserError, match=hint):
        load_config(written(text))


def test_a_folder_that_is_a_number_needs_quotes(written):
    with pytest.raises(UserError, match='it must be a text, "2024" with its quotes'):
        load_config(written("{}"), ["save_dir=2024"])
    assert load_config(written("{}"), ['save_dir="2024"']).save_dir == "2024"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("PK\3\4\0\0", "a checkpoint or another archive"),
        ("audio_path,transcription\na.wav,hi\n", "a manifest .give it with --set data_path"),
        ("<!DOCTYPE html><html>", "a web page"),
        ("version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    ],
)
def test_what_is_named_in_place_of_a_config_is_told(written, text, kind):
    with pytest.raises(UserError, match=f"is {kind}.*, not a config: the configs are in the folder"):
        load_config(written(text))


def test_a_checkpoint_in_place_of_a_config_is_told(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"PK\3\4" + bytes(range(256)))
    with pytest.raises(UserError, match="is a checkpoint or another archive, not a config"):
        load_config(tmp_path / "a.pt")


@pytest.mark.parametrize("value", ["~/runs", "~"])
def test_a_folder_named_with_a_tilde_is_not_made(written, value):
    with pytest.raises(UserError, match="~ does not stand for a folder here, so write its path"):
        load_config(written("{}"), [f"save_dir={value}"])


def test_a_long_value_is_shown_shortened(written):
    with pytest.raises(UserError, match="must be a whole number") as caught:
        load_config(written("{}"), [f"seed={'9' * 5000}"])
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"seed":\u00a01}', "a space here is not an ordinary one"),
        ("[" * 100_000, "it is nested too deeply"),
        ('{"seed": ' + "9" * 5000 + "}", "a number of thousands of digits"),
    ],
)
def test_causes_inside_python_are_told_in_plain_words(written, text, hint):
    with pytest.raises(UserError, match=hint):
        load_config(written(text))
