"""Translates SAM templates without the order that dictionaries had in Python 2.

The translator imitates it, so that APIs which were deployed then keep the ids of their deployments.
That was half of the CPU of a translation; nothing here is that old. Runs in MiniStack's own
environment.
"""

import importlib
from collections.abc import MutableMapping
from types import SimpleNamespace
from typing import Any

TRANSLATOR = "samtranslator.translator.transform"


def translate_plainly(modules: MutableMapping[str, Any]) -> None:
    """Have the translator leave dictionaries as they are; ``modules`` are Python's own.

    It is loaded with the first template, as ever: most starts deploy nothing.
    """

    def transform(*arguments: Any) -> Any:
        modules.pop(TRANSLATOR, None)
        translator = importlib.import_module(TRANSLATOR)
        translator.to_py27_compatible_template = lambda *_: None  # type: ignore[attr-defined]
        return translator.transform(*arguments)

    modules[TRANSLATOR] = SimpleNamespace(transform=transform)
