"""The whole table of a quote: each state with each input."""

import itertools

import pytest

from appservices.payments.invoices.core.quote import (
    QUOTE_TABLE,
    QuoteEffect,
    QuoteInput,
    QuoteState,
    QuoteStateError,
    step_quote,
)
from tests.support.tables import each_row


@each_row(("state", "heard"), list(itertools.product(QuoteState, QuoteInput)))
def test_a_step_is_in_the_table_or_is_refused(state: QuoteState, heard: QuoteInput) -> None:
    if (state, heard) in QUOTE_TABLE:
        assert step_quote(state, heard) == QUOTE_TABLE[state, heard]
    else:
        with pytest.raises(QuoteStateError, match=f"the quote is {state.value}"):
            step_quote(state, heard)


def test_whatever_changes_the_total_takes_back_the_questions_before_it() -> None:
    for (_, heard), (_, effects) in QUOTE_TABLE.items():
        is_change = heard in {QuoteInput.PLACE, QuoteInput.OFFER}
        assert (QuoteEffect.CLOSE_QUESTION in effects) == is_change


def test_only_what_is_chosen_is_approved() -> None:
    into = {key for key, (state, _) in QUOTE_TABLE.items() if state is QuoteState.CHOSEN}

    assert into == {(QuoteState.OFFERED, QuoteInput.CHOOSE)}
    for state, effects in QUOTE_TABLE.values():
        assert (QuoteEffect.ASK_APPROVAL in effects) == (state is QuoteState.CHOSEN)


def test_the_merchant_answers_only_what_they_were_asked() -> None:
    assert (QuoteState.WANTING, QuoteInput.OFFER) not in QUOTE_TABLE
