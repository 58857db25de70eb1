"""The ASGI application: routes, the edge around them, and what is done at start."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from cds_service import places
from cds_service.content.forms import screening_form
from cds_service.errors import CallRefused
from cds_service.hooks.services import Discovery
from cds_service.web import catalogue, endpoints, feedback, memory, metrics, pages
from cds_service.web.assembled import Assembled
from cds_service.web.capacity import Capacity
from cds_service.web.edge import Edge
from cds_service.web.problems import on_http_exception, on_refusal
from cds_service.web.routes import Address, ExactRoutes, get


def create_app(service: Assembled) -> Starlette:
    """The service over HTTP."""
    settings = service.settings
    app = Starlette(
        routes=[ExactRoutes(_addresses(service))],
        middleware=[
            Middleware(
                Edge,
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
    app.state.capacity = Capacity(settings.max_concurrent, service.callers)
    app.state.ready = False
    return app


def _addresses(service: Assembled) -> dict[str, Address]:
    offered = Discovery.of(service.services.values(), service.settings.spec_version)
    calls = {f"/cds-services/{name}": Address({"POST": endpoints.call}, {"id": name}) for name in service.services}
    answers = {
        f"{path}/feedback": Address({"POST": feedback.take}, address.path_params) for path, address in calls.items()
    }
    return {
        "/cds-services": get(endpoints.discovery(offered.encode())),
        **calls,
        **answers,
        "/Questionnaire/rbd-screen": get(endpoints.form(screening_form(places.cards(service.settings)))),
        "/metrics": get(metrics.metrics),
        "/health/live": get(endpoints.live),
        "/health/ready": get(endpoints.ready),
        "/": get(pages.start(offered, service.settings)),
        **catalogue.addresses(places.cards(service.settings), service.settings),
        "/static/house.css": get(pages.stylesheet),
    }


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    service: Assembled = app.state.service
    async with service.running():
        memory.settle()
        app.state.ready = True
        yield
        app.state.ready = False
    gc.unfreeze()
