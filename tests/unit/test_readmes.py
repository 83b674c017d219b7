"""The Markdown files: links resolve, the tests named exist, and tables agree with the result files."""

import importlib.util
import json
import re
from pathlib import Path

import pytest

from omni_lib.course import lesson_page
from omni_lib.course.exercises.checking import CodeExercise
from omni_lib.course.notebooks import LESSONS, lesson_of

ROOT = Path(__file__).resolve().parents[2]
BENCHMARKS = ROOT / "tests" / "benchmarks"
FILES = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "data/README.md",
    "notebooks/README.md",
    "omni_lib/course/README.md",
    "tests/README.md",
    "tests/benchmarks/README.md",
]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def anchors(text: str) -> set[str]:
    """The fragments that a code host gives the headings of a Markdown text."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section(text: str, heading: str) -> str:
    """What stands between a heading of the second level and the next one."""
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0]


def table_rows(text: str) -> list[list[str]]:
    """The cells of every table row, without headers' underlines."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def results(name: str) -> list[dict]:
    return json.loads((BENCHMARKS / "results" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", FILES)
def test_every_link_leads_to_a_file_and_a_heading(name: str):
    text = text_of(name)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links or name == "CHANGELOG.md"
    for link in links:
        if link.startswith("https://"):
            continue
        path, _, fragment = link.partition("#")
        target = (ROOT / name).parent / path if path else ROOT / name
        assert target.exists(), link
        if fragment:
            assert fragment in anchors(target.read_text(encoding="utf-8")), link


@pytest.mark.parametrize("name", FILES)
def test_lines_are_short_enough_to_read(name: str):
    long = [number for number, line in enumerate(text_of(name).splitlines(), 1) if len(line) > 120]
    assert not long, f"{name}: lines {long} are longer than 120 columns"


def test_the_readme_is_a_page():
    text = text_of("README.md")
    assert len(text.splitlines()) <= 120
    assert len(text.split()) <= 1300


def test_the_readme_counts_the_exercises():
    exercises = [each for name in LESSONS for each in lesson_of(Path(name)).EXERCISES]
    code = sum(isinstance(each, CodeExercise) for each in exercises)
    assert f"{code} coding exercises and {len(exercises) - code} questions" in text_of("README.md")


def test_the_extras_take_as_long_as_is_said():
    extras = [lesson_page.minutes_of(name[:2])[1] for name in LESSONS]
    minutes = sum(int(each) for each in extras if each.isdigit())
    assert 180 < minutes < 240 and "the extras more than three hours more" in text_of("notebooks/README.md")
    assert "over three more" in text_of("README.md")


def test_every_test_and_script_that_is_named_exists():
    named = re.findall(
        r"`((?:unit|property|faults|notebooks|browser|field|mutants)/\w+\.py)`", text_of("tests/README.md")
    )
    assert len(named) >= 40
    assert not [path for path in named if not (ROOT / "tests" / path).exists()]
    text = "\n".join(text_of(name) for name in FILES)
    scripts = re.findall(r"python (?:-m pytest )?(tests/\S+\.py)([^`\n]*)", text)
    assert len(scripts) >= 12
    for path, arguments in scripts:
        source = (ROOT / path).read_text(encoding="utf-8")
        if path.startswith("tests/benchmarks"):
            assert not [
                option for option in re.findall(r"--[\w-]+", arguments) if f'"{option}"' not in source
            ], path
    modules = re.findall(r"python -m (omni_lib[\w.]*)", text)
    assert modules and not [name for name in modules if importlib.util.find_spec(name) is None]


def test_every_benchmark_is_described():
    scripts = {
        path.name for path in BENCHMARKS.glob("*.py") if "__main__" in path.read_text(encoding="utf-8")
    }
    described = set(re.findall(r"python tests/benchmarks/(\w+\.py)", text_of("tests/benchmarks/README.md")))
    assert described == scripts


# --- the tables of tests/benchmarks/README.md against its result files ---


def benchmark_rows(heading: str) -> list[list[str]]:
    return table_rows(section(text_of("tests/benchmarks/README.md"), heading))


def test_the_comparison_is_that_of_the_result_file():
    found = {
        (row["system"], row["config"], row["budget_seconds"] / 60): row
        for row in results("peers.json")
        if row["stage"] == "budget"
    }
    systems = {
        "ours (`an4.json`)": ("ours", "an4"),
        "ours (`an4_long.json`)": ("ours", "an4_long"),
        "torchaudio's Conformer, same batches": ("torchaudio_conformer", "an4"),
        "torchaudio's Conformer, those batches": ("torchaudio_conformer", "an4_long"),
        "ParakeetForCTC, 4x": ("parakeet_4x", "an4"),
        "ParakeetForCTC, 8x": ("parakeet_8x", "an4"),
    }
    shown = {row[0]: row[1:] for row in benchmark_rows("Comparison with other encoders")}
    for label, (system, config) in systems.items():
        for minutes, cell in zip((5, 10, 20), shown[label], strict=True):
            row = found.pop((system, config, minutes), None)
            if row is None:
                assert cell == "–"
            else:
                low, high = (f"{100 * end:.1f}" for end in row["wer_ci95"])
                assert cell == f"{row['wer']:.1%} ({low}–{high})", (label, minutes)
    assert not found, "a result that the table does not show"


def test_the_profile_is_that_of_the_result_file():
    profile = json.loads((BENCHMARKS / "results" / "profile.json").read_text(encoding="utf-8"))
    shown = {name: float(ms.strip("*")) for name, ms in benchmark_rows("Profile of a training step")[1:]}
    assert shown.pop("**a step**") == pytest.approx(1000 * profile["seconds_per_step"], abs=0.05)
    assert sorted(shown.values()) == sorted(round(1000 * part, 1) for part in profile["parts"].values())


def test_the_neighbours_are_those_of_the_result_file():
    rows = json.loads((BENCHMARKS / "results" / "neighbour.json").read_text(encoding="utf-8"))["rows"]
    wanted = [
        [str(row["threads"]), row["waiting"], f"{alone:.3f}", f"{beside:.3f}", f"{beside / alone:.1f}"]
        for row in rows
        for alone, beside in [(row["beside_0"], row["beside_1"])]
    ]
    assert [list(row) for row in benchmark_rows("A busy neighbour")[-len(rows) :]] == wanted


def test_ablations_are_those_of_the_result_file():
    shown = [row[3] for row in benchmark_rows("Ablations") if row[0] == "`an4.json`"]
    for cell, row in zip(shown, results("ablations.json"), strict=True):
        deviation = "" if row["wer_sd"] is None else f" ± {row['wer_sd']:.1%}"
        assert cell == f"{row['wer_mean']:.1%}{deviation}"


def test_growth_is_that_of_the_newest_rows():
    shown = benchmark_rows("Growth to 100,000 rows")[1:]
    for cells, row in zip(shown, results("growth.json")[-len(shown) :], strict=True):
        assert cells[0] == f"{row['rows']:,}"
        assert float(cells[1]) == pytest.approx(row["manifest_seconds"], abs=0.05)
        assert float(cells[2]) == pytest.approx(row["open_seconds"], abs=0.05)
        assert float(cells[3]) == pytest.approx(row["open_again_seconds"], abs=0.05)
        assert float(cells[4]) == pytest.approx(1000 * row["epoch_2_step_seconds"], abs=0.5)
        assert float(cells[5]) == pytest.approx(row["epoch_2_own_mb"] / 1000, abs=0.005)


def test_long_recordings_are_those_of_the_newest_rows():
    shown = benchmark_rows("Long recordings")[1:]
    for cells, row in zip(shown, results("long_audio.json")[-len(shown) :], strict=True):
        reach = "whole recording" if row["reach_frames"] is None else f"{row['reach_frames'] / 100:g} s"
        assert cells == [reach, *(f"{row['wer'][length]:.1%}" for length in ("clips", "30 s", "60 s"))]


def test_ways_of_storage_are_those_of_the_result_file():
    shown = benchmark_rows("Storage of log-mels")[1:]
    for cells, row in zip(shown, results("feature_storage.json"), strict=True):
        figures = [float(cell) for cell in cells[1:]]
        assert figures[0] == pytest.approx(row["write_mb_per_s"], abs=0.5)
        assert figures[1] == pytest.approx(row["batch_ms"], abs=0.05)
        assert figures[2] == pytest.approx(row["batch_again_ms"], abs=0.05)
        assert figures[3] == pytest.approx(row["disk_over_data"], abs=0.005)
