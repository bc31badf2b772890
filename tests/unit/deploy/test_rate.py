import pytest

from deploy.errors import UsageError
from deploy.rate import parse_rate


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("1", 1),
        ("500K", 512_000),
        ("10M", 10_485_760),
        ("1.5g", 1_610_612_736),
        ("2MiB/s", 2_097_152),
        (" 7 kb ", 7168),
    ],
)
def test_reads_what_people_type(text: str, rate: int) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["", "0", "0.0001", "-1", "fast", "10T", "1e3", "10 M 5"])
def test_refuses_the_rest_and_says_what_to_write(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_rate(text)
    assert refused.value.code == "bad-rate"
    assert "10M" in refused.value.problems[0].hint
