"""Which drug an order or a list entry names, with its form and its strength.

Reading rules of the clinical specification, section 2.1, which drug.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from cds_service.facts.identity import References
from cds_service.facts.losses import Losses, decisive, lost_drug
from cds_service.facts.numbers import Numbers
from cds_service.facts.patient import Drug
from cds_service.fhir import elements as fhir
from cds_service.fhir.code_systems import ATC, RXNORM, SNOMED_CT
from cds_service.fhir.quantities import amount, convert
from cds_service.terminology.phrases import words
from cds_service.terminology.products import Site, is_extended_release, known_product, product, site
from cds_service.terminology.systems import canonical
from cds_service.terminology.vocabulary import Match, Vocabulary


class Named(msgspec.Struct, frozen=True):
    """The drug of an entry, or why it could not be read."""

    drug: Drug | None = None
    match: Match | None = None
    unreadable: str = ""
    """It stands in what was not sent."""
    untold: str = ""
    """It is there, and nothing of it tells a drug: a draft's could be any."""
    foreign: tuple[fhir.CodeableConcept, ...] = ()
    """What is coded in systems only that are not read, and in words that are not known."""


class Pharmacy:
    """Reads the drug of medication entries and of the Medications that they refer to."""

    def __init__(self, vocabulary: Vocabulary, references: References, losses: Losses, numbers: Numbers) -> None:
        self._vocabulary = vocabulary
        self._hypnotic_mg = numbers.value("antidepressants", "doxepin-hypnotic-mg")
        self._references = references
        self._losses = losses
        # Charts repeat a few drugs many times; the cache lives and dies with the request.
        self._seen: dict[tuple[object, ...], Match | None] = {}

    def drug_of(self, entry: fhir.MedicationRequest | fhir.MedicationStatement | fhir.MedicationDispense) -> Named:
        """The drug of an order, statement or dispense."""
        dosages = entry.dosage if isinstance(entry, fhir.MedicationStatement) else entry.dosage_instruction
        named = self.name(entry.medication_codeable_concept, entry.medication_reference, entry, dosages)
        if named.drug or named.unreadable:
            return named
        return msgspec.structs.replace(named, unreadable=lost_drug(entry, self._losses.of(entry)))

    def name(
        self,
        concept: fhir.CodeableConcept | None,
        reference: fhir.Reference | None,
        holder: fhir.Resource,
        dosages: fhir.Many[fhir.Dosage] = None,
    ) -> Named:
        """The first that names a drug: inline concept, Medication contained or sent, the reference's display.

        Where none names one of ours, why it cannot be told which drug it is, unless one of them tells another.
        """
        routes = [one.route for one in fhir.many(dosages) if one.route]
        medication = self._references.find(reference, fhir.Medication, holder) if reference else None
        display = (reference.display if reference else None) or ""
        named = self._named(concept, None, "", routes, holder)
        if named is None and reference is not None and (medication or display):
            named = self._named(medication.code if medication else None, medication, display, routes, holder)
        if named is not None:
            return named
        if reference and reference.reference and medication is None and not display and not _tells_a_drug(concept):
            return Named(unreadable="a Medication that was not sent")
        lost = decisive(medication, self._losses.of(medication)) if medication else None
        if lost:
            return Named(unreadable=f"Medication.{lost} cannot be read")
        coded = (concept, medication.code if medication else None)
        told = any(map(_tells_a_drug, (*coded, fhir.CodeableConcept(text=display))))
        foreign = tuple([one for one in coded if one and self._vocabulary.is_foreign(one, "drug")])
        return Named(untold="" if told else _UNTOLD, foreign=foreign)

    def _named(
        self,
        concept: fhir.CodeableConcept | None,
        medication: fhir.Medication | None,
        display: str,
        routes: list[fhir.CodeableConcept],
        holder: fhir.Resource,
    ) -> Named | None:
        """The drug; nothing in place of one that does not work in the whole body; None where no drug is named."""
        match = self._match(concept, display)
        parts = fhir.many(medication.ingredient) if medication else []
        if match is None and medication is not None:
            # What a contained resource refers to as contained stands beside it in the same resource.
            within = medication if medication not in fhir.many(getattr(holder, "contained", None)) else holder
            items = [self._part(part, within) for part in parts]
            if None in items:
                return Named(unreadable=_WITHOUT_SUBSTANCE)
            match = self._from_parts(items)
        if match is None:
            return None
        called = next(fhir.texts(concept), "") or display or " / ".join(sorted(match.ingredients))
        form = next(fhir.texts(medication.form), "") if medication else ""
        said = [form, *(text for route in routes for text in fhir.texts(route)), match.display or "", called]
        sites = [found for text in said if (found := site(text))]
        if sites and sites[0] is Site.LOCAL and Site.TRANSDERMAL not in sites:
            return Named()
        through_skin = bool(sites) and Site.TRANSDERMAL in (sites[0], *(sites if sites[0] is Site.LOCAL else ()))
        if through_skin:
            match = self._through_skin(match)
        made = known_product(match.display) if match.display else None
        strength = (made.strength_mg if made else None) or (_strength(parts[0]) if len(parts) == 1 else None)
        untold = self._untold(match, strength, (match.display or "", called))
        return Named(
            Drug(
                ingredients=match.ingredients,
                sets=match.sets,
                words=called,
                by_set=self._by_set(match),
                strength_mg=strength or untold,
                extended_release=not through_skin
                and any(map(is_extended_release, (form, match.display or "", called))),
                form=next((text for text in said if text), ""),
                transdermal=through_skin,
                untold_mg=untold,
                uncertain=match.uncertain,
            ),
            match,
        )

    def _through_skin(self, match: Match) -> Match:
        """The same with the ingredients that have another name, and other value sets, as a patch."""
        patches = {name: f"{name} transdermal" for name in match.ingredients}
        known = {name: sets for name, patch in patches.items() if (sets := self._vocabulary.sets_of_ingredient(patch))}
        if not known:
            return match
        oral = frozenset[str]().union(*(self._vocabulary.sets_of_ingredient(name) for name in known))
        return msgspec.structs.replace(
            match,
            ingredients=match.ingredients - known.keys() | {patches[name] for name in known},
            sets=(match.sets - oral).union(*known.values()),
        )

    def _untold(self, match: Match, strength: float | None, said: tuple[str, ...]) -> float | None:
        """The strength of doxepin tablets that are made as a hypnotic only."""
        if match.ingredients != {"doxepin"} or match.uncertain:
            return None
        made = [product(text) for text in said if text]
        if not any(one.form == "tablet" for one in made):
            return None
        strength = strength or next((one.strength_mg for one in made if one.strength_mg), None)
        return strength if strength is not None and strength <= self._hypnotic_mg else None

    def _by_set(self, match: Match) -> dict[str, tuple[str, ...]]:
        owners = {name: self._vocabulary.sets_of_ingredient(name) for name in sorted(match.ingredients)}
        return {held: tuple(name for name, sets in owners.items() if held in sets) for held in match.sets}

    def _match(self, concept: fhir.CodeableConcept | None, display: str) -> Match | None:
        codings = tuple((c.system, c.code, c.display) for c in fhir.codings(concept))
        key = (codings, concept.text if concept else None, display)
        if key not in self._seen:
            self._seen[key] = self._vocabulary.drug(concept, *([display] if display else []))
        return self._seen[key]

    def _part(self, part: fhir.Ingredient, holder: fhir.Resource) -> fhir.CodeableConcept | None:
        """What an ingredient is, inline or by reference; None where it refers to what was not sent."""
        reference = part.item_reference
        if part.item_codeable_concept or reference is None:
            return part.item_codeable_concept or fhir.CodeableConcept()
        find = self._references.find
        item = find(reference, fhir.Substance, holder) or find(reference, fhir.Medication, holder)
        if item is not None and item.code is not None:
            return item.code
        return fhir.CodeableConcept(text=reference.display) if reference.display else None

    def _from_parts(self, parts: Iterable[fhir.CodeableConcept | None]) -> Match | None:
        found = [m for m in (self._match(part, "") for part in parts) if m]
        if not found:
            return None
        return Match(
            sets=frozenset().union(*(m.sets for m in found)),
            ingredients=frozenset().union(*(m.ingredients for m in found)),
            by=found[0].by,
            display=None,
            uncertain=next((m.uncertain for m in found if m.uncertain), None),
        )


_WITHOUT_SUBSTANCE = "a Substance that was not sent"
_UNTOLD = "could not tell which drug"
_READ = frozenset((RXNORM, ATC, SNOMED_CT))
_NO_DRUG = frozenset(words("see medication medications drug note notes comment comments unknown other free text order"))


def _tells_a_drug(concept: fhir.CodeableConcept | None) -> bool:
    """Whether a concept tells a drug that is none of ours: by a code of a system we read, or in words alone."""
    coded = [coding for coding in fhir.codings(concept) if coding.code]
    if coded:
        return any(canonical(coding.system) in _READ for coding in coded)
    return any(not _NO_DRUG.issuperset(words(text)) for text in fhir.texts(concept))


def _strength(part: fhir.Ingredient) -> float | None:
    if part.strength is None:
        return None
    numerator, denominator = amount(part.strength.numerator), amount(part.strength.denominator)
    mass = convert(numerator, "mg") if numerator else None
    return mass.value / (denominator.value if denominator and denominator.value else 1) if mass else None
