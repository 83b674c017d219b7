"""The mixed sequence of lesson 06: parts concatenated clip by clip, one mask, one causal forward pass."""

import torch

from omni_lib.course.thinker import SmallThinker, mixed_sequence


def parts(generator):
    before = torch.randn(2, 3, 256, generator=generator), torch.tensor([3, 3])
    sound = torch.randn(2, 5, 256, generator=generator), torch.tensor([2, 5])
    after = torch.randn(2, 2, 256, generator=generator), torch.tensor([2, 1])
    return before, sound, after


def test_valid_positions_are_concatenated_and_padding_goes_to_the_end():
    before, sound, after = parts(torch.Generator().manual_seed(0))
    sequence, mask = mixed_sequence([before, sound, after])
    assert sequence.shape == (2, 9, 256) and mask.sum(dim=1).tolist() == [7, 9]
    assert torch.equal(sequence[0, :3], before[0][0]) and torch.equal(sequence[0, 3:5], sound[0][0, :2])
    assert torch.equal(sequence[0, 5:7], after[0][0]) and not sequence[0, 7:].any()
    assert torch.equal(sequence[1, 3:8], sound[0][1]) and torch.equal(sequence[1, 8], after[0][1, 0])
    assert mask[0].tolist() == [True] * 7 + [False] * 2


def test_a_position_depends_on_earlier_positions_of_its_own_row_only():
    torch.manual_seed(0)
    thinker = SmallThinker(29).eval()
    sequence, mask = mixed_sequence(parts(torch.Generator().manual_seed(0)))
    with torch.inference_mode():
        logits = thinker(sequence, mask)
        alone = thinker(sequence[:1, :7], mask[:1, :7])
        changed = sequence.clone()
        changed[:, 5] += 1.0
        later = thinker(changed, mask)
    assert logits.shape == (2, 9, 29)
    assert torch.allclose(logits[0, :7], alone[0], atol=1e-5), "padding has no influence"
    assert torch.allclose(logits[:, :5], later[:, :5], atol=1e-5), "nor have later positions"
    assert (logits[:, 5:7] - later[:, 5:7]).abs().amax() > 1e-3, "earlier positions have"


def test_it_learns_so_its_gradient_reaches_the_sound():
    torch.manual_seed(0)
    before, sound, after = parts(torch.Generator().manual_seed(0))
    vectors = sound[0].requires_grad_()
    sequence, mask = mixed_sequence([before, (vectors, sound[1]), after])
    SmallThinker(29)(sequence, mask)[:, -2:].sum().backward()
    assert vectors.grad is not None
    assert vectors.grad[1].abs().amax(dim=1).min() > 0
    assert not vectors.grad[0, 2:].any(), "positions beyond the clip's end are not in the sequence"
