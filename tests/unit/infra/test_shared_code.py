"""The workers of a function on the laptop share their unpacked code."""

import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.local.shared_code import PREFIX, SHARED_CODE, SharedArchive


def worker(folder: Path, name: str, content: str = "1") -> Path:
    """Do what MiniStack does for a new worker; return its folder."""
    home = folder / f"ministack-lambda-{name}"
    (home / "code").mkdir(parents=True)
    with zipfile.ZipFile(home / "code.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), f"VALUE = {content}\n")
        archive.writestr(zipfile.ZipInfo("lib/part.py"), "")
    with SharedArchive(home / "code.zip") as archive:
        archive.extractall(home / "code")
    return home


def test_workers_of_the_same_code_share_one_copy(tmp_path: Path) -> None:
    first, second = worker(tmp_path, "api-1"), worker(tmp_path, "api-2")

    assert (first / "code/app.py").read_text() == "VALUE = 1\n"
    assert (second / "code/lib/part.py").exists()
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 1


def test_a_worker_that_ends_leaves_the_copy_to_the_others(tmp_path: Path) -> None:
    first, second = worker(tmp_path, "api-1"), worker(tmp_path, "api-2")

    shutil.rmtree(first)

    assert (second / "code/app.py").exists()


def test_new_code_replaces_what_no_worker_uses_any_more(tmp_path: Path) -> None:
    old, busy = worker(tmp_path, "api-1"), worker(tmp_path, "relay-1", content="2")
    shutil.rmtree(old)

    new = worker(tmp_path, "api-2", content="3")

    assert (new / "code/app.py").read_text() == "VALUE = 3\n"
    assert (busy / "code/app.py").read_text() == "VALUE = 2\n"
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 2


def test_new_code_is_unpacked_while_a_worker_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = worker(tmp_path, "api-1") / "code"
    read = Path.readlink

    def gone(link: Path) -> Path:
        if link == ending:
            link.unlink()
        return read(link)

    monkeypatch.setattr(Path, "readlink", gone)

    assert (worker(tmp_path, "api-2", content="2") / "code/app.py").exists()


def test_workers_that_start_at_once_share_one_copy(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        started = list(pool.map(lambda n: worker(tmp_path, f"api-{n}"), range(16)))

    assert all((each / "code/app.py").exists() for each in started)
    assert len(list(tmp_path.glob(f"{PREFIX}*"))) == 1


def test_code_that_cannot_be_unpacked_is_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(zipfile.ZipFile, "_extract_member", _full_disk)
        with pytest.raises(OSError, match="No space left"):
            worker(tmp_path, "api-1")

    assert (worker(tmp_path, "api-2") / "code/app.py").exists()


def test_servers_share_a_copy_that_none_of_them_deletes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED_CODE, str(tmp_path / "shared"))
    first, second = worker(tmp_path / "one", "api-1"), worker(tmp_path / "two", "api-1")
    shutil.rmtree(first)

    worker(tmp_path / "two", "api-2", content="2")

    assert (second / "code/app.py").read_text() == "VALUE = 1\n"
    assert len(list((tmp_path / "shared").iterdir())) == 2


def test_of_two_servers_that_unpack_at_once_the_slower_one_takes_the_other_s_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHARED_CODE, str(tmp_path / "shared"))
    extract, late = zipfile.ZipFile.extractall, worker(tmp_path / "one", "api-1")
    [shared] = (tmp_path / "shared").iterdir()
    away = shared.rename(tmp_path / "away")

    def slowly(archive: zipfile.ZipFile, folder: Path) -> None:
        extract(archive, folder)
        away.rename(shared)

    monkeypatch.setattr(zipfile.ZipFile, "extractall", slowly)
    second = worker(tmp_path / "two", "api-1")

    assert (second / "code/app.py").read_text() == (late / "code/app.py").read_text()
    assert list((tmp_path / "shared").iterdir()) == [shared]


def _full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")
