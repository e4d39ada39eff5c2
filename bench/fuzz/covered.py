"""The parsers of bytes under atheris, which looks for inputs that take new branches.

atheris is no part of the environment for tests: `make fuzz` puts it into ``.fuzz``. Where it is
not, the same parsers get inputs by chance, and the run says so.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.fuzz.hostile import Mutator

FOLDER = Path(__file__).parent.parent.parent / ".fuzz"
TARGETS = ("log: text", "log: of one machine", "log: archive", "JSON", "a cursor", "a file's name")
_LONGEST = 4_096
_KEPT_EVERY = 1_000


def run(mutator: Mutator, count: int, target: str) -> Iterator[tuple[str, str, str | None, object]]:
    """Yield of each of ``count`` inputs its parser, what became of it, what is wrong, and it."""
    if not (FOLDER / "atheris").is_dir():
        yield from _by_chance(mutator, count, target)
        return
    found = _covered(target, count, mutator.chance.getrandbits(31))
    name = f"{target} (atheris)"
    for end, many in found["ends"].items():
        yield from ((name, end, None, b"") for _ in range(many))
    yield from ((name, "raised", fault, example) for fault, example in found["faults"].items())


def _by_chance(
    mutator: Mutator, count: int, target: str
) -> Iterator[tuple[str, str, str | None, object]]:
    from bench.fuzz import parsers  # under atheris it is loaded by its process

    parser = parsers.PARSERS[target]
    for _ in range(count):
        raw = parsers.inputs(mutator.chance, parser)
        yield f"{target} (without atheris)", *parsers.fault(parser, raw), raw


def _covered(target: str, count: int, seed: int) -> dict[str, Any]:
    """Return what atheris finds with ``count`` inputs; libFuzzer ends its process by itself."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "found.json"
        command = [sys.executable, "-W", "ignore", "-m", "bench.fuzz.covered"]
        ended = subprocess.run(
            [*command, target, str(count), str(seed), folder], capture_output=True, check=False
        )
        if not out.exists() or ended.returncode:
            why = ended.stderr.decode(errors="replace")[-300:]
            return {"ends": {}, "faults": {f"atheris ended with {ended.returncode}": why}}
        found: dict[str, Any] = json.loads(out.read_text())
        return found


def main() -> None:
    """Fuzz one parser, in a process of its own."""
    target, count, seed, folder = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    sys.path.insert(0, str(FOLDER))
    import atheris  # type: ignore[import-untyped] # in no environment

    import tests.conftest  # noqa: F401

    with atheris.instrument_imports(include=["chalicelib"]):
        from bench.fuzz import parsers
    parser = parsers.PARSERS[target]
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, good in enumerate(parser.good):
        (corpus / str(number)).write_bytes(good)
    ends: Counter[str] = Counter()
    faults: dict[str, str] = {}

    def one(raw: bytes) -> None:
        end, fault = parsers.fault(parser, raw)
        if fault is None:
            ends[end] += 1
        else:
            faults.setdefault(fault[:200], repr(raw)[:600])
        done = ends.total() + len(faults)
        if done % _KEPT_EVERY == 0 or done >= count - 1:
            (folder / "found.json").write_text(json.dumps({"ends": ends, "faults": faults}))

    flags = [f"-runs={count}", f"-seed={seed}", f"-max_len={_LONGEST}", "-timeout=0"]
    atheris.Setup([sys.argv[0], *flags, str(corpus)], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
