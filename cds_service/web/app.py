"""The ASGI application: routes, the edge around them, and what is done at start."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from cds_service.authoring.examples import Examples
from cds_service.content import forms
from cds_service.errors import CallRefused
from cds_service.web import (
    bench,
    catalogue,
    endpoints,
    feedback,
    leaflets,
    metrics,
    outcomes,
    pages,
    start,
    static_files,
    tuning,
    why,
)
from cds_service.web.answers import FHIR_JSON
from cds_service.web.assembly import Application
from cds_service.web.capacity import Capacity
from cds_service.web.middleware import CallMiddleware
from cds_service.web.problems import on_http_exception, on_refusal
from cds_service.web.routes import Address, ExactRoutes, get


def create_app(service: Application, capacity: Capacity | None = None) -> Starlette:
    """The service over HTTP; it shares the capacity of the one that it replaces."""
    settings, site = service.settings, pages.Site.of(service)
    app = Starlette(
        routes=[ExactRoutes(_addresses(service, site)), *why.routes(service, site)],
        middleware=[
            Middleware(
                CallMiddleware,
                origins=service.origins,
                observe=service.called,
                https=settings.public_url.startswith("https://"),
            )
        ],
        exception_handlers={CallRefused: on_refusal, HTTPException: on_http_exception},
        lifespan=_lifespan,
    )
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.capacity = capacity or Capacity(settings.max_concurrent, len(service.callers))
    app.state.ready = False
    return app


def _addresses(service: Application, site: pages.Site) -> dict[str, Address]:
    settings, cards = service.settings, service.content.files
    examples = Examples(service.ruleset)
    calls = {f"/cds-services/{name}": Address({"POST": endpoints.call}, {"id": name}) for name in service.services}
    answers = {
        f"{path}/feedback": Address({"POST": feedback.take}, address.path_params) for path, address in calls.items()
    }
    return {
        "/cds-services": get(endpoints.discovery(service.discovery)),
        **calls,
        **answers,
        forms.PATH: get(endpoints.document(forms.screening_form(cards, settings.public_url), FHIR_JSON)),
        "/metrics": get(metrics.metrics),
        "/health/live": get(endpoints.live),
        "/health/ready": get(endpoints.ready),
        "/": get(start.start(service.discovery(), site, examples)),
        **catalogue.addresses(service.content, site, examples),
        **catalogue.attributes(service.content),
        **leaflets.addresses(service.content),
        **static_files.addresses(),
        **bench.addresses(service, site),
        **outcomes.addresses(service, site),
        **why.addresses(service, site),
    }


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    service: Application = app.state.service
    async with service.running():
        tuning.settle()
        app.state.ready = True
        yield
        app.state.ready = False
    gc.unfreeze()
