"""What training minimises is the sum that the settings describe, and each part of it can be had alone."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from omni_lib.config import Config
from omni_lib.ctc import ctc_loss, entropic_ctc_loss
from omni_lib.machine.hardware import fast_type
from omni_lib.manifest import Utterance
from omni_lib.recogniser import Recogniser
from omni_lib.text import Vocabulary
from omni_lib.training.batching import Batch
from omni_lib.training.objective import Objective, WordHead, repeated_words

CONFIG = Config(d_model=16, n_layers=4, n_heads=2, d_ff=32, dropout=0.0, ctc_frames_per_embedding=3)
TEXTS = ["the cat sat", "the mat sat", "the dog"]


def batch(texts: list[str], frames: int = 160) -> Batch:
    generator = torch.Generator().manual_seed(3)
    mel = torch.randn(len(texts), frames, 128, generator=generator)
    rows = [Utterance(Path(f"{number}.wav"), text) for number, text in enumerate(texts)]
    return Batch(mel, torch.full((len(texts),), frames), [Vocabulary().encode(text) for text in texts], rows)


def objective(**changes) -> tuple[Objective, Recogniser]:
    torch.manual_seed(0)
    recogniser = Recogniser(CONFIG)
    return Objective(replace(CONFIG, **changes), len(Vocabulary()), repeated_words(TEXTS)), recogniser


def test_alone_it_is_ctc_at_the_end_in_nats_per_character():
    plain, recogniser = objective()
    heard = batch(TEXTS)
    loss = plain(recogniser, heard)
    log_probs, lengths = recogniser(heard.mel, heard.lengths)
    expected = ctc_loss(log_probs, lengths, heard.targets)
    torch.testing.assert_close(loss.per_utterance, expected.detach())
    torch.testing.assert_close(loss.objective, expected.sum() / sum(map(len, TEXTS)))
    assert not list(plain.parameters())


def test_letters_in_the_middle_share_the_weight_and_words_come_on_top():
    heard = batch(TEXTS)
    end = objective()[0](objective()[1], heard).objective
    both, recogniser = objective(intermediate_ctc=0.3, word_ctc=0.5)
    states = recogniser.encoder.hidden_states(heard.mel, heard.lengths)
    characters = sum(map(len, TEXTS))
    middle = ctc_loss(*both.letters(*states[1]), heard.targets).sum() / characters
    words = both.words.loss(*states[2], heard.utterances) / characters
    torch.testing.assert_close(both(recogniser, heard).objective, 0.7 * end + 0.3 * middle + 0.5 * words)


def test_the_bonus_for_entropy_falls_with_the_rate():
    plain, recogniser = objective()
    spread, _ = objective(alignment_entropy=0.6)
    heard = batch(TEXTS)
    log_probs, lengths = recogniser(heard.mel, heard.lengths)
    for share in (1.0, 0.25):
        loss = spread(recogniser, heard, share)
        expected = entropic_ctc_loss(log_probs, lengths, heard.targets, 0.6 * share).sum() / sum(
            map(len, TEXTS)
        )
        torch.testing.assert_close(loss.objective, expected)
        assert loss.objective < plain(recogniser, heard, share).objective
        torch.testing.assert_close(
            loss.per_utterance, plain(recogniser, heard).per_utterance
        )  # the log's loss stays CTC
    torch.testing.assert_close(spread(recogniser, heard, 0.0).objective, plain(recogniser, heard).objective)


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize("before_pool", [0, 1, 4])
def test_every_depth_has_a_middle_and_a_place_for_words(n_layers, before_pool):
    config = replace(
        CONFIG, n_layers=n_layers, blocks_before_pool=before_pool, intermediate_ctc=0.3, word_ctc=0.5
    )
    made = Objective(config, len(Vocabulary()), repeated_words(TEXTS))
    loss = made(Recogniser(config), batch(TEXTS)).objective
    loss.backward()
    assert math.isfinite(loss.item()) and all(parameter.grad is not None for parameter in made.parameters())


@pytest.mark.parametrize(("before_pool", "frames"), [(4, 4), (2, 4), (1, 3)])
def test_letters_in_the_middle_have_as_many_frames_as_at_the_end_at_the_least(before_pool, frames):
    """Per embedding: three at the end; in the middle two per 40 ms frame, or three per 80 ms frame."""
    config = replace(
        CONFIG, n_layers=4, blocks_before_pool=before_pool, ctc_frames_per_embedding=3, intermediate_ctc=0.3
    )
    letters = Objective(config, len(Vocabulary()), repeated_words(TEXTS)).letters
    assert letters.frames_per_embedding * (2 if before_pool > 1 else 1) == frames


def test_words_that_occur_but_once_share_a_class():
    head = WordHead(8, repeated_words(TEXTS))
    assert head.index == {"sat": 2, "the": 3}
    assert head.targets(["the cat sat", "a mat"]) == [[3, 1, 2], [1, 1]]
    assert head.head.linear.out_features == 4


def test_words_said_too_fast_for_one_frame_each_do_not_count():
    """ "the the" needs a blank between: three frames."""
    head = WordHead(8, repeated_words(["the the"]))
    torch.manual_seed(1)
    x, rows = torch.randn(2, 3, 8), batch(["the the", "the the"]).utterances
    whole = head.loss(x[:1], torch.tensor([3]), rows[:1])
    assert torch.isfinite(whole) and whole > 0
    torch.testing.assert_close(head.loss(x, torch.tensor([3, 2]), rows), whole)
    assert head.loss(x, torch.tensor([2, 2]), rows) == 0


def test_where_nobody_speaks_the_blank_is_learnt():
    """The only path to no text is blanks; a batch without a single character has a loss, too."""
    for texts in (["", ""], ["the cat sat", ""]):
        made, recogniser = objective(alignment_entropy=0.6, intermediate_ctc=0.3, word_ctc=0.5)
        heard = batch(texts)
        loss = made(recogniser, heard)
        blanks = -loss.log_probs[1, : loss.lengths[1], 0].sum()
        torch.testing.assert_close(loss.per_utterance[1], blanks)
        assert loss.objective.isfinite()
        loss.objective.backward()
        assert all(parameter.grad.isfinite().all() for parameter in recogniser.parameters())
        before = loss.per_utterance[1].item()
        with torch.no_grad():
            for parameter in recogniser.parameters():
                parameter -= 0.01 * parameter.grad
        assert made(recogniser, heard).per_utterance[1] < before


def test_mixed_precision_changes_the_loss_by_rounding_alone():
    exact = objective()[0](objective()[1], batch(TEXTS))
    mixed_objective, recogniser = objective(mixed_precision=True)
    mixed = mixed_objective(recogniser, batch(TEXTS))
    assert mixed.log_probs.dtype == torch.float32
    torch.testing.assert_close(mixed.objective, exact.objective, rtol=0.02, atol=0)
    if fast_type(torch.device("cpu")) is None:
        assert torch.equal(mixed.objective, exact.objective), "without native bfloat16 nothing is rounded"
    mixed.objective.backward()
    assert all(parameter.grad.dtype == torch.float32 for parameter in recogniser.parameters())
