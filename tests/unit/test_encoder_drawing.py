"""The drawing of the encoder: its parts, their shapes for a clip, their code, and whose they are."""

import linecache

import pytest
import torch

from omni_lib.course import materials
from omni_lib.course.encoder_parts import doc_and_code, parts_of, source_of_class
from omni_lib.course.exercises.progress import Progress
from omni_lib.course.lessons import encoder as lesson
from omni_lib.course.lessons.encoder import solutions
from omni_lib.course.widgets.encoder_drawing import encoder_drawing
from omni_lib.encoder import AudioEncoder, SelfAttention
from omni_lib.errors import UserError


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))


def test_the_parts_stand_in_the_order_of_the_data_with_the_shapes_of_the_clip():
    drawing = encoder_drawing()
    whole, *others = drawing.parts
    flow = [part for part in others if part["inside"] == ""]
    assert [part["title"] for part in flow] == [
        *("subsampler", "block 1", "pool", "block 2", "block 3", "block 4", "layer norm"),
    ]
    assert whole["given"] == (131, 128) and whole["returned"] == flow[-1]["returned"] == (16, 192)
    for part, following in zip(flow, flow[1:], strict=False):
        assert part["returned"] == following["given"]
    assert [part["frame"] for part in flow] == [40, 40, 80, 80, 80, 80, 80]
    assert sum(part["parameters"] for part in flow) == whole["parameters"] == 2_475_936
    assert sum(part["share"] for part in flow) == pytest.approx(1)
    inner = [part["title"] for part in others if part["inside"] == "blocks.1"]
    assert inner == ["attention", "convolution", "feed-forward"]


def test_another_clip_gives_other_shapes():
    drawing = encoder_drawing()
    drawing.clip = "suitcase"
    frames = drawing.parts[0]["given"][0]
    assert drawing.parts[0]["returned"] == (materials.pretrained()[0].encoder.output_lengths(frames), 192)
    assert "the clip 'suitcase'" in drawing.description and f"log-mel ({frames}, 128)" in drawing.description


def test_a_part_is_the_learners_once_its_exercise_is_right():
    drawing = encoder_drawing()
    assert not any(part["own"] for part in drawing.parts)
    Progress.mine().add_try("02.block", right=True)
    Progress.mine().add_try("02.rotate", right=True)
    Progress.mine().add_try("02.convolution_module", right=True)
    drawing.chosen = "blocks.2"  # the next click shows it
    own = {part["title"] for part in drawing.parts if part["own"]}
    assert own == {"block 1", "block 2", "block 3", "block 4", "convolution"}
    attention = next(part for part in drawing.parts if part["key"] == "blocks.0.attention")
    assert attention["exercises"] == (("self_attention", False), ("attention", False), ("rotate", True))
    still = drawing.still()
    assert "block 2 (22.6%, yours)" in still.description and len(still.png) > 2000


def test_an_encoder_with_the_librarys_names_can_be_drawn():
    encoder = solutions.AudioEncoder(24, 3, 3, 40, 3).eval()
    parts = parts_of(encoder, torch.zeros(80, 128))
    flow = [part.title for part in parts if part.inside == ""]
    assert flow == ["subsampler", "block 1", "block 2", "block 3", "pool", "layer norm"]
    assert "def forward(self, mel: Tensor, lengths: Tensor)" in parts[0].code


def test_code_stands_without_the_docstring_which_stands_above_it():
    doc, code = doc_and_code(SelfAttention)
    assert doc.startswith("Multi-head attention") and doc not in code
    assert code.startswith("class SelfAttention(nn.Module):\n    def __init__")
    assert "\n\n" not in doc_and_code(torch.nn.LayerNorm)[0]


def test_the_code_of_a_class_in_a_notebook_is_found():
    source = 'import torch\n\n\nclass Mine(torch.nn.Module):\n    """Doc."""\n\n    def forward(self, x):\n'
    source += "        return x\n\n\nx = 1\n"
    file = "/no/such/folder/cell.py"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope = {"__name__": "no_such_module"}
    exec(compile(source, file, "exec"), scope)  # noqa: S102  (the lines above)
    mine = scope["Mine"]
    assert source_of_class(mine).endswith("return x") and source_of_class(mine).startswith("class Mine")
    assert doc_and_code(mine) == (
        "Doc.",
        "class Mine(torch.nn.Module):\n    def forward(self, x):\n        return x",
    )
    assert source_of_class(type("Made", (), {})) == ""


def test_our_solution_in_the_learners_place_is_not_the_learners():
    for key in ("audio_encoder", "block", "rotate"):
        Progress.mine().add_try(f"02.{key}", right=True)
    mine = lesson.audio_encoder.or_ours(...)(24, n_layers=1, n_heads=3, d_ff=8, blocks_before_pool=1).eval()
    parts = {part.key: part for part in parts_of(mine, torch.zeros(80, 128))}
    assert not any(part.own for part in parts.values())
    assert ("rotate", True) in parts["blocks.0.attention"].exercises
    library = {
        part.title for part in parts_of(materials.pretrained()[0].encoder, torch.zeros(80, 128)) if part.own
    }
    assert "block 1" in library


def test_of_our_solution_in_the_learners_place_the_solution_is_shown():
    ours = lesson.block.or_ours(...)
    assert doc_and_code(ours) == doc_and_code(solutions.Block)


def test_a_clip_that_does_not_exist_is_named():
    with pytest.raises(UserError, match="no clip 'helo': choose one of"):
        encoder_drawing(clip="helo")


def test_an_untrained_encoder_can_be_drawn():
    assert (
        encoder_drawing(AudioEncoder(d_model=24, n_heads=3, d_ff=8).eval()).parts[0]["title"] == "the encoder"
    )
