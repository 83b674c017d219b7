"""The CTC explorer: text and picture follow each control."""

import pytest

from omni_lib.course.widgets.ctc_explorer import VIEWS, CTCExplorer, ctc_explorer, number


@pytest.fixture(scope="module")
def shared() -> CTCExplorer:
    return ctc_explorer()


@pytest.fixture
def explorer(shared) -> CTCExplorer:
    with shared.one_refresh():
        shared.view.value, shared.text.value, shared.path.value, shared.step.value = (
            VIEWS[0],
            "hello",
            "hhe_ll_loo",
            3,
        )
        shared.seconds.value, shared.k.value = 0.38, 1
        shared.clip.value, shared.mass.value, shared.best.value = "hello", "forward", True
        shared.transcript.value = "hello world"
    return shared


def test_a_path_collapses_step_by_step(explorer):
    lengths = []
    for step in (0, 1, 2, 3):
        explorer.step.value = step
        lengths.append(explorer.steps.value.count("<tr>"))
    assert lengths == [1, 2, 3, 4]
    assert "spells &#x27;hello&#x27;, and so do 1,000 others of 10 frames" in explorer.summary.value


@pytest.mark.parametrize(
    ("text", "path", "words"),
    [
        (
            "hello",
            "hhelllloo",
            "spells &#x27;helo&#x27;, not &#x27;hello&#x27;. A path needs a blank between two equal letters",
        ),
        ("hello", "hello", "No path of 5 frames can spell &#x27;hello&#x27;: it needs 6"),
        ("cat", "ccaaa__ttt", "spells &#x27;cat&#x27;, and so do"),
        ("cat", "dog", "spells &#x27;dog&#x27;, not &#x27;cat&#x27;"),
        ("cat", "", "spells &#x27;&#x27;, not"),
        ("cat", "c", "No path of 1 frame can spell &#x27;cat&#x27;"),
        ("", "__", "spells &#x27;&#x27;. No other path of 2 frames does"),
        ("a", "a", "spells &#x27;a&#x27;. No other path of 1 frame does"),
        ("cat", "c4t", "⚠ write a path with a-z"),
        ("route 66", "cat", "⚠ the text holds &#x27;6&#x27;"),
        ("cat", "c" * 41, "⚠ the path has 41 frames"),
        ("a" * 91, "cat", "⚠ the text has 91 characters"),
    ],
)
def test_any_text_and_path_get_an_answer(explorer, text, path, words):
    explorer.text.value = text
    explorer.path.value = path
    assert words in explorer.summary.value


def test_the_static_figure_shows_the_chosen_view_as_it_was_left(explorer):
    pictures = []
    for view, words in zip(
        VIEWS, ("The collapse of 'hhe_ll_loo'", "Trellis of 'hello'", "the clip"), strict=True
    ):
        explorer.view.value = view
        pictures.append(explorer.still())
        assert words in pictures[-1].description
    assert len({picture.png for picture in pictures}) == 3
    assert "'hello world' in 48 CTC frames" in pictures[2].description
    assert "spells 'hello', and so do 1,000 others of 10 frames" in pictures[0].description
    explorer.view.value, explorer.path.value = VIEWS[0], "c4t"  # not a path: the last one stays
    assert "hhe_ll_loo" in explorer.still().description


def test_the_button_writes_paths_that_spell_the_text(explorer):
    explorer.text.value = "hello hello"
    seen = set()
    for _ in range(3):
        explorer.another.click()
        seen.add(explorer.path.value)
        assert (
            "spells &#x27;hello hello&#x27;, and so do" in explorer.summary.value
            or "No other path" in explorer.summary.value
        )
    assert all(len(path) == 13 for path in seen)
    explorer.path.value = "_" * 20
    explorer.another.click()
    assert len(explorer.path.value) == 20 and "spells &#x27;hello hello&#x27;" in explorer.summary.value


def test_the_feasible_region_opens_with_k(explorer):
    explorer.view.value = VIEWS[1]
    pictures, counters = [], []
    for k in (1, 2, 3, 4):
        explorer.k.value = k
        pictures.append(explorer.region_picture.image)
        counters.append(explorer.counter.value)
        assert f"at k = {k}, {5 * k} CTC frames" in explorer.region_picture.alt
    assert len(set(pictures)) == 4
    assert (
        "no valid alignment" in counters[0]
        and "1,001 valid alignments" in counters[1]
        and "92,378" in counters[2]
    )
    explorer.seconds.value = 1.0
    assert "48 CTC frames" in explorer.summary.value and explorer.region_picture.image != pictures[3]
    explorer.seconds.value, explorer.text.value = 0.08, ""
    assert "1 valid alignment<" in explorer.counter.value


def test_the_trellis_of_a_clip(explorer):
    explorer.view.value = VIEWS[2]
    picture = explorer.trellis_picture
    assert picture.sound and picture.axis_end == pytest.approx(48 * 0.08 / 3)
    assert len(picture.notes) == 48 and all("blank" in note or "%" in note for note in picture.notes)
    images = [picture.image]
    for mass, label in (("backward", "β: all ways to go on"), ("both", "α · β: all whole paths")):
        explorer.mass.value = mass
        images.append(picture.image)
        assert f"({label})" in picture.alt
    explorer.best.value = False
    images.append(picture.image)
    assert len(set(images)) == 4
    sound = picture.sound
    explorer.clip.value = "digits"
    assert explorer.transcript.value == "one zero zero one zero four"
    assert picture.sound != sound and len(picture.notes) == 87


def test_another_text_has_a_higher_loss(explorer):
    explorer.view.value = VIEWS[2]

    def loss() -> float:
        return float(explorer.summary.value.split(" nats together")[0].rsplit(" ", 1)[1])

    right = loss()
    explorer.transcript.value = "yellow world"
    assert loss() > right + 5
    explorer.transcript.value = "all this can never have been said so quickly"
    assert "⚠ 48 CTC frames are too few" not in explorer.summary.value
    explorer.transcript.value = "all this can never have been said so quickly as that"
    assert "⚠ 48 CTC frames are too few for this text, which needs" in explorer.summary.value


def test_only_the_chosen_view_is_shown(explorer):
    for view in VIEWS:
        explorer.view.value = view
        shown = [name for name, section in explorer._sections.items() if section.layout.display != "none"]
        assert shown == [view]


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (1287, "1,287"), (10**9, "1.0 × 10^9"), (42 * 10**20, "4.2 × 10^21")]
)
def test_counts_are_legible(count, text):
    assert number(count) == text
