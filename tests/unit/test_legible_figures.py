"""Every figure of the course can be read: the size and the contrast of each text, and no text over another.

Whatever draws a figure is called here, and each text is measured as it is drawn: at the size at which a
notebook shows it, and against the colour that is really behind it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.text import Text

import omni_lib.course
from omni_lib.audio import LogMel
from omni_lib.course import (
    block_figure,
    closing,
    ctc_figures,
    encoder_figures,
    error_figures,
    experiments,
    figures,
    hypotheses,
    materials,
    mel_figures,
    more_speech,
    optimizer_figures,
    prefix_figure,
    probing,
    trellis,
)
from omni_lib.course.widgets import clip_rows
from omni_lib.encoder import EncoderBlock
from omni_lib.metrics import ErrorCount
from omni_lib.text import BLANK

COURSE = Path(omni_lib.course.__file__).parent
CELL_TEXT = 14  # pixels: the text of a notebook in JupyterLab
SMALLEST = 0.8 * CELL_TEXT
SHOWN_WIDTH = 844  # pixels of an output in a JupyterLab of 1024; wider figures are shown smaller
DARK, WHITE = (17, 17, 17), (255, 255, 255)  # JupyterLab's themes behind the figures


def luminance(colour: Any) -> float:
    """As WCAG 2 defines it; `colour` of 0 to 255."""
    shares = np.asarray(colour, dtype=float)[:3] / 255
    linear = np.where(shares <= 0.03928, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: Any, other: Any) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@dataclass
class Written:
    """A text of a figure as it is shown."""

    text: str
    size: float  # pixels
    contrasts: tuple[float, float]  # in the light and in the dark theme
    box: tuple[float, float, float, float]  # left, bottom, right, top in pixels of the figure
    whole: bool  # nothing of it is beyond the figure


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[list[Written]]:
    """The texts of each figure that the test draws, in order."""
    found: list[list[Written]] = []
    drawn: list[Text] = []
    draw, png = Text.draw, FigureCanvasAgg.print_png

    def noted_draw(text: Text, renderer: Any, *arguments: Any, **options: Any) -> None:
        if text.get_visible() and text.get_text().strip():
            drawn.append(text)
        draw(text, renderer, *arguments, **options)

    @wraps(png)  # matplotlib looks at the parameters
    def measured_png(canvas: FigureCanvasAgg, *arguments: Any, **options: Any) -> None:
        drawn.clear()
        png(canvas, *arguments, **options)
        texts = list(dict.fromkeys(drawn))
        boxes = [text.get_window_extent(canvas.get_renderer()).extents for text in texts]
        alphas = [text.get_alpha() for text in texts]
        for text in texts:
            text.set_alpha(0)
        canvas.draw()
        behind = np.asarray(canvas.buffer_rgba())
        for text, alpha in zip(texts, alphas, strict=True):
            text.set_alpha(alpha)
        found.append([measured(*each, canvas.figure, behind) for each in zip(texts, boxes, strict=True)])

    monkeypatch.setattr(Text, "draw", noted_draw)
    monkeypatch.setattr(FigureCanvasAgg, "print_png", measured_png)
    return found


def measured(text: Text, box: Any, figure: Figure, behind: np.ndarray) -> Written:
    height, width = behind.shape[:2]
    left, bottom, right, top = box
    columns = slice(max(round(left), 0), max(round(right), 1))
    rows = slice(max(height - round(top), 0), max(height - round(bottom), 1))
    ground = np.median(behind[rows, columns].reshape(-1, 4), axis=0)
    share = ground[3] / 255
    ink = 255 * np.array(to_rgba(text.get_color()))
    both = [contrast(ink, share * ground[:3] + (1 - share) * np.array(page)) for page in (WHITE, DARK)]
    whole = left >= -1 and bottom >= -1 and right <= width + 1 and top <= height + 1
    size = text.get_fontsize() * figure.dpi / 72 * min(1, SHOWN_WIDTH / width)
    return Written(text.get_text(), size, (both[0], both[1]), (left, bottom, right, top), whole)


def overlaps(one: Written, other: Written) -> bool:
    """Whether two texts share more than a pixel in both directions."""
    across = min(one.box[2], other.box[2]) - max(one.box[0], other.box[0])
    down = min(one.box[3], other.box[3]) - max(one.box[1], other.box[1])
    return across > 1 and down > 1


# --- everything that draws a figure ------------------------------------------------------------------------

SOUND = 0.1 * torch.randn(40_000, generator=torch.Generator().manual_seed(0))
MEL = LogMel()(SOUND)
ENTRIES = [
    {"type": "step", "step": 100 * step, "ctc_loss": 300 / step, "wer": 1 / step, "blank_rate": 0.9 / step}
    for step in range(1, 26)
] + [{"type": "epoch", "step": 500 * epoch, "dev_wer": 0.9 / epoch} for epoch in range(1, 6)]
SENTENCE = "turn on the television in the bathroom"


def posteriors() -> torch.Tensor:
    """Those of a path that spells `SENTENCE`: each letter once, then a blank."""
    path = [symbol for letter in ctc_figures.VOCABULARY.encode(SENTENCE) for symbol in (letter, BLANK)]
    return (6 * torch.eye(29)[path]).log_softmax(dim=1)


def groups() -> Any:
    rows = hypotheses.hypotheses("test")
    counts = [ErrorCount(1, 1, 0, 20) for _ in rows]
    return {each: hypotheses.rates_by(each, rows, counts) for each in ("accent", "kind", "speaker")}


def scores() -> Any:
    found = probing.ProbeScore(0.5, 0.4, 0.6)
    sources = ("log-mel", "untrained", "trained", "letters and embedding")
    questions = ("letters", "voices", "durations", "meanings")
    return {question: dict.fromkeys(sources, found) for question in questions}


def run_of_the_learner() -> closing.OwnRun:
    return closing.OwnRun(Path("audio_enc_tiny"), ENTRIES, "audio/asr.csv")


OF_MODULES: dict[str, Callable[[], Any]] = {
    "mel_figures.waveform": lambda: mel_figures.waveform(SOUND, 0.75, "words"),
    "mel_figures.windows": lambda: mel_figures.windows(1000, "words"),
    "mel_figures.one_frame": lambda: mel_figures.one_frame(SOUND, 0.75, "words"),
    "mel_figures.filters": lambda: mel_figures.filters((400, 1024), 600, "words"),
    "mel_figures.log_mels": lambda: mel_figures.log_mels([("a clip", MEL), ("another", MEL)], "words"),
    "mel_figures.distributions": lambda: mel_figures.distributions(MEL.exp(), MEL, "words"),
    "encoder_figures.distances": lambda: encoder_figures.distances(
        {"without masks": torch.rand(16), "with masks": torch.zeros(16)}, "words"
    ),
    "encoder_figures.scores": lambda: encoder_figures.scores(torch.rand(9, 9), torch.rand(9, 9), "words"),
    "encoder_figures.rotated_pair": lambda: encoder_figures.rotated_pair(
        torch.tensor([-0.7, -0.1]),
        torch.tensor([-0.7, 1.3]),
        0,
        [(0, 3), (10, 13), (50, 53), (50, 40)],
        "words",
    ),
    "block_figure.residual_block": lambda: block_figure.residual_block(
        EncoderBlock(192, 3, 768, dropout=0.0), "words"
    ),
    "encoder_figures.attention_weights": lambda: encoder_figures.attention_weights(
        {"first": (torch.rand(90, 90), 0.04), "last": (torch.rand(45, 45), 0.08)}, 7, "words"
    ),
    "encoder_figures.kernels_and_gates": lambda: encoder_figures.kernels_and_gates(
        materials.pretrained()[0].encoder,
        MEL,
        {"mean of neighbours": 169, "later frames": 110, "later minus earlier": 42},
        {"open in speech": 101, "open in silence": 117},
        "words",
    ),
    "encoder_figures.parameter_bars": lambda: encoder_figures.parameter_bars(
        [("subsampler", 163_000), ("blocks", 2_200_000), ("pool", 74_000), ("norm", 384), ("head", 11_000)],
        10_500_000,
        "words",
    ),
    "ctc_figures.posterior_strips": lambda: ctc_figures.posterior_strips(posteriors(), 0.04, SENTENCE),
    "ctc_figures.occupancy_maps": lambda: ctc_figures.occupancy_maps(
        {"random weights": torch.rand(48, 23), "trained": torch.rand(48, 23)},
        ctc_figures.VOCABULARY.encode("hello world"),
        0.04,
    ),
    "ctc_figures.softmax_minus_occupancy": lambda: ctc_figures.softmax_minus_occupancy(
        trellis.short_log_probs("bee"), trellis.VOCABULARY.encode("bee")
    ),
    "prefix_figure.prefix_tree": lambda: prefix_figure.prefix_tree({"_": 0.6, "a": 0.4}, 3),
    "error_figures.rates_by_group": lambda: error_figures.rates_by_group(groups(), 0.09),
    "error_figures.resampled_rates": lambda: error_figures.resampled_rates(
        {"utterances drawn": np.linspace(0.05, 0.1, 99), "speakers drawn": np.linspace(0.03, 0.12, 99)}, 0.08
    ),
    "figures.training_curves": lambda: figures.training_curves(ENTRIES),
    "figures.compared_curves": lambda: figures.compared_curves([("a run", ENTRIES), ("another", ENTRIES)]),
    "figures.log_curves": lambda: figures.log_curves(ENTRIES, "Log 1"),
    "experiments.range_curve": lambda: experiments.range_curve([1e-5, 1e-3, 1e-1], [3, 1, 2], 0.003),
    "more_speech.error_curve": lambda: more_speech.error_curve(more_speech.more_speech()),
    "optimizer_figures.singular_values": lambda: optimizer_figures.singular_values(
        {"gradient, divided by its norm": torch.rand(16, 32), "Muon's update": torch.eye(16, 32)}, "words"
    ),
    "probing.probe_figure": lambda: probing.probe_figure(scores(), dict.fromkeys(scores(), 0.2)),
    "closing.curve_and_figures": lambda: closing.curve_and_figures(run_of_the_learner()),
    "training_run.compare": lambda: figures.compared_curves(
        [("lesson_short", ENTRIES), ("lesson_short_with_8_own", ENTRIES)]
    ),
    "widgets.clip_rows.still_of": lambda: [
        clip_rows.from_sound_to_text("digits").still(),
        clip_rows.word_player("suitcase").still(),
    ],
}


def of_canvases() -> dict[str, Callable[[], Any]]:
    """Each class of an explorer's pictures, and what draws one."""
    from omni_lib.course.widgets import encoder_drawing
    from omni_lib.course.widgets.ctc_explorer import VIEWS, ctc_explorer
    from omni_lib.course.widgets.error_explorer import error_explorer
    from omni_lib.course.widgets.mel_explorer import mel_explorer
    from omni_lib.course.widgets.subsampling_explorer import subsampling_explorer
    from omni_lib.course.widgets.trellis_explorer import trellis_explorer
    from omni_lib.course.widgets.voice_recorder import voice_recorder

    long = "the representative telecommunications infrastructure "

    def empty_filters() -> None:
        made = mel_explorer("hello")
        made.n_fft.value = 400

    def remade() -> None:
        mel_explorer("cat")._make_audible()

    def region() -> None:
        made = ctc_explorer(long)
        made.seconds.value = 4
        made.k.value = 4
        made.view.value = VIEWS[1]

    def trellis_of_a_sentence() -> None:
        made = ctc_explorer()
        made.view.value = VIEWS[2]
        made.clip.value = "command"
        made.transcript.value = "turn on the telecommunications"

    def collapses() -> None:
        for path in ("hhe_ll_loo", "_h" * 20, "_"):
            ctc_explorer(path=path).still()

    return {
        "CollapseCanvas": collapses,
        "EncoderDrawing": lambda: encoder_drawing.encoder_drawing().still(),
        "MelCanvas": empty_filters,
        "SpectrogramCanvas": remade,
        "RegionCanvas": region,
        "TrellisCanvas": trellis_of_a_sentence,
        "EditsCanvas": lambda: [
            error_explorer().still(),
            error_explorer(3 * long, f"a {3 * long}".replace("structure", "structures")).still(),
        ],
        "ShortTrellisCanvas": lambda: trellis_explorer("bee").still(),
        "AlphaCanvas": lambda: trellis_explorer("hello").still(),
        "FieldCanvas": lambda: subsampling_explorer().still(),
        "AttentionCanvas": lambda: subsampling_explorer().still(),
        "VoiceCanvas": lambda: voice_recorder().still(),
    }


def test_nothing_that_draws_is_left_out():
    found, canvases = set(), set()
    for path in sorted(COURSE.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and "Canvas" in map(ast.unparse, node.bases):
                canvases.add(node.name)
            public = isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
            if public and node.returns is not None and ast.unparse(node.returns) in ("Figure", "Picture"):
                found.add(".".join([*path.relative_to(COURSE).with_suffix("").parts, node.name]))
    assert found - {"figures.shown"} == set(OF_MODULES)
    assert canvases == set(of_canvases()) - {"EncoderDrawing"}


@pytest.mark.parametrize("name", [*OF_MODULES, *of_canvases()])
def test_each_text_is_large_dark_and_apart_from_others(name: str, written: list[list[Written]]):
    made = {**OF_MODULES, **of_canvases()}[name]()
    if isinstance(made, Figure):
        figures.shown(made, "words")
    assert written, "nothing was drawn"
    for texts in written:
        small = [(each.text, round(each.size, 1)) for each in texts if each.size < SMALLEST]
        assert not small, f"{small}: at least {SMALLEST:.1f} pixels"
        faint = [(each.text, each.contrasts) for each in texts if min(each.contrasts) < 4.5]
        assert not faint, faint
        for number, one in enumerate(texts):
            assert one.whole, f"'{one.text}' is cut"
            both = [(one.text, other.text) for other in texts[:number] if overlaps(one, other)]
            assert not both, f"{both}: one over the other"
