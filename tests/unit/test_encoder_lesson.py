"""Lesson 02: the parts that a learner builds, and their encoder in the training loop."""

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from omni_lib.config import Config
from omni_lib.course import materials
from omni_lib.course.exercises.verdict import Outcome
from omni_lib.course.layer_shapes import layer_calls
from omni_lib.course.lessons import encoder as lesson
from omni_lib.course.lessons.encoder import convolution_slips as convolution
from omni_lib.course.lessons.encoder import slips, solutions, whole_slips
from omni_lib.course.lessons.encoder import wrong as encoder_wrong
from omni_lib.course.lessons.encoder.building_judges import disturb_norms
from omni_lib.course.lessons.encoder.plug_in import in_training
from omni_lib.encoder import AudioEncoder, ConvolutionModule, Subsampler, apply_rotary, valid_frames
from omni_lib.errors import UserError

SMALL = Config(d_model=24, n_layers=3, n_heads=3, d_ff=40, dropout=0.0, blocks_before_pool=1)


@pytest.fixture(autouse=True)
def my_home(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNI_HOME", str(tmp_path))


def batch():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 60, 128, generator=generator), torch.tensor([60, 37])


def test_the_references_of_the_slips_compute_without_a_slip_what_the_library_computes():
    x, lengths = batch()
    layers = Subsampler(24).eval()
    wanted, counts = layers(x, lengths)
    assert torch.allclose(slips._subsampled(layers, x, lengths), wanted, atol=1e-6)
    encoder = AudioEncoder.from_config(SMALL).eval()
    assert torch.allclose(whole_slips._embedded(encoder, x, lengths), encoder(x, lengths)[0], atol=1e-6)
    assert counts.tolist() == [15, 10]
    module, mask = ConvolutionModule(128, 15).eval(), valid_frames(lengths, 60)
    assert torch.allclose(convolution._convolved(module, x, mask), module(x, mask), atol=1e-6)


def test_a_learners_encoder_gives_training_the_hidden_states_of_the_library():
    mel, lengths = batch()
    library = AudioEncoder.from_config(SMALL).eval()
    mine = in_training(solutions.AudioEncoder)(SMALL).eval()
    mine.load_state_dict(library.state_dict())
    states = mine.hidden_states(mel, lengths)
    for (x, counts), (wanted, wanted_counts) in zip(states, library.hidden_states(mel, lengths), strict=True):
        real = valid_frames(counts, x.shape[1])[..., None]
        assert torch.allclose(x * real, wanted * real, atol=1e-4)
        assert counts.tolist() == wanted_counts.tolist()
    embeddings, counts = mine.embed(*states[-1])
    assert torch.allclose(embeddings, library(mel, lengths)[0], atol=1e-4)
    assert counts.tolist() == mine.output_lengths(lengths).tolist() == [7, 5]
    assert torch.equal(mine(mel, lengths, None)[0], embeddings) and mine.d_model == 24


def test_a_pool_behind_the_last_block_works_too():
    mel, lengths = batch()
    config = replace(SMALL, blocks_before_pool=9)
    library = AudioEncoder.from_config(config).eval()
    mine = in_training(solutions.AudioEncoder)(config).eval()
    mine.load_state_dict(library.state_dict())
    assert torch.allclose(mine(mel, lengths)[0], library(mel, lengths)[0], atol=1e-4)


@pytest.mark.parametrize("settings", [{"dropout": 0.1}, {"downsample_time": 4}])
def test_settings_that_the_lessons_encoder_does_not_have_are_refused(settings):
    with pytest.raises(UserError, match="`dropout` 0"):
        in_training(solutions.AudioEncoder)(replace(SMALL, **settings))
    with pytest.raises(UserError, match="no `reach`"):
        in_training(solutions.AudioEncoder)(SMALL)(*batch(), 50)


def test_a_part_that_is_right_is_used_and_another_is_replaced_by_ours():
    class Block(solutions.Block):
        pass

    assert lesson.block.or_ours(Block) is Block
    assert issubclass(lesson.block.or_ours(nn.Identity), solutions.Block)
    x = torch.randn(1, 1, 3, 4)
    assert torch.equal(lesson.rotate.or_ours(lambda x: ...)(x), solutions.rotate(x))
    as_lists = lesson.padding_mask.or_ours(
        lambda lengths, frames: [[t < n for t in range(frames)] for n in lengths]
    )
    assert as_lists(torch.tensor([1, 0]), 2).tolist() == [[True, False], [False, False]]


def test_a_class_whose_parts_are_not_written_yet_is_not_attempted():
    class Block(nn.Module):
        def __init__(self, d_model, n_heads, d_ff):
            super().__init__()
            ...

        def forward(self, x, mask):
            return ...

    assert lesson.block.check(Block).outcome is Outcome.NOT_ATTEMPTED

    class AudioEncoder(solutions.AudioEncoder):
        def forward(self, mel, lengths):
            return ...

    assert lesson.audio_encoder.check(AudioEncoder).outcome is Outcome.NOT_ATTEMPTED


def test_the_shapes_of_all_layers_are_noted_in_their_order():
    encoder = materials.pretrained()[0].encoder
    calls = layer_calls(encoder, torch.zeros(1, 100, 128), torch.tensor([100]))
    by_name = {call.name: call for call in calls}
    assert by_name["subsampler.project"].given == (1, 25, 512)
    assert by_name["subsampler"].returned == (1, 25, 192) and by_name["norm"].returned == (1, 12, 192)
    assert [call.name for call in calls][-1] == "norm" and by_name["pool"].kind == "PairPool"
    assert not encoder.norm._forward_hooks


@pytest.mark.parametrize("name", ["attention", "rotate"])
def test_every_right_answer_can_be_built_upon(name):
    """Also one that computes in double precision, or leaves NaN in the padding."""
    x, mask = torch.randn(2, 6, 24), valid_frames(torch.tensor([6, 4]), 6)
    block = solutions.Block(24, 3, 40).eval()
    wanted = block(x, mask)
    for answer in [getattr(solutions, name), *encoder_wrong.OTHER_RIGHT[name]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(solutions, name, getattr(lesson, name).or_ours(answer))
            got = block(x, mask)
        assert torch.allclose(got[mask], wanted[mask], atol=1e-4)


@pytest.mark.parametrize(
    "name", ["padding_mask", "rotate", "attention", "self_attention", "convolution_module", "block"]
)
def test_our_solution_in_the_learners_place_is_not_counted_as_the_learners(name):
    """A notebook that was run with its blanks has given our solution the name of the learner's function."""
    exercise = getattr(lesson, name)
    ours = exercise.or_ours(...)
    assert ours.__name__ == exercise.answer.__name__
    for again in (ours, exercise.or_ours(ours)):
        assert exercise.check(again).outcome is Outcome.NOT_ATTEMPTED
    assert exercise.check(exercise.answer).outcome is Outcome.RIGHT
    assert exercise.check(exercise.or_ours(exercise.answer)).outcome is Outcome.RIGHT


def test_every_right_convolution_module_can_be_a_part_of_the_block():
    """Also one with torch's batch norm, or with a sum over shifted frames."""
    x, mask = torch.randn(2, 20, 24), valid_frames(torch.tensor([20, 11]), 20)
    wanted = solutions.Block(24, 3, 40).eval()
    for answer in encoder_wrong.OTHER_RIGHT["convolution_module"]:
        part = lesson.convolution_module.or_ours(answer)
        assert part is answer
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(solutions, "ConvolutionModule", part)
            block = solutions.Block(24, 3, 40).eval()
        assert type(block.convolution) is answer
        block.load_state_dict(wanted.state_dict())
        assert torch.allclose(block(x, mask)[mask], wanted(x, mask)[mask], atol=1e-4)


def test_a_convolution_module_whose_layer_is_blank_is_not_attempted_or_named():
    class Blank(solutions.ConvolutionModule):
        def __init__(self, d_model, kernel_size):
            super().__init__(d_model, kernel_size)
            del self.depthwise
            self.depthwise = ...

    class ConvolutionModule(Blank):
        def forward(self, x, mask):
            return ...

    assert lesson.convolution_module.check(ConvolutionModule).outcome is Outcome.NOT_ATTEMPTED
    assert "`depthwise` is still blank" in lesson.convolution_module.check(Blank).message


def test_two_mistakes_in_the_convolution_module_compute_two_things():
    """So that a reply names the mistake that was made, and no other."""
    x, mask = torch.randn(2, 20, 24), valid_frames(torch.tensor([20, 11]), 20)
    module = ConvolutionModule(24, 5).eval()
    disturb_norms(module)
    real = mask[..., None]
    computed = [slip() * real for slip in convolution.slips(module, x, mask).values()]
    computed.append(module(x, mask) * real)
    for number, one in enumerate(computed):
        assert not any(torch.allclose(one, other, atol=1e-5) for other in computed[:number]), number


@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 16), st.integers(0, 1000))
def test_the_rotation_of_the_lesson_is_the_librarys_and_keeps_lengths(heads, frames, half, seed):
    x = torch.randn(2, heads, frames, 2 * half, generator=torch.Generator().manual_seed(seed))
    turned = solutions.rotate(x)
    assert torch.allclose(turned, apply_rotary(x), atol=1e-4)
    assert torch.allclose(turned.norm(dim=-1), x.norm(dim=-1), rtol=1e-4, atol=1e-5)
