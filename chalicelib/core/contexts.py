"""The app, made of contexts that are loaded when a request for them comes.

A cold start then pays for one context and not for all of them: most of it is importing models.
Packaging, documents and tests load all of them.
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any

from chalice import Chalice

from chalicelib import loaded
from chalicelib.core import http, routing
from chalicelib.core.routing import Route, Routes

IN_LAMBDA = "AWS_LAMBDA_FUNCTION_NAME" in os.environ


class Backroom(Chalice):
    """A Chalice app whose blueprints are named, and loaded by the first part of their paths.

    ``modules`` names, for each module of routes (its ``bp``), the first parts of its paths: "" for
    ``/`` itself.
    """

    def __init__(self, app_name: str, modules: Mapping[str, Sequence[str]]) -> None:
        super().__init__(app_name=app_name, configure_logs=False)
        self._serving = {part: module for module, parts in modules.items() for part in parts}
        self._loaded: dict[str, Routes] = {}
        self.register_middleware(http.edge, "http")
        routing.refuse_unknown_paths(self)

    def __call__(self, event: Any, context: Any) -> dict[str, Any]:  # noqa: ANN401 - Chalice's own
        """Answer a request of API Gateway."""
        _, _, path = str(event["requestContext"]["resourcePath"]).partition("/")
        if module := self._serving.get(path.partition("/")[0]):
            self._load(module)
        loaded()
        return super().__call__(event, context)

    def contracts(self) -> list[Route]:
        """Return the contracts of all routes."""
        for module in self._serving.values():
            self._load(module)
        return [each for routes in self._loaded.values() for each in routes.contracts]

    def _load(self, module: str) -> None:
        if module in self._loaded:
            return
        routes: Routes = importlib.import_module(module).bp
        self.register_blueprint(routes)
        routing.refuse_other_verbs(self, routes.contracts)
        self._loaded[module] = routes
