"""Composition only: the Chalice app, its one middleware, the blueprints."""

from chalice import Chalice

from chalicelib import operations
from chalicelib.core import http
from chalicelib.vending import events as vending_events
from chalicelib.vending import file_routes as vending_file_routes
from chalicelib.vending import routes as vending_routes

app = Chalice(app_name="backroom", configure_logs=False)
app.api.binary_types.extend(["application/gzip", "application/x-gzip", "text/plain"])
app.register_middleware(http.edge, "http")

for blueprint in (
    operations.bp,
    vending_routes.bp,
    vending_file_routes.bp,
    vending_events.bp,
):
    app.register_blueprint(blueprint)

http.close(app)
