"""What systems leave beside files: notes about files and folders that are none of the files.

macOS adds resource forks (``._log.txt``, ``__MACOSX/``), ``.DS_Store`` and custom icons, Windows
adds ``Thumbs.db`` and ``desktop.ini``, KDE ``.directory``; some clients of S3 write an empty object
``logs_$folder$`` for a folder.
"""

import re

_FOLDERS = ("__MACOSX", ".AppleDouble", ".Spotlight-V100", ".Trashes", ".fseventsd")
_FOLDERS_OF_WINDOWS = ("$RECYCLE.BIN", "System Volume Information")
_FILES = (".DS_Store", ".localized", ".directory", "Icon\r")
_FILES_OF_WINDOWS = ("thumbs.db", "ehthumbs.db", "desktop.ini")
_IN = "|".join(map(re.escape, (*_FOLDERS, *_FOLDERS_OF_WINDOWS)))
_NAMED = "|".join(map(re.escape, (*_FILES, *_FILES_OF_WINDOWS)))
_LITTER = re.compile(
    rf"(?:^|/)(?:(?:{_IN})/.*|\._[^/]*|(?:{_NAMED})|[^/]*_\$folder\$)\Z",
    re.IGNORECASE | re.DOTALL,
)


def is_litter(path: str) -> bool:
    """Return whether a path, with whichever slashes, is of what a system left beside files."""
    return _LITTER.search(path.replace("\\", "/")) is not None
