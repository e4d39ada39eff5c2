"""Composition only: the Chalice app, its one middleware, the blueprints."""

from chalice import Chalice

from chalicelib import operations
from chalicelib.core import http, routing
from chalicelib.dead_letters import routes as dead_letters_routes
from chalicelib.deliveries import events as deliveries_events
from chalicelib.deliveries import routes as deliveries_routes
from chalicelib.ledger import routes as ledger_routes
from chalicelib.outbox import events as outbox_events
from chalicelib.outbox import routes as outbox_routes
from chalicelib.vending import events as vending_events
from chalicelib.vending import file_routes as vending_file_routes
from chalicelib.vending import routes as vending_routes
from chalicelib.warranties import events as warranties_events
from chalicelib.warranties import routes as warranties_routes

app = Chalice(app_name="backroom", configure_logs=False)
app.api.binary_types.extend(["application/gzip", "application/x-gzip", "text/plain"])
app.register_middleware(http.edge, "http")

ROUTES = (
    operations.bp,
    vending_routes.bp,
    vending_file_routes.bp,
    ledger_routes.bp,
    deliveries_routes.bp,
    outbox_routes.bp,
    dead_letters_routes.bp,
    warranties_routes.bp,
)
EVENTS = (vending_events.bp, deliveries_events.bp, outbox_events.bp, warranties_events.bp)

for blueprint in (*ROUTES, *EVENTS):
    app.register_blueprint(blueprint)

operations.publish([contract for routes in ROUTES for contract in routes.contracts])
routing.close(app)
