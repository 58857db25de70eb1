"""``cards/`` as the program sees it: frozen values read from TOML, every key checked, nothing clinical defaulted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

import msgspec

from cds_service.content.alarms import Alarms
from cds_service.content.attribute_words import Personal, SourceAttributes
from cds_service.content.budget import Budget
from cds_service.content.families import Families, Note
from cds_service.content.overlay import CardFiles
from cds_service.content.tables import Count, Strict
from cds_service.content.wording import Phrase, Wording
from cds_service.facts.numbers import Numbers
from cds_service.terminology.value_sets import ValueSet
from cds_service.terminology.vocabulary import Vocabulary

Indicator = Literal["info", "warning", "critical"]
About = Literal["each-order", "each-drug", "each-therapy", "patient", "patient-or-order"]
OF_THE_PATIENT: tuple[About, ...] = ("patient", "patient-or-order")
"""Where a chart is viewed, the rule looks at the patient."""
Status = Literal["draft", "active", "retired"]
OVERRIDES_AT_MOST = 5
GATES_OF_ALL = ("clinician", "alive")
"""Gates of ``gates.toml`` that hold for every rule."""
WEIGHT_OF: Mapping[str, int] = {"critical": 0, "warning": 1, "info": 2}
INDICATORS = tuple(WEIGHT_OF)
"""The gravest first."""


def at_least(indicator: str) -> tuple[str, ...]:
    """The indicators that are as grave or graver."""
    return INDICATORS[: INDICATORS.index(indicator) + 1]


class ReviewedBy(Strict, frozen=True, kw_only=True):
    """Who wrote the card, and when it is due to be read again."""

    written_by: str
    next_review: date


class Signature(Strict, frozen=True, kw_only=True):
    """In ``reviews.toml``: someone has read a rule's cards as they stood under this digest."""

    by: str
    role: str
    on: date
    digest: str
    note: str | None = None


class Criterion(Strict, frozen=True, kw_only=True):
    """One line of a rule."""

    id: str
    kind: Literal["only-if", "unless", "changes-words"]
    text: str
    if_unknown: Literal["stop", "go-on"] | None = None
    not_checked: str | None = None
    """What the card says was not checked when the rule goes on without knowing."""

    @property
    def goes_on(self) -> bool:
        """Whether the rule speaks without knowing this, saying so on the card."""
        return (self.if_unknown or ("stop" if self.kind == "only-if" else "go-on")) == "go-on"


class Gate(Strict, frozen=True, kw_only=True):
    """A criterion that many rules share."""

    kind: Literal["only-if", "unless"]
    text: str
    if_unknown: Literal["stop", "go-on"] | None = None
    not_checked: str | None = None
    closed: str | None = None
    """For a gate of the whole service: why nothing is shown."""

    def criterion(self, name: str) -> Criterion:
        """The gate as a criterion of a card that names it."""
        return Criterion(
            id=name, kind=self.kind, text=self.text, if_unknown=self.if_unknown, not_checked=self.not_checked
        )


class Parameter(Strict, frozen=True, kw_only=True):
    """A number with its unit and where it comes from; its only home."""

    value: float
    unit: str
    source: str


class Cited(Strict, frozen=True, kw_only=True):
    """A source of ``cards/evidence.toml`` with what it says for this rule."""

    id: str
    says: str
    grade: Literal[1, 2, 3, 4]


class IndicatorWhen(Strict, frozen=True, kw_only=True):
    indicator: Indicator
    when: str
    priority: Literal["urgent"] | None = None
    """Of the tasks and requests offered; else a warning's are to be done soon, and information's in their turn."""


class CardText(Strict, frozen=True, kw_only=True):
    """The words of one variant of a card."""

    when: str
    summary: str
    phrase: str | None = None
    """What this finding is called when several findings about one order share a card."""
    if_taken: str | None = None
    """What matters if a drug is taken of which only an old entry tells: said behind that question."""
    found: tuple[str, ...]
    """What was found in this patient, each with its date: the card's one line of findings."""
    detail: str | None = None
    """Why it matters here and what may be done, beside the notes of the finding."""
    folded: str | None = None
    """What remains of this finding when another card takes it in."""
    values: tuple[str, ...] = ()
    """What the texts above name in braces besides numbers; the rule is held to it."""
    suggestions: tuple[str, ...] = ()
    pick: Literal["at-most-one", "any"] = "at-most-one"
    cites: tuple[str, ...] = ()
    """Sources of this variant, the one that the card names first; those of the whole rule where there are none."""
    override: tuple[str, ...] = ()
    """Those of the rule's reasons to override that can be true of this variant; all where there are none."""
    links: tuple[str, ...] = ()
    """Links of this variant, before those of the rule."""


class RuleContent(Strict, frozen=True, kw_only=True):
    """A card folder's ``card.toml``."""

    id: str
    code: str
    title: str
    question: str
    status: Status
    version: str
    about: About
    family: str
    reads: tuple[str, ...]
    triggers: tuple[dict[str, tuple[str, ...]], ...]
    """The ways in which the rule can start; without any of them it cannot apply.

    Each names value sets by the collection in which one of them must be found, in every collection that it names;
    ``drafts`` are the orders under review, and ``reasons`` what they themselves say that their drugs are for.
    """
    statements: tuple[str, ...]
    """Statements of the sources (S1-01 ... S2-55) that live here."""
    uses: tuple[Personal, ...] | None = None
    """The personal data that can change its answer, but for health status assessments, which ``reads`` tells."""
    review: ReviewedBy
    gates: tuple[str, ...] = ()
    """Criteria of ``gates.toml`` that are asked before those of the card."""
    criteria: tuple[Criterion, ...]
    indicator: dict[str, IndicatorWhen]
    card: dict[str, CardText]
    note: Mapping[str, Note] = {}
    phrase: Mapping[str, Phrase] = {}
    """Words for what the rule says in parts, before the shared ones of ``wording.toml``."""
    parameter: Mapping[str, Parameter] = {}
    evidence: tuple[Cited, ...]
    override: tuple[str, ...]
    """The reasons that its cards may offer; each offers the first five of its list that can be true of it."""
    override_with: Mapping[str, str] = {}
    """Reasons that can be true only beside this indicator, note or variant of the card."""
    override_display: Mapping[str, str] = {}
    """Other words for a reason, as they are true of this rule."""
    links: tuple[str, ...] = ()
    """Names of ``links.toml``, or ``leaflet-`` and a name of ``leaflets.toml``."""
    remark: str | None = None
    """For the page: what a site may wish to know, such as that it may switch the rule off."""


class Source(Strict, frozen=True, kw_only=True):
    """A publication or label that cards cite."""

    label: str
    citation: str
    strength: str
    url: str | None = None
    """Where the source itself can be read; a source that has no such address is named and not linked."""


class OverrideText(Strict, frozen=True, kw_only=True):
    system: str
    display: str
    needs: Literal["alternative", "suggestion"] | None = None
    """Offered only on a card that suggests a drug in place of another, or anything but a change of the draft."""
    mutes_days: Count = 0
    mutes_months: Count = 0
    """Calendar months; how long the finding stays silent, or 0 for both where time does not end it."""
    only_for_user: bool = False
    """The finding stays silent for the user who gave this reason, and for no other."""
    until_changed: bool = False
    """The finding stays silent no longer than what its card rests on in the chart is unchanged."""
    despite_critical: bool = False
    """Even a critical finding stays silent after this reason, if its own rule offers it."""


class Create(Strict, frozen=True, kw_only=True):
    """A resource offered; ``resource`` is a file in ``cards/suggestions``."""

    resource: str
    description: str


class SuggestionText(Strict, frozen=True, kw_only=True):
    """A button on a card."""

    label: str
    code: str | None = None
    recommended: bool = False
    beside: bool = False
    """Offered with those of a weightier finding on the same card, and not only in place of them."""
    remove_draft: str | None = None
    """Description of the deletion of the draft under review."""
    create: tuple[Create, ...] = ()
    change_dose: str | None = None
    """Description of an update of the draft to a dose of the finding, ``times_a_day`` times a day."""
    dose_from: str = "dose_mg"
    """The finding's value that holds the new dose, where a card offers more than one."""
    values: tuple[str, ...] = ()
    """What its texts and resources name in braces besides numbers, the patient and the service."""

    @property
    def changes_draft(self) -> bool:
        """Whether it removes or alters the draft, which then needs an id."""
        return self.remove_draft is not None or self.change_dose is not None


class LinkText(Strict, frozen=True, kw_only=True):
    """A link of a card; its address may begin with ``{service}`` and name the leading ``{rule}``."""

    label: str
    url: str
    type: Literal["absolute", "smart"] = "absolute"


class Leaflet(Strict, frozen=True, kw_only=True):
    """A page for patients: ``leaflets/NAME.md`` holds its words, ``label`` is what a card calls it."""

    label: str
    written_on: date
    reviewed_by: str | None = None
    reviewed_on: date | None = None
    enabled: bool = True

    @property
    def review(self) -> str | None:
        """The sentence at the foot of the page on who has reviewed it; None where nobody has."""
        if self.reviewed_by and self.reviewed_on:
            return f"Reviewed by {self.reviewed_by}, {self.reviewed_on}."
        return None


class MemoryText(Strict, frozen=True, kw_only=True):
    """``memory.toml``: how long a finding stays silent after it was shown or answered."""

    accepted_months: Count
    without_reason: str
    ignored_days: Count
    session_hours: Count
    accepted_months_of: Mapping[str, Count] = {}
    once_months: Mapping[str, Count] = {}


class NotCheckedText(Strict, frozen=True, kw_only=True):
    """``not-checked.toml``: the card that says what could not be checked for a draft."""

    enabled: bool
    version: str
    title: str
    summary: str
    summary_short: str
    """Where the other would be too long."""
    detail: str
    summary_unread: str
    """Of an order that cannot be read."""
    detail_unread: str
    source_label: str
    reason: str
    topic: dict[str, str]
    """Per safety rule, what it looks for."""
    data: dict[str, str]
    """Per prefetch key, its plain name."""
    why: dict[str, str]
    """Per reason why data were not had, its plain words."""


class Statement(Strict, frozen=True, kw_only=True):
    """A statement of the two sources, in our own words, with the homes it has besides rules."""

    says: str
    questions: tuple[str, ...] = ()
    """linkIds of the screening form."""
    places: tuple[str, ...] = ()
    """Files under ``cards/``: a suggestion, a page, the evidence, a phenotype."""
    case: str | None = None
    """The case that shows it, as ``rule/name``; the rule names the statement among its own."""
    words: str | None = None
    """What the card of that case says or offers, word for word."""
    not_computed: str | None = None
    """Why no case shows it."""


class ServiceText(Strict, frozen=True, kw_only=True):
    """One CDS service: what it is and which rules it may show."""

    id: str
    hook: str
    """A name of the table in :mod:`cds_service.hooks.hooks`; several services may answer one hook."""
    title: str
    description: str
    usage_requirements: str
    rules: tuple[str, ...]


class Services(Strict, frozen=True, kw_only=True):
    service: tuple[ServiceText, ...]
    source_attributes: str | None = None
    """The sentence behind each description on where the source attributes are, with ``{service}``."""
    prefetch_lean: Mapping[str, tuple[str, ...]] = {}
    """Per hook, the prefetch keys of the lean set; the shipped ones where the file has none."""
    prefetch_loss: dict[str, str]
    """Per prefetch key, what is lost without it."""


class Phenotype(Strict, frozen=True, kw_only=True):
    """Numbers and evidence that several rules share."""

    id: str
    title: str
    text: str
    parameter: dict[str, Parameter]


class Content(msgspec.Struct, frozen=True):
    """Everything that ``cards/`` says."""

    files: CardFiles
    rules: dict[str, RuleContent]
    """Each card file as it speaks: its gates among its criteria, its numbers in their places."""
    written: dict[str, RuleContent]
    """The same with the names of its numbers in braces."""
    digests: dict[str, str]
    services: Services
    families: Families
    evidence: dict[str, Source]
    overrides: dict[str, OverrideText]
    memory: MemoryText
    alarms: Alarms
    budget: Budget
    not_checked: NotCheckedText
    not_checked_digest: str
    suggestions: dict[str, SuggestionText]
    resources: dict[str, dict[str, object]]
    links: dict[str, LinkText]
    """Those of ``links.toml``, and one for each leaflet that is given out."""
    leaflets: dict[str, Leaflet]
    statements: dict[str, Statement]
    source_attributes: SourceAttributes
    phenotypes: dict[str, Phenotype]
    numbers: Numbers
    value_sets: tuple[ValueSet, ...]
    vocabulary: Vocabulary
    wording: Wording
    gates: dict[str, Gate]
    reviews: dict[str, tuple[Signature, ...]]
    said: Mapping[str, str] = {}
    """By rule, a digest of all that its cards say and offer: what a signature holds for."""
    digest: str = ""
    """Eight characters that change with whatever can change an answer: a card, a value set, a number, a signature."""

    @property
    def not_checked_version(self) -> str:
        """As that of a card's rules: with the digest of its file."""
        return f"{self.not_checked.version}+{self.not_checked_digest}"

    def service(self, service_id: str) -> ServiceText:
        return next(s for s in self.services.service if s.id == service_id)
