"""The closing page of the course: what the learner has answered, trained and recorded, on one page.

    page = closing_page()
    page                                # in a notebook
    page.save("my_recogniser.html")     # one file that needs nothing else

What does not exist yet is named, together with the lesson that makes it.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from omni_lib.audio import read_audio
from omni_lib.course import board
from omni_lib.course.clip_reading import Reading, read_clip
from omni_lib.course.edits import edit_table, word_edits
from omni_lib.course.figures import DOTS, Entries, Picture, of_type, page_style, plot_entries, shown
from omni_lib.course.own_recogniser import Parts, own_parts
from omni_lib.course.palette import BLUE, GREEN, INK, ORANGE
from omni_lib.course.recordings import RECORDINGS, voice_recogniser
from omni_lib.course.widgets.clip_rows import words_of
from omni_lib.course.widgets.sound_picture import wav_bytes
from omni_lib.machine.files import write_atomically
from omni_lib.manifest import read_manifest
from omni_lib.runs.discovery import bases, latest_first
from omni_lib.runs.log import FILE_NAME, read_log
from omni_lib.training.checkpoint import periodic_checkpoints

AN4_TEST = "CMU AN4, official test part (real speech)"
EMBEDDED_TEST = "embedded corpus, test (synthetic speech)"


@dataclass(frozen=True)
class PublishedRate:
    """A word error rate to compare with."""

    name: str
    low: float  # %
    high: float  # %; the same as `low` for a single figure
    test_set: str


# README, "Results", has the intervals and the sources.
PUBLISHED = (
    PublishedRate("omni train, an4_long.json", 4.3, 4.3, AN4_TEST),
    PublishedRate("omni train, an4.json", 5.8, 5.8, AN4_TEST),
    PublishedRate("Kaldi, with lexicon and language model", 5.95, 5.95, AN4_TEST),
    PublishedRate("ESPnet Transformer", 7.6, 7.6, AN4_TEST),
    PublishedRate("NeMo, tiny transducer", 10, 12, AN4_TEST),
    PublishedRate("make train", 6.4, 6.4, EMBEDDED_TEST),
)
STYLE = """:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem;
  background: Canvas; color: CanvasText }
img { max-width: 100%; height: auto } table { border-collapse: collapse } td, th { padding: 2px 10px }
section > div { overflow-x: auto }"""


@dataclass(frozen=True)
class OwnRun:
    """A training of the learner."""

    folder: Path
    entries: Entries
    data: str  # its manifest, such as "audio/asr.csv"

    @property
    def name(self) -> str:
        """The name of its folder, by which the page calls it."""
        return self.folder.name

    @property
    def final(self) -> float | None:
        """The WER on dev after the last epoch, as a fraction; None before the first."""
        epochs = of_type(self.entries, "epoch")
        return float(epochs[-1]["dev_wer"]) if epochs else None

    @property
    def checkpoint(self) -> Path | None:
        """The newest checkpoint."""
        checkpoints = periodic_checkpoints(self.folder)
        return checkpoints[-1] if checkpoints else None


@dataclass(frozen=True)
class OwnVoice:
    """The learner's latest recording, transcribed."""

    reading: Reading
    said: str
    trained_on: str


@dataclass(frozen=True)
class ClosingPage:
    """The page; a notebook shows it."""

    sections: tuple[tuple[str, str], ...]  # heading and HTML

    def __repr__(self) -> str:
        return "closing page: " + ", ".join(heading for heading, _ in self.sections)

    def _repr_html_(self) -> str:
        parts = (
            f"<section><h3>{html.escape(name)}</h3><div>{body}</div></section>"
            for name, body in self.sections
        )
        return "".join(parts)

    def save(self, path: str | Path) -> Path:
        """Write the page as one HTML file that contains its pictures and sounds, and return its path.

        Raises:
            UserError: it cannot be written.
        """
        path = Path(path)
        head = f'<meta charset="utf-8"><title>My recogniser</title><style>{STYLE}</style>'
        view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
        body = f"<h1>My recogniser</h1>{self._repr_html_()}"
        text = f'<!doctype html><html lang="en"><head>{head}{view}</head><body>{body}</body></html>\n'
        write_atomically(path, text.encode())
        return path


def closing_page(
    run: str | Path | None = None,
    checkpoint: Path | None = None,
    recordings: str | Path = RECORDINGS,
    parts: Parts | None = None,
) -> ClosingPage:
    """The page of this learner.

    Args:
        run: the folder of a training; the latest one in `checkpoints` if not given.
        checkpoint: of the encoder that transcribes the recording. If not given, the newest of the run, or
            that of the course's encoder for people's voices where there is none.
        recordings: the corpus to which the recorder adds.
        parts: whose the parts of the recogniser are; by the answers that are right now if not given.

    Raises:
        UserError: `run` holds no training log, or a file is damaged.
    """
    own = _run_in(Path(run)) if run else latest_run()
    sections = [
        ("What I have answered", board.everything()._repr_html_()),
        ("Whose parts they are", (parts or own_parts())._repr_html_()),
    ]
    sections.append(("My training, and published figures", _training_section(own)))
    transcriber = checkpoint or (own.checkpoint if own else None)
    sections.append(("My voice, transcribed", _voice_section(latest_voice(recordings, transcriber))))
    return ClosingPage(tuple(sections))


def latest_run() -> OwnRun | None:
    """The training in `checkpoints`, here or in the project, whose log changed last, if there is one."""
    logs = {path.resolve() for base in bases() for path in base.glob(f"checkpoints/*/{FILE_NAME}")}
    return _run_in(latest_first(logs)[0].parent) if logs else None


def _run_in(folder: Path) -> OwnRun:
    log = read_log(folder / FILE_NAME)
    data = Path(str(log["config"].get("data_path", "")))
    return OwnRun(folder, log["entries"], "/".join(data.parts[-2:]))


def latest_voice(folder: str | Path, checkpoint: Path | None) -> OwnVoice | None:
    """The last recording that was added to a corpus, transcribed; None if there is none.

    Raises:
        UserError: the table or the sound is damaged.
    """
    manifest = Path(folder) / "asr.csv"
    if not manifest.exists():
        return None
    utterances = read_manifest(manifest).utterances
    if not utterances:
        return None
    recogniser, config, trained_on = voice_recogniser(checkpoint)
    last = utterances[-1]
    return OwnVoice(read_clip(read_audio(last.path), recogniser, config), last.text, trained_on)


def _training_section(run: OwnRun | None) -> str:
    figure = shown(curve_and_figures(run), _words_of_training(run))
    if run is None:
        caption = "There is no training of yours yet. Lesson 05 makes one; then its curve is drawn here."
    elif run.final is None:
        caption = f"No epoch of my run {run.name} is complete yet; its curve begins with the first."
    else:
        caption = (
            f"Left: the word error rate of my run {run.name} on its dev set ({run.data}), after each epoch. "
            "Right: its last value beside other figures, each measured on the test set above it."
        )
    caution = "Rates on different test sets cannot be compared: each panel has its own."
    return f"{figure.as_html()}<p>{html.escape(f'{caption} {caution}')}</p>"


def _words_of_training(run: OwnRun | None) -> str:
    published = "; ".join(f"{each.name} {_percent(each)}" for each in PUBLISHED)
    mine = f"no epoch of the run {run.name} is complete yet" if run else "no training yet"
    if run is not None and run.final is not None:
        mine = f"the run {run.name} ends at {run.final:.1%} on dev"
    return f"Word error rates: {mine}; {published}"


def curve_and_figures(run: OwnRun | None) -> Figure:
    """The curve of the learner's run, and published figures with a panel for each test set.

    A run on another corpus than these gets a panel of its own.
    """
    mine = _panel_of(run) if run and run.final is not None else None
    tests = dict.fromkeys((AN4_TEST, EMBEDDED_TEST, mine or EMBEDDED_TEST))
    groups = {test: [each for each in PUBLISHED if each.test_set == test] for test in tests}
    with page_style():
        figure = Figure(figsize=(9.8, 4.6), layout="constrained")
        grid = figure.add_gridspec(len(groups), 2, height_ratios=[len(rows) + 1 for rows in groups.values()])
        curve = figure.add_subplot(grid[:, 0])
        epochs: Sequence[dict[str, Any]] = of_type(run.entries, "epoch") if run else ()
        plot_entries(curve, epochs, "dev_wer", 100, color=BLUE, **DOTS)
        curve.set(xlabel="step", ylabel="word error rate on dev (%)", title="my training", ylim=(0, 105))
        if not epochs:
            missing = "no epoch is complete yet" if run else "no training yet"
            curve.text(0.5, 0.5, missing, ha="center", transform=curve.transAxes)
        for row, (test, published) in enumerate(groups.items()):
            axes = figure.add_subplot(grid[row, 1])
            names, right = [each.name for each in published], 13.0  # % at the right edge
            for place, each in enumerate(published):
                own = each.name.startswith(("omni", "make"))
                style: dict[str, Any] = {"color": GREEN if own else INK, "marker": "s" if own else "o"}
                axes.plot([each.low, each.high], [place, place], linewidth=2, **style)
            if run and run.final is not None and test == mine:
                axes.plot([100 * run.final], [len(names)], color=ORANGE, marker="D", markersize=8)
                names, right = [*names, "my run, on dev"], max(right, 105 * run.final)
            axes.set_yticks(range(len(names)), names)
            axes.set(xlim=(0, right), ylim=(-0.6, len(names) - 0.4))
            axes.set_title(test, loc="right")  # it may be longer than the axes
        axes.set_xlabel("word error rate (%); squares: this course")
    return figure


def _panel_of(run: OwnRun) -> str:
    """The title of the panel that shows the run: it holds figures of the same corpus."""
    corpus = run.data.split("/")[0]
    if corpus in ("an4", "an4_confirmation"):
        return AN4_TEST
    return EMBEDDED_TEST if corpus in ("audio", "audio_more") else f"my dev set ({run.data})"


def _percent(each: PublishedRate) -> str:
    return f"{each.low:g}%" if each.low == each.high else f"{each.low:g}–{each.high:g}%"


def _voice_section(voice: OwnVoice | None) -> str:
    if voice is None:
        return (
            "<p>There is no recording of yours yet: make one with the recorder in lesson 06, and press <i>"
            "add to my corpus</i>.</p>"
        )
    rows = words_of(voice.reading, "my voice")
    picture: Picture = rows.still()
    sound = base64.b64encode(wav_bytes(voice.reading.waveform)).decode()
    player = f'<audio controls aria-label="my voice" src="data:audio/wav;base64,{sound}"></audio>'
    said, written = voice.said, voice.reading.text
    edits = edit_table(word_edits(said, written), f"said '{said}', written '{written}'")
    trained = html.escape(f"The encoder was trained on {voice.trained_on}.")
    return f"{player}{edits}{picture.as_html()}<p>{trained}</p>"
