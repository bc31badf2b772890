"""Where elements stand in a text."""

from __future__ import annotations

from deploy.config.xmlspans import asides, spans_of
from deploy.config.xmltree import parse_text

TEXT = """<?xml version="1.0"?>
<!-- <no> --><a b = "1>" c='/>' ><![CDATA[<no>]]><d/><e
 f="g"
/><?h <no> ?><i></i ></a>
"""


def test_every_element_has_its_place() -> None:
    spans = spans_of(TEXT)
    assert [span.name for span in spans] == ["a", "d", "e", "i"]
    assert [TEXT[span.start : span.end] for span in spans[1:]] == ["<d/>", '<e\n f="g"\n/>', "<i></i >"]
    assert [span.empty for span in spans] == [False, True, True, False]
    assert TEXT[spans[0].inner_start : spans[0].inner_end].startswith("<![CDATA[")
    assert TEXT[spans[0].end :] == "\n"
    assert spans[3].inner_start == spans[3].inner_end


def test_attributes_have_theirs() -> None:
    first, second = spans_of(TEXT)[0].attributes(TEXT)
    assert (first.name, TEXT[first.value_start : first.value_end], TEXT[first.start : first.end]) == (
        "b",
        "1>",
        ' b = "1>"',
    )
    assert (second.name, TEXT[second.value_start : second.value_end]) == ("c", "/>")
    assert spans_of(TEXT)[0].attributes_end(TEXT) == second.end


def test_there_is_one_for_each_element_the_parser_sees() -> None:
    assert [span.name for span in spans_of(TEXT)] == [
        one.tag for one in parse_text(TEXT).iter() if isinstance(one.tag, str)
    ]


def test_asides_are_comments_and_instructions() -> None:
    text = "a<!-- b -->c<![CDATA[<!-- d -->]]><?e?>"
    assert [text[slice(*one)] for one in asides(text, 0, len(text))] == ["<!-- b -->", "<?e?>"]


def test_many_tags_take_linear_time() -> None:
    text = "<a>" + "<b c='" + "'>" * 0 + "x" * 200_000 + "'/>" + "</a>"
    assert len(spans_of(text)) == 2
    assert len(spans_of("<a>" + "<b/>" * 30_000 + "</a>")) == 30_001
