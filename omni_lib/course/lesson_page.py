"""What every lesson begins and ends with: a header with links, and a list of what the learner can do now.

lesson_page.header(lesson)     # progress, minutes, the lessons before and after it, the code that it teaches
lesson_page.can_do(lesson)     # each aim of the lesson, with a sign once its exercises are right
"""

from __future__ import annotations

import html
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omni_lib.course import board
from omni_lib.course.exercises.unquoted import reply_to_letters_without_quotes
from omni_lib.course.exercises.verdict import OUTCOME_COLOURS, Outcome, sign_html
from omni_lib.course.lab import SERVED
from omni_lib.course.notebooks import LESSONS
from omni_lib.machine.clone import ROOT

GUIDE = ROOT / "notebooks" / "README.md"  # holds the table of minutes
_ROW = re.compile(r"^\| (\d\d) [^|]*\|([^|]*)\|[^|]*\|[^|]*\|([^|]*)\|", re.MULTILINE)


@dataclass(frozen=True)
class Aim:
    """One thing that a learner can do after a lesson, and the exercises and questions that show it."""

    words: str  # "can …"
    shown_by: tuple[str, ...]


# lesson -> the files that it teaches
TAUGHT = {
    "00": ("omni_lib/__init__.py", "omni_lib/inference/transcription.py"),
    "01": ("omni_lib/audio.py", "omni_lib/training/augmentation.py"),
    "02": ("omni_lib/encoder.py", "omni_lib/subsampling.py"),
    "03": ("omni_lib/ctc.py", "omni_lib/decoding.py", "omni_lib/alignment.py"),
    "04": ("omni_lib/metrics.py", "omni_lib/text.py", "omni_lib/inference/beam_search.py"),
    "05": ("omni_lib/trainer.py", "omni_lib/training/objective.py", "configs/audio_enc_tiny.json"),
    "06": ("omni_lib/stage_e.py", "omni_lib/weights.py", "omni_lib/course/probing.py"),
}

AIMS = {
    "00": (
        Aim("say how sound becomes text, and what shape the data have after each step", ("pipeline_order",)),
        Aim("say what Stage B trains, by which task, and what for", ("purpose_of_stage_b",)),
        Aim("answer an exercise and read what its check says", ("seconds",)),
    ),
    "01": (
        Aim("say why one second of sound gives a picture of exactly (100, 128)", ("frame_count",)),
        Aim("compute a log-mel, equal to torchaudio's", ("log_mel",)),
        Aim("find mel filters that are always empty, and fix them", ("smallest_fft",)),
        Aim("normalise a padded batch so that the padding has no influence", ("normalise_padded",)),
        Aim("say what speed perturbation and SpecAugment do", ("faster_frames", "mask_fill")),
    ),
    "02": (
        Aim("say how many embeddings a clip has", ("output_lengths",)),
        Aim(
            "write the mask that keeps padding out, and say what it is for", ("padding_mask", "without_mask")
        ),
        Aim("write a subsampler as a module of PyTorch", ("subsampler",)),
        Aim(
            "write attention with rotary positions, a convolution module, and a block",
            ("attention", "rotate", "rotary", "convolution_module", "block"),
        ),
        Aim("put these together into an encoder and give it trained weights", ("audio_encoder",)),
        Aim("say how many parameters it has", ("how_many_blocks",)),
    ),
    "03": (
        Aim("read what a path spells", ("collapse",)),
        Aim("compute with all alignments of a text without listing them", ("forward_recursion",)),
        Aim("say what the loss is before training", ("initial_loss",)),
        Aim("tell before training whether an utterance can be learned at all", ("feasible",)),
    ),
    "04": (
        Aim("align two texts and count their errors as jiwer does", ("edit_counts",)),
        Aim("say what a WER of 15% means, and why a WER can exceed 100%", ("meaning_of_15", "most_errors")),
        Aim("tell the corpus WER from a mean of rates", ("corpus_wer", "mean_or_corpus")),
        Aim(
            "judge whether two systems differ, and from what to draw an interval",
            ("difference_of_half_a_point", "whom_to_draw"),
        ),
        Aim("say what one number hides", ("what_normalisation_hides", "human_level")),
    ),
    "05": (
        Aim("predict the first loss of a training", ("initial_loss",)),
        Aim(
            "write the schedule of the learning rate, and a whole step of training",
            ("learning_rate", "train_step"),
        ),
        Aim("say from its log why a training went wrong", ("log_one", "log_two", "log_three")),
        Aim("design an experiment that can fail", ("one_change",)),
    ),
    "06": (
        Aim("load a trained encoder, and freeze it", ("load_encoder", "freeze")),
        Aim("hand its embeddings to the Thinker", ("thinker_input", "use_in_stage_e")),
        Aim("say what a probe shows, and what it does not show", ("voices_forgotten", "probe_says")),
        Aim("say what more speech changes, and what it costs", ("few_or_many", "what_is_measured")),
    ),
}


def minutes_of(number: str) -> tuple[str, str]:
    """The minutes of a lesson and those of its extras, from the teacher's table; "–" for no extras."""
    for row in _ROW.finditer(GUIDE.read_text(encoding="utf-8")):
        if row[1] == number:
            return row[2].strip(), row[3].strip()
    raise KeyError(f"{GUIDE} has no row for lesson {number}")


def link_to(file: str, folder: Path | None = None) -> str:
    """The address of a file of the project, relative to the folder of a notebook.

    Args:
        file: relative to the project.
        folder: of the notebook, the current one if not given. Outside the project, the address is that for
            the folder `notebooks`.
    """
    folder = (folder or Path.cwd()).resolve()
    inside = folder if folder.is_relative_to(ROOT) else ROOT / "notebooks"
    return Path(os.path.relpath(ROOT / file, inside)).as_posix()


@dataclass(frozen=True)
class Header:
    """Progress, minutes and links of one lesson."""

    standing: board.LessonStanding
    minutes: str
    extra: str
    before: str  # name of the notebook, "" for none
    after: str
    taught: tuple[str, ...]

    @property
    def time(self) -> str:
        """The estimated minutes in words."""
        extras = "" if self.extra == "–" else f", extras {self.extra} more"
        return f"about {self.minutes} minutes{extras} (estimates)"

    def __repr__(self) -> str:
        lines = [f"{self.standing.number} · {self.standing.title}: {self.standing.count}; {self.time}"]
        ways = [("before", self.before), ("next", self.after)]
        lines += ["; ".join(f"{name}: {notebook}.ipynb" for name, notebook in ways if notebook)]
        return "\n".join([*lines, f"its code: {', '.join(self.taught)}"])

    def _repr_html_(self) -> str:
        title = html.escape(f"{self.standing.number} · {self.standing.title}")
        first = f"<b>{title}</b>: {self.standing.count} {board.signs_of(self.standing)} · {self.time}"
        ways = [_link(f"{self.before}.ipynb", f"← {self.before}")] if self.before else []
        ways += [_link(f"{self.after}.ipynb", f"{self.after} →")] if self.after else []
        if _is_served():
            code = f"Its code: {', '.join(_link(link_to(file), file) for file in self.taught)}"
        else:
            code = f"Its code, in the folder of the project: {', '.join(map(html.escape, self.taught))}"
        style = (
            f"border-left: 4px solid {OUTCOME_COLOURS[Outcome.RIGHT]}; padding: 2px 10px; line-height: 1.7"
        )
        return f'<div style="{style}">{first}<br>{" · ".join(ways)}<br>{code}</div>'


def _is_served() -> bool:
    """Whether JupyterLab can open the files of the project: not if `omni lab` serves another folder."""
    folder = os.environ.get(SERVED)
    return folder is None or ROOT.is_relative_to(folder)


def _link(address: str, text: str) -> str:
    return f'<a href="{html.escape(address, quote=True)}">{html.escape(text)}</a>'


def header(lesson: Any) -> Header:
    """The header of a lesson, given as its module in `omni_lib.course.lessons`.

    From then on the notebook also answers `check(b)`, a letter without its quotes.
    """
    reply_to_letters_without_quotes()
    names = list(LESSONS)
    place = next(index for index, name in enumerate(names) if name.startswith(lesson.NUMBER))
    before, after = ["", *names, ""][place], ["", *names, ""][place + 2]
    standing = board.summary(lesson)
    return Header(standing, *minutes_of(lesson.NUMBER), before, after, TAUGHT[lesson.NUMBER])


@dataclass(frozen=True)
class CanDo:
    """The aims of a lesson, each with whether the exercises that show it are right."""

    aims: tuple[tuple[str, bool], ...]

    def __repr__(self) -> str:
        lines = [f"  {'✓' if reached else '○'} {words}" for words, reached in self.aims]
        return "\n".join(["What you can do now (✓ shown by your answers, ○ not yet):", *lines])

    def _repr_html_(self) -> str:
        items = []
        for words, reached in self.aims:
            outcome = Outcome.RIGHT if reached else Outcome.NOT_ATTEMPTED
            items.append(
                f'<div style="padding-left: 1.5em; text-indent: -1.2em">{sign_html(outcome)} '
                f"{html.escape(words)}</div>"
            )
        head = "<b>What you can do now</b> (✓ shown by your answers, ○ not yet)"
        return f'<div style="line-height: 1.6; padding: 2px 14px">{head}{"".join(items)}</div>'


def can_do(lesson: Any) -> CanDo:
    """The aims of a lesson, given as its module in `omni_lib.course.lessons`."""
    outcomes = {each.name: each.outcome for each in board.summary(lesson).standings}
    return CanDo(
        tuple(
            (aim.words, all(outcomes[name].counts_as_right for name in aim.shown_by))
            for aim in AIMS[lesson.NUMBER]
        )
    )
