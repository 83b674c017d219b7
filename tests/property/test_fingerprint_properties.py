"""Whatever is edited in a manifest: a change of text, sound, split or order is named, and nothing else is."""

import csv
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from hypothesis import example, given
from hypothesis import strategies as st

from omni_lib.manifest import read_manifest
from omni_lib.training.fingerprint import Fingerprint, Row

SPLITS = ("train", "train", "train", "dev")
TEXTS = ("a", "b", "a b")  # few, so that texts repeat
SOUNDS = (b"0", b"1", b"2")


class Line(NamedTuple):
    """One line of a manifest, and the sound in the file that it names."""

    text: str
    sound: bytes
    split: str
    name: str


LINES = st.lists(
    st.builds(Line, st.sampled_from(TEXTS), st.sampled_from(SOUNDS), st.sampled_from(SPLITS), st.just("")),
    min_size=1,
    max_size=7,
)
PLACES = st.integers(0, 6)
EDITS = st.one_of(
    st.tuples(st.just("text"), PLACES, st.sampled_from(TEXTS)),
    st.tuples(st.just("sound"), PLACES, st.sampled_from(SOUNDS)),
    st.tuples(st.just("split"), PLACES, st.sampled_from(SPLITS)),
    st.tuples(st.just("swap"), PLACES, PLACES),
    st.tuples(st.just("swap texts"), PLACES, PLACES),
    st.tuples(st.just("delete"), PLACES, st.none()),
    st.tuples(st.just("repeat"), PLACES, PLACES),
    st.tuples(st.just("rename"), PLACES, st.none()),
)


def write(folder: Path, lines: list[Line], time: int, speaker: str, blank: str) -> Fingerprint:
    """Write a manifest with its sounds, and take its fingerprint."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with open(folder / "asr.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("audio_path", "transcription", "speaker", "split"))
        for line in lines:
            (folder / line.name).write_bytes(line.sound)
            os.utime(folder / line.name, (time, time))
            file.write(blank)
            writer.writerow((line.name, line.text, speaker, line.split))
    rows = read_manifest(folder / "asr.csv").utterances
    train, dev = ([row for row in rows if row.split == name] for name in ("train", "dev"))
    return Fingerprint.of(train, dev)


def used(lines: list[Line]) -> list[list[tuple[str, bytes]]]:
    """What training makes of the lines."""
    return [[(line.text, line.sound) for line in lines if line.split == name] for name in ("train", "dev")]


def apply(lines: list[Line], edits: list[tuple]) -> list[Line]:
    """The lines after the edits; a place beyond the end wraps around."""
    lines = list(lines)
    for number, (kind, first, second) in enumerate(edits):
        at = first % len(lines)
        match kind:
            case "text" | "sound" | "split":
                lines[at] = lines[at]._replace(**{kind: second})
            case "swap":
                other = second % len(lines)
                lines[at], lines[other] = lines[other], lines[at]
            case "swap texts":
                other = second % len(lines)
                one, two = lines[at].text, lines[other].text
                lines[at], lines[other] = lines[at]._replace(text=two), lines[other]._replace(text=one)
            case "delete" if len(lines) > 1:
                del lines[at]
            case "repeat":
                lines.insert(second % len(lines), lines[at]._replace(name=f"repeated_{number}"))
            case "rename":
                lines[at] = lines[at]._replace(name=f"renamed_{number}")
    return lines


@given(lines=LINES, edits=st.lists(EDITS, max_size=4), moved=st.booleans())
@example(lines=[Line("a", b"0", "train", "")], edits=[], moved=True)
def test_exactly_what_training_uses_is_compared(tmp_path, lines, edits, moved):
    before = [line._replace(name=f"clip_{number}") for number, line in enumerate(lines)]
    after = apply(before, edits)
    old = write(tmp_path / "here", before, time=1, speaker="x", blank="")
    new = write(tmp_path / ("there" if moved else "here"), after, time=2, speaker="y", blank="\n")
    old = Fingerprint.from_state_dict(old.state_dict())
    change = old.first_change(new)
    assert (change is None) == (used(before) == used(after))
    if change is None:
        return
    assert "\n" not in change and any(line.name in change for line in (*before, *after))
    check_the_claim(change, used(before), used(after))


def check_the_claim(change: str, before: list[list[tuple]], after: list[list[tuple]]) -> None:
    """What the message says of the kind of change is true of the rows."""
    split = 0 if before[0] != after[0] else 1
    gone = Counter(before[split]) - Counter(after[split])
    added = Counter(after[split]) - Counter(before[split])
    if change.startswith("order of the"):
        # the rows at the first place that differs are in the split before and after
        assert f"order of the {('train', 'dev')[split]} rows" in change
        place = next(
            at for at, rows in enumerate(zip(before[split], after[split], strict=False)) if rows[0] != rows[1]
        )
        assert before[split][place] not in gone and after[split][place] not in added
    elif "is missing" in change:
        assert gone
    elif "is a new" in change:
        assert added
    elif ", split: train -> dev" in change:
        assert Counter(before[0]) - Counter(after[0]) and Counter(after[1]) - Counter(before[1])
    elif ", split: dev -> train" in change:
        assert Counter(before[1]) - Counter(after[1]) and Counter(after[0]) - Counter(before[0])
    else:
        assert gone and added, "a row was edited"
        assert ", text: " in change or ", sound: " in change or " row: " in change


@given(
    st.lists(st.builds(Row, st.text(), st.text(), st.text(), st.integers()), max_size=5).map(tuple),
    st.lists(st.builds(Row, st.text(), st.text(), st.text(), st.integers()), max_size=5).map(tuple),
)
def test_a_fingerprint_is_the_same_after_a_checkpoint(train, dev):
    fingerprint = Fingerprint(train, dev)
    again = Fingerprint.from_state_dict(fingerprint.state_dict())
    assert again == fingerprint and again.state_dict() == fingerprint.state_dict()
