"""Composition only: the Chalice app, its blueprints and the paths that they serve."""

import importlib

from chalicelib import operations
from chalicelib.core.contexts import IN_LAMBDA, Backroom

ROUTES = {
    "chalicelib.audit.routes": ("audit",),
    "chalicelib.bakery.routes": ("cakes", "erasures", "orders"),
    "chalicelib.bakery.batch_routes": ("batches", "webhooks"),
    "chalicelib.bakery.staff_routes": ("employees",),
    "chalicelib.deliveries.routes": (
        *("messages", "package-list", "packages", "preferences", "recipients", "statistics"),
    ),
    "chalicelib.ledger.routes": ("accounts", "transactions", "transfers"),
    "chalicelib.operations": ("", "auth", "health", "openapi.json", "ping"),
    "chalicelib.operators.routes": ("dlq", "integrations", "outbox", "schedules"),
    "chalicelib.vending.file_routes": ("files", "imports"),
    "chalicelib.vending.registry_routes": ("sites", "technicians"),
    "chalicelib.vending.routes": ("dispatches", "fleet", "machines", "worklist"),
    "chalicelib.warranties.routes": ("plans", "stores", "warranties"),
    "chalicelib.web.routes": ("web",),
    "chalicelib.webhooks.routes": ("events", "subscriptions"),
}
EVENTS = (
    "chalicelib.audit.events",
    "chalicelib.bakery.events",
    "chalicelib.bakery.workers",
    "chalicelib.deliveries.events",
    "chalicelib.operators.events",
    "chalicelib.outbox.events",
    "chalicelib.vending.events",
    "chalicelib.vending.workers",
    "chalicelib.warranties.events",
    "chalicelib.webhooks.events",
)

app = Backroom("backroom", ROUTES)
app.api.binary_types.extend(["application/gzip", "application/x-gzip", "text/plain"])
operations.publish(app.contracts)

# A Lambda loads what is asked for; whoever packages the app needs to see all of it.
if not IN_LAMBDA:
    app.contracts()
    for module in EVENTS:
        app.register_blueprint(importlib.import_module(module).bp)
