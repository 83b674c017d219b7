"""The capstone of lesson 05: a real training in which the learner's solved parts replace the library's."""

import json
import linecache

import nbformat
import pytest
import torch

import omni_lib.decoding
import omni_lib.trainer
from omni_lib.course import own_training
from omni_lib.course.exercises.answers import loaded
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.notebooks import FOLDER, lesson_of, solve_before, solved
from omni_lib.course.own_recogniser import PARTS, exercise_of, installed, own_parts, train_with
from omni_lib.course.training_run import TrainingRun, compare
from omni_lib.ctc import collapse
from omni_lib.errors import UserError
from omni_lib.runs.log import read_log
from omni_lib.runs.status import State
from omni_lib.session import train

pytestmark = pytest.mark.training


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path / "home"))


def solve(*keys):
    for key in keys:
        exercise = exercise_of(key)
        assert exercise.check(exercise.answer).outcome.counts_as_right


def written(config, path):
    path.write_text(json.dumps(config.to_dict()))
    return path


def figures(folder):
    """Loss and error rates of a run, line by line."""
    return [
        (entry["step"], entry.get("ctc_loss", 0.0), entry.get("wer", 0.0), entry.get("dev_wer", 0.0))
        for entry in read_log(folder / "training_log.json")["entries"]
    ]


def test_every_part_is_an_exercise_with_a_place_in_training():
    for key, title in PARTS.items():
        assert exercise_of(key).key == key and exercise_of(key).plug_in and title


def test_without_any_answer_all_parts_are_the_librarys():
    parts = own_parts()
    assert parts.own == () and parts.sources() == {}
    assert repr(parts).startswith(f"0 of {len(PARTS)} parts are yours.")
    assert "not solved yet (lesson 01)" in repr(parts) and "not solved yet (lesson 01)" in parts._repr_html_()


def test_the_board_names_whose_each_part_is_and_why():
    solve("03.collapse", "05.learning_rate", "02.output_lengths", "02.padding_mask")
    progress = Progress.mine()
    progress.add_try("01.log_mel", right=True, unkept="it was made inside another function")
    progress.add_try("04.edit_counts", right=True)  # before sources were kept
    progress.add_try("02.output_lengths", right=True, source="ANSWER = lambda frames: frames // 8")
    progress.add_try("02.padding_mask", right=True, source="ANSWER = (")
    parts = own_parts(without=["learning_rate"])
    assert parts.summary == f"1 of {len(PARTS)} parts are yours"
    remarks = {part.key: part.remark for part in parts.parts}
    assert remarks["03.collapse"] == ""
    assert "made inside another function" in remarks["01.log_mel"]
    assert "check it again" in remarks["04.edit_counts"]
    assert "not right any more" in remarks["02.output_lengths"]
    assert "not right any more" in remarks["02.padding_mask"]
    assert remarks["05.learning_rate"] == "as you wished"
    with pytest.raises(UserError, match="'colapse' is not a part"):
        own_parts(without="colapse")


def test_a_wrong_answer_later_leaves_the_right_one_and_a_reset_forgets_it():
    solve("03.collapse")
    exercise_of("03.collapse").check(list)
    assert [part.key for part in own_parts().own] == ["03.collapse"]
    Progress.mine().reset("03")
    assert own_parts().own == ()


def test_one_solved_part_trains_and_the_figures_are_the_librarys(make_tiny_config, tmp_path, capsys):
    """In this process, to save the start of another."""
    solve("03.collapse")
    file = own_parts().write()
    assert own_parts().write() == file
    ours, theirs = (make_tiny_config(tmp_path / name, num_epochs=1) for name in ("own", "library"))
    config = str(written(ours, tmp_path / "own.json"))
    assert own_training.main(["--parts", str(file), "--config", config]) == 0
    assert f"1 of {len(PARTS)} parts are yours: collapsing of paths" in capsys.readouterr().out
    train(theirs, report=lambda line: None)
    assert figures(tmp_path / "own") == figures(tmp_path / "library")
    assert omni_lib.decoding.collapse is collapse


def test_all_parts_solved_train_in_a_process_of_their_own(make_tiny_config, tmp_path):
    solve(*PARTS)
    parts = own_parts()
    assert len(parts.own) == len(PARTS)
    settings = make_tiny_config(tmp_path / "run", num_epochs=1, dropout=0.0)
    config = written(settings, tmp_path / "tiny.json")
    run = train_with(parts, config)
    assert run.wait() is State.FINISHED
    assert run.folder == tmp_path / f"run_with_{len(PARTS)}_own"
    assert f"{len(PARTS)} of {len(PARTS)} parts are yours" in (run.folder / "console.log").read_text()
    assert train_with(parts, config).folder == run.folder, "a finished run is found"
    train(settings, report=lambda line: None)
    for mine, theirs in zip(figures(run.folder), figures(tmp_path / "run"), strict=True):
        assert mine == pytest.approx(theirs, rel=5e-3)
    picture = compare(TrainingRun.attach(tmp_path / "run"), run)
    assert "run and" in picture.description and run.folder.name in picture.description


def test_other_parts_get_a_folder_of_their_own(make_tiny_config, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(TrainingRun, "launch", lambda run, command, _: started.append((run, command)))
    config = written(make_tiny_config(tmp_path / "run"), tmp_path / "tiny.json")
    for key in ("03.collapse", "05.learning_rate"):
        Progress.mine().reset("03")
        solve(key)
        run = train_with(own_parts(), config, set={"num_epochs": 2})
        run.folder.mkdir()
    assert [run.folder.name for run, _ in started] == ["run_with_1_own", "run_with_1_own_2"]
    command = started[0][1]
    assert command[1:3] == ["-m", "omni_lib.course.own_training"] and "num_epochs=2" in command


def test_a_function_that_raises_in_training_ends_it_with_a_line_that_names_it(
    make_tiny_config, tmp_path, capsys
):
    solve("05.train_step")
    Progress.mine().add_try("03.collapse", right=True, source="def ANSWER(path):\n    raise ValueError('no')")
    sources = {"03.collapse": Progress.mine().entry("03.collapse")["source"]}
    (tmp_path / "parts.json").write_text(json.dumps(sources | own_parts().sources()))
    config = written(make_tiny_config(tmp_path / "run"), tmp_path / "tiny.json")
    arguments = ["--parts", str(tmp_path / "parts.json"), "--config", str(config)]
    assert own_training.main(arguments) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("omni: 03.collapse: In training, at call 1, your function raises ValueError: no")
    assert "own_parts(without=['03.collapse'])" in last


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ("[]", "does not hold the parts"),
        ("{", "does not hold the parts"),
        ('{"03.none": ""}', "03.none is not a part"),
        ('{"03.collapse": "1/0"}', "your 03.collapse cannot be loaded"),
    ],
)
def test_a_file_of_parts_that_cannot_be_used_is_refused_in_a_line(contents, message, tmp_path, capsys):
    (tmp_path / "parts.json").write_text(contents)
    assert own_training.main(["--parts", str(tmp_path / "parts.json"), "--config", "none.json"]) == 2
    assert message in capsys.readouterr().err


def test_the_learners_schedule_is_a_cosine_only_where_the_settings_say_so(make_tiny_config, tmp_path):
    solve("05.learning_rate")
    config = make_tiny_config(tmp_path)
    before = [omni_lib.trainer.schedule(step, 20, config) for step in range(20)]
    with installed(own_parts().sources()) as stand_ins:
        mine = [omni_lib.trainer.schedule(step, 20, config) for step in range(20)]
        assert stand_ins["05.learning_rate"].calls == 20
        constant = make_tiny_config(tmp_path, schedule="constant")
        assert omni_lib.trainer.schedule(19, 20, constant) == 1.0
    assert torch.allclose(torch.tensor(mine), torch.tensor(before))
    assert omni_lib.trainer.schedule(5, 20, config) == before[5]


@pytest.mark.parametrize("blank", [(), ("padding_mask", "rotate", "subsampler")])
def test_an_encoder_that_was_built_in_the_notebook_of_lesson_02_is_kept_whole(blank):
    """With the parts that it is made of: the learner's, and ours where the learner left a blank."""
    path = FOLDER / "02_encoder.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    solutions = solved(nbformat.read(path, as_version=4), lesson_of(path)).cells
    namespace = {"__name__": "__main__"}
    for number, (cell, solution) in enumerate(zip(cells, solutions, strict=True)):
        exercise, tags = cell.metadata.get("omni", {}).get("exercise"), cell.metadata.get("tags", [])
        if not ({"exercise", "quiet"} & set(tags) or "or_ours(" in cell.source):
            continue
        source = cell.source if exercise in blank else solution.source
        source = source.partition("\nmine =")[0]
        name = f"<cell {number}>"
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        exec(compile(source, name, "exec"), namespace)  # noqa: S102 (a test plays the notebook)
    kept = exercise_of("02.audio_encoder").kept(namespace["AudioEncoder"])
    assert "class Subsampler" in kept["source"] and "padding_mask" in kept["source"], kept
    mine = loaded("02.audio_encoder", kept["source"])
    assert mine is not namespace["AudioEncoder"]
    assert exercise_of("02.audio_encoder").reply_to(mine).outcome.counts_as_right


def test_the_stored_notebook_has_the_solutions_of_the_lessons_before_it(tmp_path):
    solve_before("05", tmp_path / "home")
    parts = own_parts()
    assert {part.key for part in parts.parts} - {part.key for part in parts.own} == {
        "05.train_step",
        "05.learning_rate",
    }
