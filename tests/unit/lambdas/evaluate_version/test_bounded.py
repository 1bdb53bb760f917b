"""What is cut, and what is not."""

import json

from hypothesis import given
from hypothesis import strategies as st

from lambdas.evaluate_version.bounded import RESULT_BYTES, bounded, shortened, size
from tests.unit.lambdas.evaluate_version.worlds import VERSION, result


def test_what_fits_is_left_as_it_is():
    """Usual results are a quarter of the limit."""
    usual = result("promoted")
    assert bounded(usual) == usual


@given(st.text(alphabet=st.characters(), max_size=300), st.integers(0, 60))
def test_texts_of_any_letters_are_cut_until_the_result_fits(text, times):
    """Each text may be long, and wide; names of resources survive."""
    long = result("failed", warnings=[text * times] * 9, failure={"step": "x", "detail": {"Cause": text * times}})
    cut = bounded(long)
    assert size(cut) <= RESULT_BYTES
    assert cut["version"] == VERSION
    assert json.loads(json.dumps(cut)) == cut


@given(st.text(alphabet=st.characters(), max_size=200), st.integers(10, 400))
def test_a_text_is_cut_as_late_as_possible(text, most):
    """No longer than allowed; whole where it fits."""
    cut = shortened(text, most)
    assert size(cut) - 2 <= most
    assert (cut == text) is (size(text) - 2 <= most)
