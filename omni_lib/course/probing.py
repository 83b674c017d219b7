"""Linear probes: what can be predicted from the embeddings of unseen clips, and from simpler inputs?

A probe is a linear map that is fitted by least squares on some clips and scored on others (Alain & Bengio
2016). What it predicts is linearly encoded in its inputs; what it fails to predict may still be there in
another form. A score means something only beside those of simpler inputs (Belinkov 2022), so each question
has such baselines, and each score has an interval. `probe_questions` asks the questions of lesson 06.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from matplotlib.figure import Figure
from matplotlib.pyplot import subplots
from torch import Tensor, nn

from omni_lib.course.figures import page_style
from omni_lib.course.palette import BLUE, GREEN, GREY, INK, ORANGE
from omni_lib.course.tables import Table

SOURCES = ("log-mel", "untrained", "trained")
RESAMPLES = 1000  # for the interval of a score


@dataclass(frozen=True)
class ProbeExamples:
    """The N examples of one probe: the inputs from each source, and the labels."""

    inputs: dict[str, Tensor]  # source -> (N, D)
    truth: Tensor  # (N,): class indices, or seconds
    units: Tensor  # (N,): the index of the clip, or of the word where words are held out
    names: list[str]  # of the classes; empty for seconds

    def held_out(self, share: float = 0.3) -> Tensor:
        """Mask (N,) of the examples of the last units.

        A unit is never used both for fitting and for scoring.
        """
        return self.units >= (1 - share) * (int(self.units.max()) + 1)


@dataclass(frozen=True)
class ProbeScore:
    """Accuracy, or R² for seconds, on the held-out examples, with its 95% bootstrap interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


def fit(x: Tensor, targets: Tensor, penalty: float = 1.0) -> Tensor:
    """Ridge regression: the weights W (D + 1, K) that minimise |[x 1] W - targets|² + penalty · |W|².

    Args:
        x: (N, D), of any floating type.
        targets: (N, K).
        penalty: at least 0.

    Returns:
        (D + 1, K), float64; the last row is the bias.
    """
    x, targets = with_ones(x).double(), targets.double()
    ridge = penalty * torch.eye(x.shape[1], dtype=x.dtype)
    weights: Tensor = torch.linalg.solve(x.T @ x + ridge, x.T @ targets)
    return weights


def with_ones(x: Tensor) -> Tensor:
    """x (N, D) → (N, D + 1), with ones in the last column, whose weights are the bias."""
    return nn.functional.pad(x, (0, 1), value=1.0)


def score(examples: ProbeExamples, source: str) -> ProbeScore:
    """The score on units that the probe was not fitted to: accuracy, or R² for seconds (0: like the mean).

    The interval draws held-out units with replacement; the probe stays the same.
    """
    x, out = examples.inputs[source].float(), examples.held_out()
    x = (x - x[~out].mean(0)) / x[~out].std(0).clamp_min(1e-5)
    classes = len(examples.names)
    truth = examples.truth
    targets = nn.functional.one_hot(truth, classes).float() if classes else truth.float()[:, None]
    penalty = 0.01 * int((~out).sum())  # 1% of the summed squares of a standardised input
    weights = fit(x[~out], targets[~out], penalty)
    found = with_ones(x[out]).double() @ weights
    if classes:
        part = (found.argmax(1) == truth[out]).double()
        whole = torch.ones_like(part)
    else:
        part = (found - targets[out]).square().sum(dim=1)
        whole = (targets[out] - targets[~out].mean()).square().sum(dim=1).double()
    ratio, ratios = _ratio_and_resamples(part, whole, examples.units[out])
    if not classes:
        ratio, ratios = 1 - ratio, 1 - ratios
    low, high = ratios.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return ProbeScore(ratio, low, high)


def _ratio_and_resamples(part: Tensor, whole: Tensor, units: Tensor) -> tuple[float, Tensor]:
    """sum(part) / sum(whole), and the same of resamples (RESAMPLES,) that draw whole units."""
    names, index = units.unique(return_inverse=True)
    sums = part.new_zeros(len(names), 2).index_add(0, index, torch.stack([part, whole], dim=1))
    drawn = torch.randint(len(names), (RESAMPLES, len(names)), generator=torch.Generator().manual_seed(0))
    resampled = sums[drawn].sum(dim=1)  # (RESAMPLES, 2)
    return (part.sum() / whole.sum()).item(), resampled[:, 0] / resampled[:, 1]


def chance(examples: ProbeExamples) -> float:
    """The score without a probe: always the most frequent class of the fitted clips, or 0 for R²."""
    if not examples.names:
        return 0.0
    out = examples.held_out()
    return (examples.truth[out] == examples.truth[~out].mode().values).double().mean().item()


def score_table(scores: dict[str, dict[str, ProbeScore]], levels: dict[str, float]) -> Table:
    """The score of each probe for each source, with its interval.

    Args:
        scores: question -> source -> score.
        levels: question -> score by chance.
    """
    rows = [
        (
            question,
            f"{levels[question]:.2f}",
            source,
            f"{value.value:.2f}",
            f"{value.low:.2f} to {value.high:.2f}",
        )
        for question, found in scores.items()
        for source, value in found.items()
    ]
    return Table(("question", "guessing", "input", "score", "95% interval"), rows)


def probe_figure(scores: dict[str, dict[str, ProbeScore]], levels: dict[str, float]) -> Figure:
    """Bars with the score of each probe for each source and its interval, one panel for each question.

    Args:
        scores: question -> source -> score.
        levels: question -> score by chance, drawn as a line.
    """
    colours = {"log-mel": GREY, "untrained": ORANGE, "trained": BLUE}
    with page_style():
        figure, panels = subplots(1, len(scores), figsize=(9.8, 2.9), layout="constrained")
        for axes, (question, found) in zip(panels, scores.items(), strict=True):
            names, values = list(found)[::-1], [each.value for each in found.values()][::-1]
            reach = [
                [each.value - each.low for each in found.values()][::-1],
                [each.high - each.value for each in found.values()][::-1],
            ]
            shades = [colours.get(name, GREEN) for name in names]
            axes.barh(names, values, xerr=reach, color=shades, ecolor=INK, capsize=2, height=0.6)
            axes.axvline(levels[question], color=INK, linestyle="--", label="guessing")
            lowest = min(each.low for each in found.values())
            axes.set(title=question, xlim=(lowest - 0.1 if lowest < 0 else 0, 1.05))
            axes.grid(False, axis="y")
        panels[0].set_xlabel("share right (R² for durations)")
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower right")
    return figure
