"""Preconditions, by the tables and examples of RFC 9110 section 13 (and 8.8.3.2 for comparisons)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.site.conditions import CONDITIONS, Verdict, Version, judge, range_holds

# 8.8.3.2: two tags, whether they match strongly, whether weakly.
COMPARISONS = [
    ('W/"1"', 'W/"1"', False, True),
    ('W/"1"', 'W/"2"', False, False),
    ('W/"1"', '"1"', False, True),
    ('"1"', 'W/"1"', False, True),
    ('"1"', '"1"', True, True),
    ('"1"', '"2"', False, False),
]
THEN = 784111777
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = "Sun, 06 Nov 1994 08:49:36 GMT"
LATER = "Sun, 06 Nov 1994 08:49:38 GMT"
HERE = Version('"xyzzy"', THEN)
SEND, UNCHANGED, FAILED = Verdict


@pytest.mark.parametrize(("current", "sent", "strongly", "weakly"), COMPARISONS)
def test_strong_and_weak_comparison(current: str, sent: str, strongly: bool, weakly: bool) -> None:
    version = Version(current, THEN)
    assert (judge({"if-match": sent}, version) is SEND) == strongly
    assert (judge({"if-none-match": sent}, version) is UNCHANGED) == weakly
    assert range_holds({"if-range": sent}, version) == strongly


@pytest.mark.parametrize(
    ("sent", "matches"),
    [
        ('"xyzzy"', True),
        ('"xyzzy", "r2d2xxxx", "c3piozzzz"', True),
        ('"r2d2xxxx","c3piozzzz","xyzzy"', True),
        (', ,"xyzzy" ,', True),
        ('"a,b","xyzzy"', True),
        ("*", True),
        (" * ", True),
        ('"r2d2xxxx"', False),
        ('"XYZZY"', False),
        ("xyzzy", False),
        ('"xyzzy', False),
        ('"not "xyzzy"', True),
        ('""', False),
        ("", False),
        ('"*"', False),
    ],
)
def test_lists_of_tags(sent: str, matches: bool) -> None:
    assert (judge({"if-match": sent}, HERE) is SEND) == matches
    assert (judge({"if-none-match": sent}, HERE) is UNCHANGED) == matches


@pytest.mark.parametrize(
    ("sent", "since", "unmodified"),
    [
        (DATE, UNCHANGED, SEND),
        (LATER, UNCHANGED, SEND),
        (EARLIER, SEND, FAILED),
        ("Sunday, 06-Nov-94 08:49:37 GMT", UNCHANGED, SEND),
        ("Sun Nov  6 08:49:37 1994", UNCHANGED, SEND),
        ("Sunday, 06-Nov-94 08:49:36 GMT", SEND, FAILED),
        ("Thu, 01 Jan 2099 00:00:00 GMT", UNCHANGED, SEND),
        # What is no date is not there (13.1.3, 13.1.4).
        ("yesterday", SEND, SEND),
        ("", SEND, SEND),
        ("784111777", SEND, SEND),
        ("Sun, 31 Feb 1994 08:49:37 GMT", SEND, SEND),
        (f"{DATE}, {DATE}", SEND, SEND),
    ],
)
def test_dates(sent: str, since: Verdict, unmodified: Verdict) -> None:
    assert judge({"if-modified-since": sent}, HERE) is since
    assert judge({"if-unmodified-since": sent}, HERE) is unmodified


# 13.2.2: which of them decides where several are sent.
ORDER = [
    ({"if-match": '"xyzzy"', "if-unmodified-since": EARLIER}, SEND),
    ({"if-match": '"other"', "if-unmodified-since": LATER}, FAILED),
    ({"if-none-match": '"other"', "if-modified-since": LATER}, SEND),
    ({"if-none-match": '"xyzzy"', "if-modified-since": EARLIER}, UNCHANGED),
    ({"if-match": '"other"', "if-none-match": '"xyzzy"'}, FAILED),
    ({"if-match": '"xyzzy"', "if-none-match": '"xyzzy"'}, UNCHANGED),
    ({"if-unmodified-since": EARLIER, "if-none-match": '"xyzzy"'}, FAILED),
    ({"if-unmodified-since": DATE, "if-modified-since": DATE}, UNCHANGED),
    ({"if-match": '"xyzzy"', "if-modified-since": DATE}, UNCHANGED),
    ({"if-unmodified-since": "never", "if-none-match": '"xyzzy"'}, UNCHANGED),
    ({"if-range": '"xyzzy"', "if-none-match": '"xyzzy"'}, UNCHANGED),
    ({}, SEND),
]


@pytest.mark.parametrize(("headers", "verdict"), ORDER)
def test_order(headers: dict[str, str], verdict: Verdict) -> None:
    assert judge(headers, HERE) is verdict


@pytest.mark.parametrize(
    ("sent", "holds"),
    [
        ('"xyzzy"', True),
        (' "xyzzy"\t', True),
        ('W/"xyzzy"', False),
        ('"other"', False),
        ('"xyzzy", "other"', False),
        ("*", False),
        ("", False),
        # A date is no proof that the bytes are the same ones.
        (DATE, False),
        (LATER, False),
        (EARLIER, False),
    ],
)
def test_if_range(sent: str, holds: bool) -> None:
    assert range_holds({"if-range": sent}, HERE) is holds


def test_without_if_range_a_range_counts() -> None:
    assert range_holds({}, HERE)


@given(
    st.dictionaries(
        st.sampled_from(sorted(CONDITIONS)), st.one_of(st.text(max_size=30), st.sampled_from(['"xyzzy"', DATE, "*"]))
    )
)
def test_anything_may_be_sent(headers: dict[str, str]) -> None:
    judge(headers, HERE)
    range_holds(headers, HERE)


def test_the_table_of_all_combinations() -> None:
    """Each condition true, false or not sent: 81 requests, judged by the five steps as the RFC writes them."""
    values = {
        "if-match": ('"xyzzy"', '"other"'),
        "if-unmodified-since": (DATE, EARLIER),
        "if-none-match": ('"other"', '"xyzzy"'),
        "if-modified-since": (EARLIER, DATE),
    }
    for chosen in itertools.product((True, False, None), repeat=4):
        truth = dict(zip(values, chosen, strict=True))
        headers = {name: values[name][not holds] for name, holds in truth.items() if holds is not None}
        assert judge(headers, HERE) is by_the_steps(truth), headers


def by_the_steps(truth: dict[str, bool | None]) -> Verdict:
    decides = "if-match" if truth["if-match"] is not None else "if-unmodified-since"
    if truth[decides] is False:
        return FAILED
    decides = "if-none-match" if truth["if-none-match"] is not None else "if-modified-since"
    return UNCHANGED if truth[decides] is False else SEND
