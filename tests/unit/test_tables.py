"""Tables of the lessons, as text and as HTML."""

from omni_lib.course.hypotheses import GroupRate, rate_table
from omni_lib.course.probing import ProbeScore, score_table
from omni_lib.course.tables import Table


def test_columns_are_aligned_and_texts_escaped():
    table = Table(("name", "n"), [("a <b>", "12"), ("c", "3")])
    assert repr(table).splitlines() == ["name    n", "a <b>  12", "c       3"]
    page = table._repr_html_()
    assert page.count("<tr>") == 3 and "a &lt;b&gt;" in page and page.count("text-align: right") == 3


def test_groups_stand_from_the_lowest_rate_to_the_highest():
    rates = {"b": GroupRate(0.2, 0.1, 0.3, 10, 2), "a": GroupRate(0.1, 0.0, 0.2, 5, 1)}
    table = rate_table(
        "kind", rates, {"beam": {name: each._replace(rate=0.01) for name, each in rates.items()}}
    )
    assert [row[0] for row in table.rows] == ["a", "b"]
    assert table.head[-1] == "beam" and table.rows[1][1:] == (
        "10",
        "2",
        "20.0%",
        "10.0% to 30.0%",
        "1.0%",
    )


def test_each_score_stands_beside_guessing():
    table = score_table({"letters": {"trained": ProbeScore(0.97, 0.91, 1.0)}}, {"letters": 0.16})
    assert list(table.rows[0]) == ["letters", "0.16", "trained", "0.97", "0.91 to 1.00"]
