"""The static figures of the lessons: what they draw, their labels, and the pictures made of them."""

import io
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

import omni_lib.course
import omni_lib.encoder
from omni_lib.audio import LogMel
from omni_lib.course import block_figure, encoder_figures, figures, mel_figures, palette
from omni_lib.course.figures import CHAPTER_TIMELINE, compared_curves, log_curves, shown, training_curves
from omni_lib.course.lessons.mel_features.solutions import frame_count
from omni_lib.course.palette import BLUE, GREEN, GREY, INK, ORANGE, PAPER, PURPLE
from omni_lib.course.spectra import Settings, mel_filters
from omni_lib.encoder import AudioEncoder, EncoderBlock, apply_rotary

SOUND = 0.1 * torch.randn(16_000, generator=torch.Generator().manual_seed(0))
MEL = LogMel()(SOUND)
COURSE = Path(omni_lib.course.__file__).parent


@pytest.fixture
def drawn(monkeypatch):
    """The figures that the functions under test draw, before they become pictures."""
    kept = []

    def keep(figure, description, dpi=80):
        kept.append(figure)
        return shown(figure, description, dpi)

    for module in (mel_figures, encoder_figures, block_figure):
        monkeypatch.setattr(module, "shown", keep)
    return kept


def labels(axes):
    return axes.get_xlabel(), axes.get_ylabel()


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_a_picture_is_small_described_and_drawn_once():
    before = plt.get_fignums()
    picture = mel_figures.log_mels([("a", MEL), ("b", MEL[:50])], "two <log-mels>")
    data, metadata = picture._repr_mimebundle_()
    assert metadata["image/png"]["alt"] == "two &lt;log-mels&gt;"
    assert data["text/plain"] == "[figure: two <log-mels>]"
    assert data["text/html"].startswith('<img alt="two &lt;log-mels&gt;" src="data:image/png;base64,')
    assert len(picture.png) < 100_000
    assert plt.get_fignums() == before, "a figure that stays open is shown a second time"


def test_a_figure_is_a_card_with_round_corners_and_colours_stay():
    with figures.page_style():
        figure, axes = plt.subplots()
        axes.axvspan(0.4, 0.6, color=BLUE)
    image = Image.open(io.BytesIO(shown(figure, "a blue bar").png)).convert("RGBA")
    right, bottom = image.width - 1, image.height - 1
    for corner in ((0, 0), (right, 0), (0, bottom), (right, bottom)):
        assert image.getpixel(corner)[3] < 128
    red, green, blue, opacity = image.getpixel((figures.CORNER, figures.CORNER))
    paper = tuple(round(255 * part) for part in to_rgb(PAPER))
    assert opacity == 255 and max(abs(a - b) for a, b in zip((red, green, blue), paper, strict=True)) <= 8
    middle = image.getpixel((image.width // 2, image.height // 2))
    assert middle[3] == 255
    assert max(abs(one - other) for one, other in zip(middle, (0x00, 0x72, 0xB2), strict=False)) <= 16


def test_every_colour_of_the_course_is_in_the_palette():
    colours = {value.lower() for name, value in vars(palette).items() if name.isupper()}
    files = [*COURSE.rglob("*.py"), *COURSE.rglob("*.css"), *COURSE.rglob("*.js")]
    sources = {path: path.read_text(encoding="utf-8") for path in files if path.name != "palette.py"}
    assert {path.suffix for path in sources} == {".py", ".css", ".js"}
    for path, source in sources.items():
        codes = {code.lower() for code in re.findall(r"#[0-9a-fA-F]{6}\b", source)}
        assert codes <= colours, path
        assert path.suffix != ".py" or not codes - {GREY.lower()}, f"{path} repeats a colour of the palette"


def test_the_waveform_and_its_marked_frame(drawn):
    mel_figures.waveform(SOUND, 0.5, "words")
    whole, near = drawn[0].axes
    assert labels(whole) == ("time (s)", "amplitude") and labels(near) == ("time (ms)", "amplitude")
    assert np.array_equal(whole.lines[0].get_ydata(), SOUND) and whole.lines[0].get_color() == BLUE
    (marked,) = whole.patches
    assert (marked.get_x(), marked.get_width()) == pytest.approx((0.5, 0.025))
    assert to_hex(marked.get_facecolor()) == ORANGE.lower() and near.lines[0].get_color() == ORANGE
    milliseconds, amplitude = near.lines[0].get_data()
    assert milliseconds[[0, -1]] == pytest.approx([500, 525], abs=0.1)
    assert np.array_equal(amplitude, SOUND[8000:8400])


@pytest.mark.parametrize("samples", [400, 1000, 1120])
def test_windows_are_as_many_as_the_solution_and_the_library_count(drawn, samples):
    mel_figures.windows(samples, "words")
    whole, centred = drawn[0].axes
    for axes, is_centred in ((whole, False), (centred, True)):
        bars = [bar for bar in axes.patches if bar.get_height() == pytest.approx(0.6)]
        assert len(bars) == frame_count(samples, 400, 160, is_centred)
        assert axes.get_title().endswith(f": {len(bars)} frames")
        assert {bar.get_width() for bar in bars} == {400}
        ends = [(bar.get_x(), bar.get_x() + 400) for bar in bars]
        assert is_centred or all(0 <= start and end <= samples for start, end in ends)
    middles = [line.get_xdata()[0] for line in centred.lines if line.get_marker() == "o"]
    assert middles == list(range(0, samples + 1, 160))
    assert len(middles) == len(LogMel()(torch.zeros(samples))) + 1, "the library leaves out the last"


def test_one_frame_with_its_window_and_its_spectrum(drawn):
    tone = torch.sin(2 * torch.pi * 500 * torch.arange(16_000) / 16_000)
    mel_figures.one_frame(tone, 0.5, "words")
    time, frequency = drawn[0].axes
    assert labels(time) == ("time in the frame (ms)", "amplitude")
    assert labels(frequency) == ("frequency (Hz)", "power (dB)")
    assert legend(time) == ["samples", "multiplied by the window"]
    samples, windowed = (line.get_ydata() for line in time.lines)
    assert np.allclose(windowed, samples * torch.hann_window(400).numpy())
    assert legend(frequency) == ["1024 points", "400 points"]
    for line, points in zip(frequency.lines, (1024, 400), strict=True):
        hertz, decibels = line.get_data()
        assert len(hertz) == points // 2 + 1 and hertz[-1] == 8000
        assert abs(hertz[int(np.argmax(decibels))] - 500) <= 16_000 / points


def test_filters_without_a_bin_are_dashed(drawn):
    mel_figures.filters((400, 1024), 400, "words")
    for axes, points in zip(drawn[0].axes, (400, 1024), strict=True):
        empty = int((mel_filters(Settings(n_fft=points)).amax(dim=0) == 0).sum())
        assert (
            axes.get_title()
            == f"{points} points: a bin every {16_000 / points:.1f} Hz, {empty} filters empty"
        )
        *triangles, bins = axes.lines
        dashed = [line for line in triangles if line.get_linestyle() == "--"]
        assert all(line.get_color() == (ORANGE if line in dashed else BLUE) for line in triangles)
        assert bool(dashed) == bool(empty), "all empty filters are at low frequencies"
        assert list(bins.get_xdata()) == pytest.approx(np.arange(0, 400.1, 16_000 / points))
    assert drawn[0].axes[-1].get_xlabel().startswith("frequency (Hz)")


def test_log_mels_share_time_and_colours(drawn):
    mel_figures.log_mels([("a", MEL), ("b", MEL[:50])], "words", lowest=10, highest=40)
    first, second, bar = drawn[0].axes
    assert [first.get_title(), second.get_title()] == ["a", "b"]
    assert second.get_xlabel() == "time (s)" and first.get_ylabel() == second.get_ylabel() == "mel filter"
    assert bar.get_ylabel() == "log-mel (nats)"
    for axes, mel in ((first, MEL), (second, MEL[:50])):
        (image,) = axes.images
        assert np.array_equal(image.get_array(), mel[:, 10:40].T)
        assert image.get_extent() == pytest.approx([0, len(mel) / 100, 9.5, 39.5])
        assert image.get_clim() == pytest.approx((float(MEL.min()), float(MEL.max())))
        assert axes.get_xlim() == pytest.approx((0, 1))


def test_distributions_before_and_after_the_logarithm(drawn):
    mel_figures.distributions(MEL.exp(), MEL, "words")
    before, after = drawn[0].axes
    assert labels(before) == ("mel power", "number of values")
    assert labels(after) == ("log-mel (nats)", "number of values")
    for axes, values, colour in ((before, MEL.exp(), ORANGE), (after, MEL, BLUE)):
        assert sum(bar.get_height() for bar in axes.patches) == values.numel()
        ends = axes.patches[0].get_x(), axes.patches[-1].get_x() + axes.patches[-1].get_width()
        assert ends == pytest.approx((float(values.min()), float(values.max())), rel=1e-4)
        assert {to_hex(bar.get_facecolor()) for bar in axes.patches} == {colour.lower()}


def test_distances_on_a_logarithmic_scale(drawn):
    distance = torch.rand(9) + 0.1
    encoder_figures.distances({"a": distance, "b": torch.zeros(9)}, "words")
    (axes,) = drawn[0].axes
    assert labels(axes) == ("time in the clip (s)", "relative distance") and axes.get_yscale() == "log"
    assert legend(axes) == ["a", "b"]
    first, second = axes.lines
    assert np.array_equal(first.get_ydata(), distance) and list(second.get_ydata()) == pytest.approx(
        [1e-9] * 9
    )
    assert list(first.get_xdata()[:2]) == pytest.approx([0.04, 0.12])
    assert (first.get_color(), second.get_color()) == (ORANGE, BLUE)
    assert first.get_marker() != second.get_marker()


def test_scores_share_one_scale(drawn):
    before, after = torch.zeros(5, 5), torch.rand(5, 5)
    encoder_figures.scores(before, after, "words")
    left, right, bar = drawn[0].axes
    assert [left.get_title(), right.get_title()] == ["without positions", "with rotary positions"]
    assert labels(left) == ("position of the key", "position of the query") and bar.get_ylabel() == "score"
    for axes, values in ((left, before), (right, after)):
        assert np.array_equal(axes.images[0].get_array(), values)
        assert axes.images[0].get_clim() == pytest.approx((float(after.min()), float(after.max())))


def tip(arrow):
    return torch.tensor(arrow.xy, dtype=torch.float64)


def test_a_rotated_pair_has_the_product_that_the_library_gives_it(drawn):
    query, key = torch.randn(2, 8, generator=torch.Generator().manual_seed(1))
    places, channel = [(0, 3), (6, 9), (9, 2)], 1
    encoder_figures.rotated_pair(query, key, channel, places, "words")
    before, *panels = drawn[0].axes
    assert labels(before) == ("channel 1", "channel 5")
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["query", "key"]
    assert torch.allclose(tip(before.texts[0]), query[[1, 5]].double())
    assert torch.allclose(tip(before.texts[1]), key[[1, 5]].double())
    turned = [apply_rotary(each.expand(1, 1, 10, 8))[0, 0] for each in (query, key)]
    products = []
    for axes, (i, j) in zip(panels, places, strict=True):
        first, second = map(tip, axes.texts)
        assert torch.allclose(first, turned[0][i, [1, 5]].double())
        assert torch.allclose(second, turned[1][j, [1, 5]].double())
        place, angle, product = axes.get_title().split("\n")
        products.append(float(first @ second))
        cosine = torch.cosine_similarity(first, second, dim=0)
        assert place == f"query {i}, key {j}"
        assert angle == f"angle {float(cosine.acos().rad2deg()):.0f}°"
        assert product == f"product {products[-1]:.2f}".replace("-", "−")
        arc = np.stack(axes.lines[-1].get_data(), axis=1)
        for end, pair in ((arc[0], first), (arc[-1], second)):
            assert np.allclose(end / np.linalg.norm(end), pair / pair.norm(), atol=1e-5)
    assert products[0] == pytest.approx(products[1], rel=1e-4) and products[0] != pytest.approx(products[2])


def test_the_diagram_of_a_block_has_the_order_the_masks_and_the_sums_of_its_forward(drawn):
    block = EncoderBlock(24, 3, 48, dropout=0.0, kernel_size=7).eval()
    calls, parts = [], {layer: name for name, layer in block.named_children()}

    def note(layer, given, result):
        calls.append((parts[layer], given, result))

    for layer in parts:
        if parts[layer] != "dropout":
            layer.register_forward_hook(note)
    x = torch.randn(1, 9, 24, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 9, dtype=torch.bool)
    returned = block(x, mask)
    block_figure.residual_block(block, "words")
    (axes,) = drawn[0].axes
    texts = [(text.get_position()[0], text.get_text()) for text in axes.texts if text.get_text()]
    boxes = [
        text
        for _, text in sorted(texts)
        if text in ("layer\nnorm", "attention", "convolution", "feed-forward")
    ]
    called = [name for name, _, _ in calls]
    assert boxes == ["layer\nnorm" if name.endswith("_norm") else name.replace("_", "-") for name in called]
    masked = [x for x, text in texts if text == "mask"]
    for (name, (_, *others), result), (_, (normed,), _) in zip(calls[1::2], calls[::2], strict=True):
        middle = next(place for place, text in texts if text == name.replace("_", "-"))
        assert (middle in masked) == any(each is mask for each in others)
        assert torch.equal(normed, x), "each norm reads the line as it is there"
        x = x + result
    assert torch.equal(returned, x), "nothing else is added"
    words = [text for _, text in texts]
    assert words.count("+") == words.count("residual connection") == len(calls) / 2
    assert "7 frames" in words and "input\n(B, T, 24)" in words and "output\n(B, T, 24)" in words


def test_attention_weights_with_lines_around_the_neighbours_of_each_query(drawn):
    first, last = torch.rand(20, 20), torch.rand(10, 10)
    encoder_figures.attention_weights({"a": (first, 0.04), "b": (last, 0.08)}, 3, "words")
    for axes, weights, seconds in zip(drawn[0].axes, (first, last), (0.04, 0.08), strict=False):
        assert labels(axes) == ("time of the key (s)", "time of the query (s)")
        assert np.array_equal(axes.images[0].get_array(), weights)
        assert axes.images[0].get_extent() == pytest.approx([0, 0.8, 0.8, 0])
        for line, side in zip(axes.lines, (-1, 1), strict=True):
            key, query = line.get_data()
            assert np.allclose(np.subtract(key, query), side * 3.5 * seconds), "half a frame beyond the third"
            assert line.get_linestyle() == "--" and line.get_color() == ORANGE


def test_kernels_stand_at_the_frames_that_they_read_and_gates_at_their_times(drawn):
    encoder = AudioEncoder(d_model=24, n_layers=1, n_heads=3, d_ff=8).eval()
    kernels, gates = {"a": 3, "b": 5}, {"c": 7}
    encoder_figures.kernels_and_gates(encoder, MEL[:50], kernels, gates, "words")
    left, right = drawn[0].axes
    assert labels(left) == ("the frame that is read: earlier or later by (ms)", "weight")
    assert labels(right) == ("time in the clip (s)", "gate")
    assert legend(left) == ["a", "b"] and legend(right) == ["loudness (scaled)", "c"]
    weights = encoder.blocks[0].convolution.depthwise.weight.detach()
    for line, channel in zip(left.lines, kernels.values(), strict=False):
        assert list(line.get_xdata()) == list(range(-280, 281, 40))
        assert np.array_equal(line.get_ydata(), weights[channel, 0])
    (gate,) = right.lines
    assert list(gate.get_xdata()[:2]) == pytest.approx([0.02, 0.06]) and len(gate.get_xdata()) == 13
    assert 0 < min(gate.get_ydata()) and max(gate.get_ydata()) < 1
    assert not encoder.blocks[0].convolution.expand._forward_hooks


def test_gates_are_those_that_the_library_multiplies_its_values_by(monkeypatch):
    encoder = AudioEncoder(d_model=24, n_layers=1, n_heads=3, d_ff=8).eval()
    expanded, convolved = [], []
    convolution = encoder.blocks[0].convolution
    convolution.expand.register_forward_hook(lambda layer, given, result: expanded.append(result[0]))
    convolve = omni_lib.encoder.convolve_time
    monkeypatch.setattr(
        omni_lib.encoder, "convolve_time", lambda conv, x: convolved.append(x[0]) or convolve(conv, x)
    )
    gates = encoder_figures.first_gates(encoder, MEL[:50])
    assert torch.allclose(expanded[0][:, :24] * gates, convolved[0])


def test_parameters_are_stacked_beside_the_claim(drawn):
    encoder_figures.parameter_bars([("a", 10**6), ("b", 2 * 10**6)], 10**7, "words")
    (axes,) = drawn[0].axes
    assert axes.get_xlabel() == "parameters (millions)"
    assert [label.get_text() for label in axes.get_yticklabels()] == ["counted", "the chapter"]
    bars = [(bar.get_x(), bar.get_width()) for bar in axes.patches]
    assert np.allclose(bars, [(0, 1), (1, 2), (0, 10)])
    assert [to_hex(bar.get_facecolor()) for bar in axes.patches] == [
        BLUE.lower(),
        ORANGE.lower(),
        GREY.lower(),
    ]
    assert [text.get_text() for text in drawn[0].legends[0].get_texts()] == ["a: 1.00 M", "b: 2.00 M"]


ENTRIES = [
    {"type": "step", "step": 10, "ctc_loss": 40.0, "wer": 1.0, "blank_rate": 0.9},
    {"type": "step", "step": 20, "ctc_loss": 20.0, "wer": 0.5, "blank_rate": 0.6},
    {"type": "epoch", "step": 20, "dev_wer": 0.7},
]


def points(line):
    return list(zip(*line.get_data(), strict=True))


def test_training_curves_beside_the_timeline_of_the_chapter():
    loss, wer = training_curves(ENTRIES, total_steps=100).axes
    assert labels(loss) == ("step", "CTC loss (nats per utterance)")
    assert labels(wer) == ("step", "word error rate (%)")
    assert points(loss.lines[0]) == [(10, 40), (20, 20)]
    assert legend(wer) == ["the chapter's timeline", "training batches", "dev"]
    timeline, batches, dev = wer.lines
    assert np.allclose(points(timeline), [(100 * share, 100 * rate) for share, rate in CHAPTER_TIMELINE])
    assert points(batches) == [(10, 100), (20, 50)] and points(dev) == [(20, 70)]
    assert len({line.get_linestyle() for line in wer.lines}) == 3, "colour is not the only difference"
    assert max(training_curves(ENTRIES).axes[1].lines[0].get_xdata()) == 20, (
        "without a schedule, the last step"
    )


def test_several_runs_differ_in_colour_and_dashes():
    runs = [(name, ENTRIES) for name in ("a", "b", "c", "d")]
    loss, wer = compared_curves(runs).axes
    assert legend(loss) == ["a", "b", "c", "d"]
    assert [line.get_color() for line in loss.lines] == [BLUE, ORANGE, GREEN, PURPLE]
    assert len({line.get_linestyle() for line in loss.lines}) == 4
    assert [points(line) for line in wer.lines] == [[(20, 70)]] * 4


def test_log_curves_have_one_panel_for_each_figure():
    figure = log_curves(ENTRIES, "Log 1")
    loss, blanks, wer = figure.axes
    assert figure.get_suptitle() == "Log 1"
    assert labels(loss) == ("step", "nats per utterance") and labels(blanks) == ("step", "% of the frames")
    assert points(loss.lines[0]) == [(10, 40), (20, 20)] and points(blanks.lines[0]) == [(10, 90), (20, 60)]
    assert labels(wer) == ("step", "%") and legend(wer) == ["training", "dev"]
    assert [points(line) for line in wer.lines] == [[(10, 100), (20, 50)], [(20, 70)]]


def test_the_page_style_is_dark_on_light_paper():
    with figures.page_style():
        axes = plt.figure().add_subplot()
        assert to_hex(axes.xaxis.label.get_color()) == INK and axes.get_facecolor()[3] == 0
        assert to_hex(axes.figure.get_facecolor()) == PAPER.lower()
    plt.close("all")
