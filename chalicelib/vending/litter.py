"""What systems and editors leave beside files: notes and old copies that are none of the files.

macOS adds resource forks (``._log.txt``, ``__MACOSX/``), ``.DS_Store`` and custom icons, Windows
adds ``Thumbs.db`` and ``desktop.ini``, KDE ``.directory``; some clients of S3 write an empty object
``logs_$folder$`` for a folder. Vim leaves ``.log.txt.swp`` and ``.log.txt.un~``, Emacs
``#log.txt#`` and ``.#log.txt``, most editors ``log.txt~``, office programs ``~$log.txt`` and
``.~lock.log.txt#``.
"""

import re

_FOLDERS = ("__MACOSX", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".fseventsd")
_FOLDERS_OF_WINDOWS = ("$RECYCLE.BIN", "System Volume Information")
_FILES = (".DS_Store", ".localized", ".directory", "Icon\r")
_FILES_OF_WINDOWS = ("thumbs.db", "ehthumbs.db", "desktop.ini")
_BY_EDITORS = (
    r"\.[^/]+\.sw[a-p]",
    r"[^/]+~",
    r"#[^/]+#",
    r"\.#[^/]+",
    r"~\$[^/]+",
    r"\.~lock\.[^/]+#",
)
_IN = "|".join(map(re.escape, (*_FOLDERS, *_FOLDERS_OF_WINDOWS)))
_NAMED = "|".join(map(re.escape, (*_FILES, *_FILES_OF_WINDOWS)))
_LITTER = re.compile(
    rf"(?:^|/)(?:(?:{_IN})/.*|\._[^/]*|(?:{_NAMED})|[^/]*_\$folder\$|{'|'.join(_BY_EDITORS)})\Z",
    re.IGNORECASE | re.DOTALL,
)


def is_litter(path: str) -> bool:
    """Return whether a path, with whichever slashes, is of what was left beside files."""
    return _LITTER.search(path.replace("\\", "/")) is not None
