"""What a judge expects: every right form passes, and replies name the case in three numbers at most."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import torch

from omni_lib.course.exercises.expectations import compare, expect_close, expect_equal, slow_or_endless
from omni_lib.course.exercises.sandbox import (
    MOST_NUMBERS,
    Attempt,
    NotYet,
    TooSlow,
    as_written,
    described,
    numbers_in,
)


def returning(value):
    return Attempt(lambda *_: value)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("12 of 13 differ", ["12", "13"]),
        ("1,201 paths, -3 and 2.5e-3", ["1,201", "-3", "2.5e-3"]),
        ("`log1p` and float32 in blocks.0.weight", []),
    ],
)
def test_numbers_are_counted_and_names_are_not(text, numbers):
    assert numbers_in(text) == numbers


@pytest.mark.parametrize(
    ("got", "fragment"),
    [
        ([1, 2, 3, 4, 6], "a list whose entry 4 is 6, and it should be 5"),
        ([1, 2], "a list of length 2, and it should have length 5"),
        (7, "7; a list is wanted"),
        (torch.zeros(2, 3), "a list of length 2, and it should have length 5"),
        (torch.arange(5)[:, None], "a tensor with 2 axes; a plain list of numbers is wanted"),
        ([[1, 2, 3, 4, 5]], "a list of lists; a plain list of numbers is wanted"),
    ],
)
def test_a_wrong_list_is_told_by_one_entry(got, fragment):
    with pytest.raises(NotYet, match="Five steps: your function returns") as found:
        expect_equal(returning(got), (torch.zeros(9),), [1, 2, 3, 4, 5], "Count.", "Five steps")
    assert fragment in str(found.value)
    assert str(found.value).endswith("Count.") is not ("wanted" in fragment), "a type is not a count"
    assert len(numbers_in(str(found.value))) <= MOST_NUMBERS


@pytest.mark.parametrize(
    "form", [list, tuple, np.array, torch.tensor, lambda values: [*map(np.int64, values)]]
)
def test_a_right_list_may_have_any_form(form):
    expect_equal(returning(form([1, 2, 3])), (0,), [1, 2, 3])


WANTED = torch.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("got", "fragment"),
    [
        (WANTED + 1, "at B = 0 one is 1 and should be 0"),
        (3 * WANTED, "every value is 3 times what it should be"),
        (WANTED[:, :2], "length 2 along axis T; 3 are wanted"),
        (WANTED.transpose(1, 2), "in another order: (B, T, D) is wanted"),
        (WANTED[0], "An axis is missing"),
        (WANTED[None], "one axis too many"),
        (WANTED * float("nan"), "NaN"),
        (WANTED + 1j, "complex"),
        ((WANTED, torch.tensor([1, 2])), "a tuple of length 2; return the one tensor that is wanted"),
        (WANTED.bfloat16() * 1.01, "bfloat16 has too few digits"),
        ((WANTED * 1.0003).half(), "float16 has too few digits"),
        ("text", "a tensor with 3 axes (B, T, D) is wanted"),
    ],
)
def test_a_wrong_tensor_is_told_in_three_numbers(got, fragment):
    with pytest.raises(NotYet, match="A batch: your function returns") as found:
        expect_close(returning(got), (WANTED,), WANTED, axes="B T D", case="A batch")
    assert fragment in str(found.value)
    assert len(numbers_in(str(found.value))) <= MOST_NUMBERS


def test_too_few_digits_are_named_before_what_a_case_may_show():
    with pytest.raises(NotYet, match="float16 has too few digits") as found:
        compare((WANTED / 3).half(), WANTED / 3, "Look at the signs.")
    assert "signs" not in str(found.value)


def test_what_is_close_is_returned_in_float64():
    assert compare(np.float32(1.00001), 1.0).dtype is torch.float64
    with pytest.raises(NotYet, match="your function returns 1.1, and it should be 1"):
        compare(1.1, 1.0)


def test_an_exception_is_told_with_its_case():
    with pytest.raises(NotYet, match="No frames: called with 0, your function raises ZeroDivisionError"):
        expect_equal(Attempt(lambda frames: 1 / frames), (0,), 1, case="No frames")


def test_slow_is_not_called_endless():
    with pytest.raises(
        NotYet, match="Forty frames: your function takes too long. Is one of its loops endless"
    ):
        with slow_or_endless("Forty frames"):
            raise TooSlow("…")


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        ((1, 2, True), "1, 2, True"),
        (([1, 2, 3],), "[1, 2, 3]"),
        (([1, 2, 3, 4],), "a list of length 4"),
        ((torch.zeros(2, 3), 4), "a tensor with 2 axes, 4"),
        ((1, 2, 3, 4), "4 arguments"),
    ],
)
def test_arguments_are_written_out_where_they_are_few(arguments, written):
    assert as_written(arguments) == written and described(arguments[0])


def test_only_the_first_line_of_an_exception_is_told():
    def raises(_):
        raise RuntimeError("shapes differ:\n" + "\n".join(f"row {n} is {n} x {n}" for n in range(50)))

    with pytest.raises(NotYet, match="raises RuntimeError: shapes differ:$"):
        Attempt(raises)(0)


@pytest.mark.parametrize(
    ("got", "fragment"),
    [([2.0], "a list of length 1; a single number is wanted"), (float("nan"), "returns NaN (0 / 0")],
)
def test_a_wrong_number_is_told_as_what_it_is(got, fragment):
    with pytest.raises(NotYet) as found:
        compare(got, 2.0)
    assert fragment in str(found.value)


@pytest.mark.parametrize("got", [Fraction(1, 8), Decimal("0.125")])
def test_an_exact_number_is_a_number(got):
    assert compare(got, 0.125) == 0.125
