"""Lesson 04: how the learner's counts of edits are judged."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

from omni_lib.course.exercises.expectations import slow_or_endless
from omni_lib.course.exercises.sandbox import Attempt, NotYet, TooSlow, described
from omni_lib.course.hypotheses import hypotheses

Counts = tuple[int, ...]  # substitutions, deletions, insertions
NAMES = ("substitutions", "deletions", "insertions")


def optimal_counts(reference: Sequence[str], hypothesis: Sequence[str]) -> set[Counts]:
    """The (substitutions, deletions, insertions) of every alignment with the fewest errors.

    "a b" transcribed as "b c" has two substitutions, or a deletion and an insertion. A scorer such as jiwer
    reports one of the two.
    """
    row: list[set[Counts]] = [{(0, 0, inserted)} for inserted in range(len(hypothesis) + 1)]
    for deleted, kept in enumerate(reference, start=1):
        after: list[set[Counts]] = [{(0, deleted, 0)}]
        for place, said in enumerate(hypothesis):
            ways = {(s + (kept != said), d, i) for s, d, i in row[place]}
            ways |= {(s, d + 1, i) for s, d, i in row[place + 1]}
            ways |= {(s, d, i + 1) for s, d, i in after[place]}
            fewest = min(map(sum, ways))
            after.append({way for way in ways if sum(way) == fewest})
        row = after
    return row[-1]


_EDIT_CASES = (
    ("the cat sat on the mat", "the cat sat on the mat", "The two texts are equal."),
    (
        "hello world",
        "",
        "Nothing was transcribed: all words are deleted. In a table, the first row and the first column "
        "count up from zero; on a way back through it, go on until both texts are used up.",
    ),
    ("", "hello", "There is no reference: all words of the hypothesis are inserted."),
    ("", "", "Nothing was said, and nothing transcribed."),
    ("the cat sat on the mat", "the cat sit on a mat", "The chapter's example: two substitutions."),
    (
        "the cat sat on the mat",
        "the cat on the mat",
        "A word of the reference is missing: one deletion, and no more.",
    ),
    (
        "the cat sat",
        "the big cat sat",
        "A word too many, in the middle: one insertion; the words after it are right.",
    ),
    (
        "one two three",
        "four five one two three",
        "Compare beginnings with beginnings of *any* length, not word by word in the same place.",
    ),
    (
        "a b c d e f",
        "b c d e f g",
        "One deletion in front and one insertion at the end are fewer errors than six substitutions.",
    ),
    (
        "a b c a b",
        "c a b",
        "Deleting the first two words is enough. Do not match each word with the first equal one.",
    ),
    (
        "a e c e f",
        "b c a f a f",
        "Take the fewest errors over all alignments; the longest match (what `difflib` takes) may cost more.",
    ),
    (
        "d a d c b",
        "c a b b b b",
        "Take the fewest errors over all alignments; the longest match (what `difflib` takes) may cost more.",
    ),
    *(
        (reference, hypothesis, "A substitution counts as one error, and so does a deletion or an insertion.")
        for reference, hypothesis in (
            ("e b c f a a d", "a g d e e g"),  # one of the fewest edits costs more with NIST's weights
            ("e c d c e d e", "c c a e e b c b"),
            ("a a c c b b", "d d a b a c c"),  # and here, where deletions or insertions count twice
            ("c e b c d", "b c a e b"),
            ("b b d c", "d b a b"),  # or substitutions
            ("d d c d", "a c d a"),
        )
    ),
    ("one two three four five six", "one six", "Four words in a row are deleted."),
    ("one six", "one two three four five six", "Four words in a row are inserted."),
)


def edit_counts(attempt: Attempt) -> None:
    cases = [*_EDIT_CASES]
    cases += [(row.reference, row.hypothesis, "From the corpus.") for row in hypotheses("dev")[::8]]
    for reference, hypothesis, why in cases:
        expected = optimal_counts(reference.split(), hypothesis.split())
        with slow_or_endless(f"{len(reference.split())} words against {len(hypothesis.split())}"):
            try:
                got = attempt(reference.split(), hypothesis.split())
            except TooSlow:
                raise
            except NotYet as found:
                dot = "" if str(found).endswith("?") else "."
                raise NotYet(
                    f"{found}{dot} {why}" if not (reference and hypothesis) else str(found)
                ) from found
        begins = f"{brief(reference)} transcribed as {brief(hypothesis)}: your function returns"
        counts = _counts(got, begins)
        if counts in expected:
            continue
        if (counts[0], counts[2], counts[1]) in expected:
            raise NotYet(
                f"{begins} {counts[1]} deletions and {counts[2]} insertions. You have them the other way "
                "round: a deletion is a word of the reference that is missing from the hypothesis."
            )
        fewest = sum(next(iter(expected)))
        if sum(counts) != fewest:
            why = why if hypothesis else _deleted_slip(attempt) or why
            slip = _slip(attempt, counts, reference, hypothesis, expected)
            sums = f"{begins} counts that add up to {sum(counts)}; the fewest are {fewest}."
            raise NotYet(f"{sums} {why} {slip}".rstrip())
        if order := _order(attempt):
            raise NotYet(
                f"{begins} the right counts as {order}; they are wanted in this order: {', '.join(NAMES)}"
            )
        s, d, i = min(expected)
        raise NotYet(
            f"{begins} counts whose sum is right, but no alignment has them: one has "
            f"S = {s}, D = {d} and I = {i}. Count each kind along one alignment: the sum, and the lengths of "
            "the two lists, do not tell them apart."
        )


def _counts(got: object, begins: str) -> Counts:
    """What the function returns, as three whole numbers.

    Raises:
        NotYet: it returns something else.
    """
    wanted = f"three whole numbers are wanted: {', '.join(NAMES)}"
    entries: list[object] = []
    try:
        entries = list(got)  # type: ignore[call-overload]  # reported below
        numbers = []
        if not isinstance(got, (str, dict)):
            numbers = [float(number) for number in entries]  # type: ignore[arg-type]
    except (TypeError, ValueError, RuntimeError):
        raise NotYet(f"{begins} {described(got)}; {wanted}") from None
    if any(isinstance(entry, str) for entry in entries) or not all(number.is_integer() for number in numbers):
        raise NotYet(f"{begins} {described(got)}; {wanted}")
    if len(numbers) != 3:
        raise NotYet(f"{begins} {len(numbers)} numbers; {wanted}")
    return tuple(int(number) for number in numbers)


# What the usual mistakes compute


def _slip(attempt: Attempt, counts: Counts, reference: str, hypothesis: str, expected: set[Counts]) -> str:
    """What was probably done, by counts whose sum is wrong; empty where it is not recognised."""
    said, heard = reference.split(), hypothesis.split()
    if said and heard and sum(counts) in _of_one_row(said, heard) and _has_one_row(attempt):
        return (
            "(`[row] * m` holds one and the same list m times: make each row of the table a list of its own, "
            "in a loop.)"
        )
    if said == heard and sum(counts) == len(said):
        return "Two equal words are not a substitution: nothing is wrong."
    if counts[0] == 0 and min(s for s, _, _ in expected) > 0 and _never_substitutes(attempt):
        return (
            "You have no substitution at all: a word in the place of another is one error, not a deletion "
            "and an insertion. (`min` of tuples compares their first entries: there the sum must be first.)"
        )
    if counts in optimal_counts(reference, hypothesis):
        return "Compare words, not characters: each entry of the two lists is a word."
    return ""


def _never_substitutes(attempt: Attempt) -> bool:
    """Whether the answer deletes all and inserts all in texts that have not one word in common."""
    try:
        return all(
            _counts(attempt(said.split(), heard.split()), "") == (0, len(said.split()), len(heard.split()))
            for said, heard in (("a", "b"), ("a b c", "d e f"))
        )
    except NotYet:
        return False


def _deleted_slip(attempt: Attempt) -> str:
    """What was probably done where nothing was transcribed; empty where it is not recognised."""
    try:
        deleted = sum(_counts(attempt("a b c d".split(), []), ""))
    except NotYet:
        return ""
    return {
        1: "Those are rates: return the counts, not divided by the number of words.",
        3: "One word is left out: a table has one row more than the reference has words, and one column more "
        "than the hypothesis has.",
    }.get(deleted, "")


def _has_one_row(attempt: Attempt) -> bool:
    """Whether the answer is that of `_of_one_row` in cases that few other mistakes explain together."""
    for reference, hypothesis in (("a b c", "b c d e"), ("a b c d", "c d"), ("a b", "b a c")):
        said, heard = reference.split(), hypothesis.split()
        try:
            if sum(_counts(attempt(said, heard), "")) not in _of_one_row(said, heard):
                return False
        except NotYet:
            return False
    return True


def _of_one_row(reference: Sequence[str], hypothesis: Sequence[str]) -> set[int]:
    """The last cell of a table whose rows are one and the same list, for two orders of filling its edges."""
    found = set()
    for corner in (0, len(reference)):
        row = [corner, *range(1, len(hypothesis) + 1)]
        for kept in reference:
            for n, said in enumerate(hypothesis, 1):
                row[n] = min(row[n - 1] + (kept != said), row[n] + 1, row[n - 1] + 1)
        found.add(row[-1])
    return found


_UNLIKE = "a b c d e f g h", "a x c f g h i j k"  # one substitution, two deletions, three insertions


def _order(attempt: Attempt) -> str:
    """In which order the counts come, if it is not the one that is wanted; else empty."""
    try:
        counts = _counts(attempt(*(text.split() for text in _UNLIKE)), "")
    except NotYet:
        return ""
    for order in list(permutations(range(3)))[1:]:
        if counts == tuple(place + 1 for place in order):
            return ", ".join(NAMES[place] for place in order)
    return ""


def brief(text: str) -> str:
    """A text as it is quoted in a reply."""
    return repr(text if len(text) <= 45 else text[:42] + "…") if text else "nothing"
