"""A CDS Hooks service on REM sleep behaviour disorder, clonazepam safety and myoclonus.

The path of one call, and the files to read in this order:

1. ``web/app.py``, ``web/endpoints.py``: the addresses, and ``call``, which answers one hook.
2. ``web/authentication.py``: who calls; ``trust/tokens.py`` checks the token, ``trust/clients.py`` knows the EHRs.
3. ``hooks/requests.py``: the body as a typed request, or a refusal.
4. ``decisions/service.py``, ``decisions/gather.py``: stage by stage (``decisions/stages.py``) what can change the
   answer, as far as it was sent, the rest by ``fhir_client/fetch.py`` (``decisions/sources.py``).
5. ``facts/collections.py``: the patient's facts, with ``facts/drugs.py``, ``facts/doses.py``, ``facts/conditions.py``.
6. ``rules/review.py``: runs the rules, one function for each folder of ``cards/``, on facts and ``phenotypes/``.
7. ``decisions/decide.py``, ``decisions/group.py``, ``decisions/cards.py``: few cards, worded by ``cards/*/card.toml``.
8. ``web/assembly.py``: the answer in the client's dialect, ``hooks/profiles.py``; ``record/recorder.py`` notes it.

Codes such as CLZ-02 or G-03, and citations such as "clinical specification 2.7", lead to
``docs/clinical-specification.md``.
"""

__version__ = "0.1.0"
