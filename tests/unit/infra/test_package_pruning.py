"""What packaging takes away from libraries: their symbols and botocore's docstrings."""

import _ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra import package

_LIBRARY = Path(_ctypes.__file__)


@pytest.mark.skipif(sys.platform != "linux", reason="its libraries are no ELF files")
def test_a_library_without_its_symbols_is_smaller_and_works(tmp_path: Path) -> None:
    stripped = tmp_path / _LIBRARY.name
    shutil.copy(_LIBRARY, stripped)

    package._strip_symbols(stripped)

    assert stripped.stat().st_size < _LIBRARY.stat().st_size
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import ctypes, _ctypes; "
        "print(_ctypes.__file__, ctypes.CDLL(None).abs(-7))"
    )
    told = subprocess.check_output([sys.executable, "-c", script], text=True)
    assert told.split() == [str(stripped), "7"]
    once = stripped.read_bytes()
    package._strip_symbols(stripped)
    assert stripped.read_bytes() == once


@pytest.mark.parametrize("content", [b"", b"\xcf\xfa\xed\xfe" + bytes(100), b"\x7fELF\x01\x01"])
def test_a_library_of_another_format_stays(tmp_path: Path, content: bytes) -> None:
    library = tmp_path / "a.so"
    library.write_bytes(content)

    package._strip_symbols(library)

    assert library.read_bytes() == content


def test_a_botocore_with_other_docstrings_is_not_packaged(tmp_path: Path) -> None:
    (tmp_path / "docstring.py").write_text("class ClientMethodDocstring: pass\nclass Another: pass")

    with pytest.raises(package.PackagingError, match="Another"):
        package._drop_docstrings(tmp_path)
