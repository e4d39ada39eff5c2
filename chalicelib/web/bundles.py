"""The page as a browser gets it: few files, without comments, below the digest of them all.

`app.js` and what it imports are one script, and so is each area with what it alone imports; what
several areas import is a script of its own. Inside such a script each module is a function that
returns what it exports, so names of two modules never meet. The modules themselves are as they are
written: ``import {...} from "./name.js"`` first, exports of functions, classes and constants.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from graphlib import TopologicalSorter

from chalicelib.core.etags import etag_of
from chalicelib.core.values import dataclass

ENTRY = "app.js"
_VERSION = 16

_IMPORT = re.compile(r'^import \{ ([^}]*) \} from "\./([\w.]+)";\n', re.MULTILINE)
_DYNAMIC = re.compile(r"import\([`\"]\./")
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const)", re.MULTILINE)
_EXPORTED = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:/\*.*?\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_PUNCTUATION = re.compile(r"\s*([{};,])\s*")
_SPACE = re.compile(r"^[ \t]+|\n(?=\n)", re.MULTILINE)


@dataclass(frozen=True)
class Bundles:
    """The bundles of modules and styles, given by their names and texts; the same for the same."""

    texts: Mapping[str, str]

    @cached_property
    def version(self) -> str:
        """Return the digest of all files: another text of any of them is another version."""
        parts = (part for name in sorted(self.texts) for part in (name, self.texts[name]))
        return etag_of(*parts)[1 : _VERSION + 1]

    @cached_property
    def names(self) -> frozenset[str]:
        """Return the names of the files that a browser may ask for."""
        inner = {name for name in self._modules if self._home(name) != name}
        return frozenset(self.texts.keys() - inner)

    def text(self, name: str) -> str:
        """Return a file as it is sent, which is one of `names`."""
        if name in self._modules:
            return _small(self._bundle(name))
        if name.endswith(".css"):
            return _PUNCTUATION.sub(r"\1", _small(self.texts[name]))
        return self.texts[name]

    # --- scripts ---

    @cached_property
    def _modules(self) -> dict[str, set[str]]:
        """The modules, and what each imports."""
        return {
            name: {module for _, module in _IMPORT.findall(text)}
            for name, text in self.texts.items()
            if name.endswith(".js")
        }

    @cached_property
    def _entries(self) -> list[str]:
        """What is loaded by itself: the entry first, then the areas, which nobody imports."""
        imported = set().union(*self._modules.values())
        return [ENTRY, *sorted(self._modules.keys() - imported - {ENTRY})]

    @cached_property
    def _reached(self) -> dict[str, set[str]]:
        return {entry: set(self._needed(entry)) for entry in self._entries}

    def _needed(self, name: str) -> Iterator[str]:
        graph: dict[str, list[str]] = {}
        todo = [name]
        while todo:
            each = todo.pop()
            if each not in graph:
                graph[each] = sorted(self._modules[each])  # every process has the same order
                todo += graph[each]
        yield from TopologicalSorter(graph).static_order()

    def _home(self, name: str) -> str:
        """Return the file that a module is sent in."""
        if name in self._reached[ENTRY]:
            return ENTRY
        users = [entry for entry in self._entries if name in self._reached[entry]]
        return users[0] if len(users) == 1 else name

    def _bundle(self, name: str) -> str:
        inner = [each for each in self._needed(name) if self._home(each) == name]
        others = sorted({module for each in inner for module in self._modules[each]} - {*inner})
        return "".join(
            (
                *self._imports(others),
                *(self._wrapped(each) for each in inner if each != name),
                self._body(name),
                f"\nexport {{ {', '.join(map(_alias, inner[:-1]))} }};\n" if name == ENTRY else "",
            )
        )

    def _imports(self, others: list[str]) -> Iterator[str]:
        """Yield how a file gets the modules of other files."""
        framed = [each for each in others if self._home(each) == ENTRY]
        if framed:
            yield f'import {{ {", ".join(map(_alias, framed))} }} from "./{ENTRY}";\n'
        for each in others:
            if each not in framed:
                yield f'import * as {_alias(each)} from "./{each}";\n'

    def _wrapped(self, name: str) -> str:
        exported = ", ".join(_EXPORTED.findall(self.texts[name]))
        body = _EXPORT.sub("", self._body(name))
        return f"const {_alias(name)} = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();\n"

    def _body(self, name: str) -> str:
        """Return a module whose imports are taken from where the file has them."""

        def taken(found: re.Match[str]) -> str:
            return f"const {{ {found[1].replace(' as ', ': ')} }} = {_alias(found[2])};\n"

        return _IMPORT.sub(taken, self.texts[name])


def _alias(module: str) -> str:
    return f"${module.removesuffix('.js')}"


def _small(text: str) -> str:
    """Return a script or a style sheet without comments of their own lines and without indents."""
    return _SPACE.sub("", _COMMENT.sub("", text))
