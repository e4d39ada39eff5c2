"""Bundles: few scripts that hold every module once, each with what it imports."""

import os
import re
import subprocess
import sys

import pytest

from chalicelib.web import files
from chalicelib.web.bundles import Bundles

MODULES = {
    "app.js": 'import { h } from "./dom.js";\nimport(`./${1}.js`);\nh();\n',
    "dom.js": "/** Makes. */\nexport function h() {\n  // Why.\n  return 1;\n}\n",
    "forms.js": 'import { h } from "./dom.js";\nexport const form = h;\n',
    "parts.js": 'import { form as made } from "./forms.js";\nexport class Part {}\nmade();\n',
    "one.js": 'import { Part } from "./parts.js";\nexport const tabs = [Part];\n',
    "two.js": 'import { form } from "./forms.js";\nexport const tabs = [form];\n',
    "style.css": "/* All. */\na {\n  color: red;\n}\n",
}


@pytest.fixture(name="bundles")
def _bundles() -> Bundles:
    return Bundles(MODULES)


def test_a_module_is_sent_with_its_only_importer(bundles: Bundles) -> None:
    assert bundles.names == {"app.js", "forms.js", "one.js", "two.js", "style.css"}
    assert bundles.text("app.js") == (
        "const $dom = (() => {\nfunction h() {\nreturn 1;\n}\nreturn { h };\n})();\n"
        "const { h } = $dom;\nimport(`./${1}.js`);\nh();\nexport { $dom };\n"
    )
    assert bundles.text("one.js") == (
        'import * as $forms from "./forms.js";\n'
        "const $parts = (() => {\nconst { form: made } = $forms;\nclass Part {}\nmade();\n"
        "return { Part };\n})();\nconst { Part } = $parts;\nexport const tabs = [Part];\n"
    )
    assert bundles.text("forms.js").startswith('import { $dom } from "./app.js";\n')
    assert bundles.text("style.css") == "a{color: red;}"


def test_another_text_of_any_file_is_another_version(bundles: Bundles) -> None:
    assert bundles.version == Bundles(dict(reversed(MODULES.items()))).version
    for name, text in MODULES.items():
        assert Bundles({**MODULES, name: f"{text} "}).version != bundles.version


@pytest.mark.parametrize("name", sorted(n for n in files.bundles().names if n.endswith(".js")))
def test_the_page_s_bundles_import_nothing_but_bundles(name: str) -> None:
    text = files.bundled(name).text
    imported = re.findall(r'^import [^;]* from "\./([^"]+)";', text, re.MULTILINE)

    assert set(imported) <= files.bundles().names - {name}
    assert "\nimport {" not in text.partition("const $")[2]


def test_no_template_of_several_lines_loses_its_indents() -> None:
    for name in files.names():
        for line in files.read(name).text.splitlines():
            code = re.sub(r"^\s*(?:\*|/\*\*|//).*", "", line)
            assert name.endswith((".css", ".html", ".md", ".svg")) or code.count("`") % 2 == 0, line


def test_every_process_answers_the_same_bytes_under_a_version() -> None:
    """The order of a set of texts is another one in each process."""
    script = (
        "import hashlib; from chalicelib.web import files; b = files.bundles(); "
        "text = ''.join(map(b.text, sorted(b.names))); "
        "print(b.version, hashlib.sha256(text.encode()).hexdigest())"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in range(3)
    }

    assert len(answers) == 1
