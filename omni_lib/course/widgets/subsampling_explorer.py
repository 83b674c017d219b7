"""The subsampling explorer: receptive field, influence and attention of an embedding, and how many there are.

from omni_lib.course.widgets.subsampling_explorer import subsampling_explorer

subsampling_explorer()
"""

from __future__ import annotations

import html
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from omni_lib.audio import HOP_LENGTH, SAMPLE_RATE, LogMel, read_audio
from omni_lib.course import materials
from omni_lib.course.figures import MATRIX, Picture, page_style
from omni_lib.course.palette import BLUE, INK, ORANGE
from omni_lib.course.receptive_field import Field, Influence, attention_maps, halvings, receptive_field
from omni_lib.course.widgets.explorer import Canvas, Explorer, controls, table
from omni_lib.course.widgets.sound_picture import SoundPicture
from omni_lib.encoder import block_time
from omni_lib.errors import UserError

FRAME = HOP_LENGTH / SAMPLE_RATE  # seconds
SOUNDS = ("its receptive field", "the whole clip")
LONGEST = 200  # mel frames of the slider


def subsampling_explorer(clip: str = "hello") -> SubsamplingExplorer:
    """An explorer that starts with one of the course's clips."""
    return SubsamplingExplorer(clip)


class SubsamplingExplorer(Explorer):
    """Choose an embedding by slider or by click, and step through lengths."""

    def __init__(self, clip: str) -> None:
        super().__init__("subsampling", "Subsampling explorer")
        self.clips = materials.clips()
        if clip not in self.clips:
            raise UserError(f"there is no clip '{clip}': choose one of {', '.join(self.clips)}")
        recogniser, self._config = materials.pretrained()
        self._encoder = recogniser.encoder
        self.clip = widgets.Dropdown(options=list(self.clips), value=clip, description="clip")
        self.embedding = widgets.IntSlider(0, min=0, max=0, description="embedding")
        self.sound = widgets.Dropdown(options=SOUNDS, description="play")
        blocks = len(self._encoder.blocks)
        heads = self._config.n_heads
        self.block = widgets.IntSlider(blocks, min=1, max=blocks, description="attention block")
        self.head = widgets.IntSlider(1, min=1, max=heads, description="attention head")
        self.length = widgets.IntSlider(38, min=1, max=LONGEST, description="mel frames")
        self.picture, self.attention = SoundPicture(), SoundPicture()
        self.picture.add_class("omni-receptive-field")
        self.attention.add_class("omni-attention")
        self.attention_words = widgets.HTML()
        self.attention_words.add_class("omni-attention-words")
        self.steps = widgets.HTML()
        self.steps.add_class("omni-lengths")
        self._canvas, self._attention_canvas = FieldCanvas(), AttentionCanvas()
        self._load()
        self.children = [
            self.heading,
            controls(self.clip, self.embedding, self.sound),
            self.summary,
            self.picture,
            controls(self.block, self.head),
            self.attention_words,
            self.attention,
            widgets.HTML("<b>How many embeddings?</b>"),
            controls(self.length),
            self.steps,
        ]
        self.clip.observe(lambda _: self.guarded(self._load), names="value")
        self.react_to(self.embedding, self.sound)
        for control in (self.block, self.head):
            control.observe(lambda _: self._attend(), names="value")
        self.length.observe(lambda _: self._step(), names="value")
        for picture in (self.picture, self.attention):
            picture.on_pointed(self._point)
        self._step()

    def refresh(self) -> None:
        index = self.embedding.value
        field = receptive_field(index, len(self._mel))
        weights = self._influence.of(index)
        start, end = field.samples(len(self._waveform))
        inside = float(weights[field.first : field.last + 1].sum())
        words = (
            f"Embedding {index} (of those from 0 to {self.embedding.max}) stands for "
            f"{8 * index * FRAME:.2f}–{8 * (index + 1) * FRAME:.2f} s. Through subsampler and pool it "
            f"depends on frames {field.first} to {field.last}, {field.frames} of them: the sound from "
            f"{start / SAMPLE_RATE:.2f} to {end / SAMPLE_RATE:.2f} s. These frames have {inside:.0%} of the "
            "influence on the embedding; the others act through the blocks, by attention and convolution."
        )
        seconds = len(self._mel) * FRAME
        with self.picture.hold_sync():
            image = self._canvas.draw(self._mel, field, weights)
            self.picture.set_image(image, f"Log-mel of the clip '{self.clip.value}'. {words}")
            self.picture.set_axis(self._canvas.span(self._canvas.mel_axes), 0.0, seconds)
            if self.sound.value == SOUNDS[0]:
                sound = self._waveform[start:end]
                self.picture.set_sound(sound, f"the sound of embedding {index}", start / SAMPLE_RATE)
            else:
                self.picture.set_sound(self._waveform, f"the clip '{self.clip.value}'")
        self._attend()
        self.announce(words)

    def still(self) -> Picture:
        return Picture(self.picture.image, f"Subsampling explorer. {self.picture.alt}")

    def _load(self) -> None:
        self._waveform = read_audio(self.clips[self.clip.value].path)
        self._mel = LogMel()(self._waveform)
        self._influence = Influence(self._encoder, self._mel)
        self._attentions = attention_maps(self._encoder, self._mel)
        count = self._encoder.output_lengths(len(self._mel))
        with self.one_refresh(), self.embedding.hold_trait_notifications():
            self.embedding.max = count - 1
            self.embedding.value = count // 2

    def _attend(self) -> None:
        index = self.embedding.value
        weights = self._attentions[self.block.value - 1][self.head.value - 1]  # (T, T)
        encoder = self._encoder
        time = block_time(self.block.value - 1, encoder.blocks_before_pool, encoder.downsample_time)
        step = time * FRAME
        rate = 8 // time  # rows for each embedding: two before the pool
        rows = range(rate * index, rate * index + rate)
        mean = weights[list(rows)].mean(dim=0)
        target = int(mean.argmax())
        words = (
            f"Attention of block {self.block.value}, head {self.head.value}: "
            f"{len(weights)} × {len(weights)} steps of {1000 * step:.0f} ms. Embedding {index} attends most "
            f"to {target * step:.2f}–{(target + 1) * step:.2f} s, "
            f"with {float(mean[target]):.0%} of its attention."
        )
        canvas = self._attention_canvas
        with self.attention.hold_sync():
            self.attention.set_image(canvas.draw(weights, rows, step), words)
            self.attention.set_axis(canvas.span(canvas.axes), 0.0, len(weights) * step)
        self.attention_words.value = (
            f'<div role="status" aria-live="polite" style="line-height: 1.5">{html.escape(words)}</div>'
        )

    def _point(self, second: float) -> None:
        self.embedding.value = min(int(second / (8 * FRAME)), self.embedding.max)

    def _step(self) -> None:
        self.steps.value = length_steps(self.length.value, self._config.ctc_frames_per_embedding)


def length_steps(frames: int, k: int) -> str:
    """Four rows of boxes as HTML, one for each frame and as wide as its duration, and the counts in words."""
    counts = halvings(frames)
    names = ("mel frames of 10 ms", "after the first halving", "after the second", "embeddings")
    left_over = counts[2] % 2
    rows = []
    for stage, (name, count) in enumerate(zip(names, counts, strict=True)):
        width = 4 * 2**stage
        style = f"display: inline-block; box-sizing: border-box; width: {width}px; height: 16px; "
        style += "border: 1px solid"
        colours = [BLUE] * count
        if stage == 2 and left_over:
            colours[-1] = ORANGE
        boxes = "".join(f'<span style="{style} {colour}"></span>' for colour in colours)
        header = "text-align: left; font-weight: normal; padding-right: 12px; white-space: nowrap"
        rows.append(
            f'<tr><th scope="row" style="{header}">{name}</th>'
            f'<td style="text-align: right; padding-right: 12px"><b>{count}</b></td>'
            f'<td style="white-space: nowrap; line-height: 0; padding: 2px 0">{boxes}</td></tr>'
        )
    odd = " The last 40 ms frame (orange) has no partner and is dropped." if left_over else ""
    made = _counted(counts[3], "embedding")
    words = (
        f"{_counted(frames, 'frame')} → {' → '.join(map(str, counts[1:]))}: {frames * FRAME:.2f} s of sound "
        f"make {made}. From each, the CTC head makes {_counted(k, 'prediction')}: {counts[3] * k} in all. "
        f"The first two halvings round up, the third rounds down.{odd}"
    )
    status = f'<div role="status" aria-live="polite" style="line-height: 1.5">{html.escape(words)}</div>'
    return table(rows, words) + status


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


class FieldCanvas(Canvas):
    """The log-mel, dark outside the receptive field, and below it the influence of each frame."""

    def __init__(self) -> None:
        super().__init__(9.6, 4.6)
        with page_style():
            self.mel_axes = self.figure.add_axes((0.08, 0.42, 0.8, 0.54))
            self.below = self.figure.add_axes((0.08, 0.12, 0.8, 0.25))
            self.mel = self.mel_axes.imshow([[0.0]], cmap="magma", **MATRIX)
            shade: dict[str, Any] = {"color": "black", "alpha": 0.6, "linewidth": 0}
            self.shades = [self.mel_axes.axvspan(0, 0, **shade) for _ in range(2)]
            self.edges = [self.mel_axes.axvline(0, color="white", linewidth=1.5) for _ in range(2)]
            field = "receptive field of subsampler and pool"
            self.band = self.below.axvspan(0, 0, color=ORANGE, alpha=0.3, linewidth=0, label=field)
            influence = "influence through the whole encoder"
            (self.curve,) = self.below.plot([], [], color=BLUE, linewidth=1.2, label=influence)
            self.mel_axes.grid(False)
            self.mel_axes.tick_params(labelbottom=False)
            self.mel_axes.set(ylabel="mel filter")
            self.below.set(xlabel="time (s)", ylabel="influence (%)")
            self.below.legend(loc="upper right")
            bar = self.figure.add_axes((0.9, 0.42, 0.014, 0.54))
            self.figure.colorbar(self.mel, cax=bar, label="log-mel (nats)")

    def draw(self, mel: Tensor, field: Field, weights: Tensor) -> bytes:
        """The picture as a PNG.

        Args:
            mel: (frames, 128).
            field: of one embedding.
            weights: the influence of each frame on it, (frames,).
        """
        end = len(mel) * FRAME
        first, last = field.first * FRAME, (field.last + 1) * FRAME
        self.mel.set_data(mel.T.numpy())
        self.mel.set_clim(float(mel.min()), float(mel.max()))
        self.mel.set_extent((0, end, -0.5, mel.shape[1] - 0.5))
        ranges = ((0, first), (last, end), (first, last))
        for span, (left, right) in zip((*self.shades, self.band), ranges, strict=True):
            span.set_x(left)
            span.set_width(right - left)
        for line, second in zip(self.edges, (first, last), strict=True):
            line.set_xdata([second, second])
        percent = 100 * weights.numpy()
        self.curve.set_data((torch.arange(len(mel)).numpy() + 0.5) * FRAME, percent)
        self.below.set(xlim=(0, end), ylim=(0, 1.75 * float(percent.max())))
        self.mel_axes.set_xlim(0, end)
        return self.png()


class AttentionCanvas(Canvas):
    """The attention weights of one head. Each row is a position that attends to those of the columns."""

    def __init__(self) -> None:
        super().__init__(9.6, 4.2)
        with page_style():
            self.axes = self.figure.add_axes((0.08, 0.13, 0.8, 0.83))
            self.map = self.axes.imshow([[0.0]], cmap="viridis", vmin=0, **MATRIX | {"origin": "upper"})
            self.lines = [self.axes.axhline(0, color=ORANGE, linewidth=1.5) for _ in range(2)]
            self.axes.grid(False)
            self.axes.set(xlabel="time of the key (s)", ylabel="time of the query (s)")
            beside = self.figure.add_axes((0.9, 0.13, 0.014, 0.83))
            bar = self.figure.colorbar(self.map, cax=beside, label="attention weight")
            bar.outline.set_edgecolor(INK)

    def draw(self, weights: Tensor, rows: range, step: float) -> bytes:
        """The picture as a PNG.

        Args:
            weights: (T, T).
            rows: those of one embedding, which are drawn between two lines.
            step: duration of a position in seconds.
        """
        end = len(weights) * step
        self.map.set_data(weights.numpy())
        self.map.set_clim(0, float(weights.max()))
        self.map.set_extent((0, end, end, 0))
        for line, second in zip(self.lines, (rows.start * step, rows.stop * step), strict=True):
            line.set_ydata([second, second])
        return self.png()
