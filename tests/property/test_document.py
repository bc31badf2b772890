"""Any bytes are a configuration or problems; what is written as XML is read back."""

from __future__ import annotations

import codecs
from xml.sax.saxutils import escape, quoteattr

from hypothesis import given
from hypothesis import strategies as st

from deploy.config.document import parse
from deploy.config.model import ParsedConfig

FRAGMENTS = st.sampled_from(
    [
        *(
            "<configuration>",
            "</configuration>",
            "<files>",
            "</files>",
            "<file ",
            "/>",
            ">",
            "<tenantID>",
            "</tenantID>",
        ),
        *("include=", "outputFolder=", "subDirs=", '"http://server/*"', '"a"', '"true"', "1", "-1", '"', "&", "&amp;"),
        *(
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
            "<!DOCTYPE x>",
            "<?x ?>",
            "<execute command=",
            "$(",
            "$(WebServer)",
            " ",
            "\n",
        ),
        *("xmlns=", "<x:y/>", "\x00", "\u201c", "&#0;", "&x;", '<?xml version="1.0" encoding="utf-8"?>'),
    ]
)
# What XML 1.0 lets a document hold (production 2), less what Windows lets no name hold.
TEXTS = st.text(
    st.characters(exclude_categories=("Cc", "Cs", "Cn"), exclude_characters="\ufffe\uffff\u2028\u2029"), max_size=20
)
ENCODINGS = st.sampled_from(
    [("utf-8", b""), ("utf-8", codecs.BOM_UTF8), ("utf-16", b""), ("utf-16-le", codecs.BOM_UTF16_LE)]
)


def sound(parsed: ParsedConfig) -> None:
    assert (parsed.config is None) is any(problem.is_error for problem in parsed.problems)
    for problem in parsed.problems:
        assert problem.file == "x"
        assert problem.hint
        assert problem.message.isprintable()


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    sound(parse(data, "x"))


@given(st.lists(FRAGMENTS, max_size=25).map("".join))
def test_any_heap_of_fragments_is_answered(text: str) -> None:
    sound(parse(text.encode(), "x"))


@given(ENCODINGS, TEXTS, TEXTS, st.integers(-1, 2**31 - 1), st.booleans())
def test_what_is_written_is_read(
    encoding: tuple[str, bytes], customer: str, args: str, tenant: int, hidden: bool
) -> None:
    name, mark = encoding
    text = (
        f'<?xml version="1.0" encoding="{name.removesuffix("-le")}"?>\n<configuration>\n'
        f"<execute command='$(System32Dir)a.exe' args={quoteattr(args)} hidden='{hidden}'/>\n"
        f"<customerName>{escape(customer)}</customerName>\n<tenantID>{tenant}</tenantID>\n"
        "<files><file include='http://server/*' outputFolder=''/></files>\n</configuration>"
    )
    parsed = parse(mark + text.encode(name), "x")
    sound(parsed)
    if parsed.config is None:
        assert {problem.code for problem in parsed.problems} <= {"unknown-identifier", "unterminated-identifier"}
        assert "$(" in customer + args
        return
    assert parsed.config.execute is not None
    assert (parsed.config.execute.args, parsed.config.execute.hidden) == (args, hidden)
    assert (parsed.config.customer_name, parsed.config.tenant_id) == (" ".join(customer.split()), tenant)
