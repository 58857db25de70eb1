"""What no card may say: a risk that this patient has not, what could not be verified, words that outgrow the card."""

import re

import pytest

from cds_service.content.text import SUMMARY_LIMIT, clipped, count_of_words, escape, placeholders, plain
from cds_service.facts.words import Record
from tests.case_runs import case_results, cases, ruleset
from tests.charts import concepts

# A word for a risk on a clonazepam card, and the value sets of which one has to be in the chart.
RISKS = {
    r"\bdementia\b": {"dementia"},
    r"\bAlzheimer": {"alzheimer-disease", "dementia"},
    r"\bcognitive impairment\b": {"mild-cognitive-impairment", "cognitive-impairment", "other-cognitive-impairment"},
    r"\bfall risk\b|\bfalls\b": {"fall-event", "fall-tendency", "falls-past-year", "morse-total", "morse-level"}
    | {"timed-up-and-go", *(one.name for one in ruleset().content.value_sets if one.name.endswith("-fracture"))},
    r"\bsleep apnea\b": {"sleep-apnea", "ahi"},
    r"\bopioid\b": {"opioid"},
    r"\bpregnan": {"pregnancy", "pregnancy-status"},
    r"\bglaucoma\b": {"glaucoma-angle-closure-acute"},
}
CLONAZEPAM = [name for name, text in ruleset().content.rules.items() if text.family == "clonazepam"]


def told(card):
    """What a clinician reads of a card, without the titles of its sources."""
    return f"{card.summary}\n{card.detail}"


@pytest.mark.parametrize("rule", cases())
def test_a_card_is_read_in_twenty_seconds(rule):
    words = ruleset().content.wording.words
    for result in case_results(rule):
        for card in result.decision.cards:
            limit = words.of_one if len(card.extension["org.rbd-cds.rules"]) == 1 else words.of_several
            assert count_of_words(card.detail) <= limit, f"{result.case.name}: {card.detail}"


@pytest.mark.parametrize("rule", cases())
def test_a_card_says_in_one_line_what_was_found_and_nothing_of_its_own_making(rule):
    codes = re.compile(r"\b(?:CLZ|MED|RBD|MYO|MEL|PSG|SAF|PROG|REF|BEN)-\d\d\b|\b\d\.\d\.\d\b|Sources:")
    for result in case_results(rule):
        for card in result.decision.cards:
            assert card.detail.startswith("**Found:** "), result.case.name
            assert card.detail.count("**Found:**") == 1, result.case.name
            assert not codes.search(told(card)), result.case.name
            assert card.detail.count("Not yet reviewed by a clinician.") == 1, result.case.name


UNWORDED = re.compile(r"\b(Said|Listed|Record|Interval|datetime\.(date|timedelta))\(")


@pytest.mark.parametrize("rule", cases())
def test_every_value_on_a_card_was_put_into_words(rule):
    for result in case_results(rule):
        for card in result.decision.cards:
            assert not UNWORDED.search(repr(card)), result.case.name


@pytest.mark.parametrize("rule", CLONAZEPAM)
def test_a_clonazepam_card_names_only_risks_found_in_this_patient(rule):
    for result in case_results(rule):
        for card in (c for c in result.decision.cards if c.source.topic.code in CLONAZEPAM):
            for word, sets in RISKS.items():
                if re.search(word, told(card).partition("**Not checked:**")[0], re.IGNORECASE):
                    assert sets & concepts(result.facts), f"{result.case.name}: {word} in {told(card)}"


# What could not be verified, in the words in which it would be printed.
UNVERIFIED = (
    r"ICSD-3-TR",
    r"\b27 ?%.*(epoch|REM)",
    r"Teman",
    r"up to 6 ?%",
    r"92\.5 ?% want",
    r"no case (in|among).*1,?504",
    r"0\.98 mg",
    r"valproate is contraindicated in pregnancy",
    r"(AASM|guideline)[^.]*: ?(3 to 15|0\.25 to 2)",
    r"hazard ratio[^.]*(blood pressure|constipation)",
    r"rivastigmine[^.]*\bmg\b",
    r"Osheroff|Bates",
)


def all_words():
    content = ruleset().content
    for name, text in content.rules.items():
        for key, card in text.card.items():
            yield f"{name}/{key}", " ".join(filter(None, (card.summary, card.detail, card.folded, card.phrase)))
        yield from ((f"{name}/{key}", note.text) for key, note in text.note.items())
    for family in content.families.family.values():
        yield from (note for note in ((family.title, n.text) for n in family.note.values()))
    yield from ((name, f"{s.label} {s.citation} {s.strength}") for name, s in content.evidence.items())


@pytest.mark.parametrize("pattern", UNVERIFIED)
def test_nothing_unverified_is_printed(pattern):
    assert [where for where, text in all_words() if re.search(pattern, text, re.IGNORECASE)] == []


SUMMARIES = [
    (f"{name}/{key}", card.summary) for name, text in ruleset().content.rules.items() for key, card in text.card.items()
]
LABEL_LIMIT = 28
"""The longest short label of a value set."""
SHORT = {"when": 11, "day": 11, "since": 11, "screened": 11, "amount": 8, "dose": 7, "gap": 17, "limit": 7}
SHORT |= {"apnea": len("possible sleep apnea"), "Inhibitor": len("selegiline transdermal")}
SHORT |= {"antidepressant": len("levomilnacipran"), "risk": len("fatal serotonin syndrome"), "days": 2}
SHORT |= {"clearance": 7, "maximum": 7, "wash_out": 4, "months": 9, "duration": 9, "age": 8, "index": 5}
"""Values that are dates and numbers, with the longest they get."""


def test_the_longest_summary_of_every_case_fits():
    longest = [card.summary for rule in cases() for r in case_results(rule) for card in r.decision.cards]
    assert max(map(len, longest)) <= SUMMARY_LIMIT


@pytest.mark.parametrize(("where", "summary"), SUMMARIES, ids=[where for where, _ in SUMMARIES])
def test_a_summary_of_one_long_name_fits(where, summary):
    names = sorted(placeholders(summary))
    shown = summary
    for place, name in enumerate(names):
        longest = SHORT.get(name, LABEL_LIMIT if place == 0 or len(names) == 1 else 16)
        shown = shown.replace(f"{{{name}}}", "x" * longest)
    assert len(shown) <= SUMMARY_LIMIT, where


def test_a_summary_that_would_outgrow_the_card_is_cut_between_words():
    assert clipped("Short") == "Short"
    cut = clipped("clonazepam " * 20)
    assert len(cut) <= SUMMARY_LIMIT
    assert cut.endswith("clonazepam…")


ADDRESSES = (
    "http://evil.example",
    "xhttp://evil.example",
    "éhttps://evil.example",
    "1http://evil.example",
    "_https://evil.example",
    "(https://evil.example)",
    "HTTPS://EVIL.EXAMPLE",
    "ftp://evil.example",
    "www.evil.example",
    "xwww.evil.example",
    "WWW.evil.example",
    "evil.example",
    "evil.example.com/path",
    "192.0.2.7/path",
    "//evil.example",
    "mailto:a@evil.example",
    "a@evil.example",
    "a.b+c@evil.example",
    "xmpp:a@evil.example/x",
    "tel:+15550100",
    "javascript:alert(1)",
    "data:text/html,x",
    "<https://evil.example>",
    "<a@evil.example>",
    "[x](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "[x]: https://evil.example",
    "пример.рф",
    "例え.jp",
    "evil。example",
    "https:\u200b//evil.example",
)


def _with_cmark_gfm(text):
    from cmarkgfm import github_flavored_markdown_to_html as render

    return render(text)


def _with_markdown_it(text):
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"linkify": True}).enable("linkify").render(text)


def _with_mistune(text):
    import mistune

    return mistune.create_markdown(plugins=["url", "table", "strikethrough", "footnotes"])(text)


@pytest.mark.parametrize("render", [_with_cmark_gfm, _with_markdown_it, _with_mistune])
@pytest.mark.parametrize("around", ["{}", "Dementia {}", "{} dementia", "Dementia, {}.", "see:{}", "x{}"])
@pytest.mark.attack("A link or an image in the words of a chart", "text, in three renderers")
def test_no_renderer_makes_a_link_of_what_a_chart_says(render, around):
    assert "<a " in render("https://evil.example")
    for address in ADDRESSES:
        shown = render(ruleset().content.wording.show(Record(around.format(address))))
        assert not re.search(r"<(a|img)\b", shown), (address, shown)


@pytest.mark.parametrize(
    "words", ["V.a. Demenz", "e.g. dementia", "clonazepam 0.5 mg", "ratio 1:2", "St. Mary 12.5.2026"]
)
def test_words_without_an_address_stay_as_they_are(words):
    assert plain(escape(words)) == words


@pytest.mark.parametrize(
    "words",
    [
        "<img src=x onerror=alert(1)>",
        "[x](http://evil.example)",
        "**bold** _it_ `code`",
        "javascript:alert(1)",
        "line\nbreak\x00\u202e",
        "www.evil.example",
        "x" * 500,
    ],
)
@pytest.mark.attack("HTML or Markdown in the words of a chart", "text")
def test_chart_text_is_inert_markdown(words):
    from markdown_it import MarkdownIt

    shown = ruleset().content.wording.show(Record(words))
    html = MarkdownIt("commonmark", {"html": True, "linkify": False}).render(shown)
    assert not re.search(r"<(?!/?p>)", html)
    assert not re.search(r"(https?|javascript):", escape(words))
    assert "\n" not in escape(words)
    assert len(escape("x" * 500)) < 100
