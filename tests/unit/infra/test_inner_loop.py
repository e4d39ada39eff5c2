"""What a developer waits for: programs in the background, checks of templates, `make dev`."""

import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra import package
from infra.local import dev
from infra.local.aws import LocalAws
from infra.local.processes import Background
from infra.local.setup import ROOT, SetupError
from tests.support.patience import eventually

AWS = LocalAws(Path("nowhere"), api_port=8123)


# --- make dev ----------------------------------------------------------------------------------


def test_a_change_is_deployed_and_it_is_said_what_and_how_long(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    done: list[str] = []
    monkeypatch.setattr(dev, "deploy", lambda _: done.append("deployed"))
    monkeypatch.setattr(dev, "wait_until_healthy", lambda _: done.append("healthy"))

    assert dev.redeploy(AWS, {ROOT / "app.py", ROOT / "chalicelib" / "core" / "log.py"})

    assert done == ["deployed", "healthy"]
    said = capsys.readouterr().out
    assert "app.py, chalicelib/core/log.py" in said
    assert "Live at http://localhost:8123 after" in said


def test_a_change_that_cannot_be_deployed_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: LocalAws) -> None:
        raise SetupError("it does not compile")

    monkeypatch.setattr(dev, "deploy", fails)

    assert not dev.redeploy(AWS, {ROOT / "app.py"})

    assert "it does not compile; what ran before still runs" in capsys.readouterr().err


def test_everything_that_is_deployed_is_watched() -> None:
    watched = [ROOT / name for name in dev.SOURCES]

    assert all(path.exists() for path in watched)
    for made_of in package.inputs():
        assert any(made_of.is_relative_to(path) for path in watched), made_of


# --- templates ---------------------------------------------------------------------------------


def test_a_template_is_checked_again_only_when_it_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    template = tmp_path / "out" / "sam.json"
    template.parent.mkdir()
    monkeypatch.setattr(package, "_run", lambda *_, **__: checked.append(template.read_text()))

    for text in ("{}", "{}", '{"a": 1}', "{}"):
        template.write_text(text)
        package.lint(template)

    assert checked == ["{}", '{"a": 1}', "{}"]


def test_a_template_with_faults_is_checked_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finds_faults(*_: object, **__: object) -> None:
        raise package.PackagingError("faults")

    template = tmp_path / "out" / "sam.json"
    template.parent.mkdir()
    template.write_text("{}")
    monkeypatch.setattr(package, "_run", finds_faults)

    for _ in range(2):
        with pytest.raises(package.PackagingError):
            package.lint(template)


# --- programs in the background ----------------------------------------------------------------


@pytest.fixture(name="program")
def _program(tmp_path: Path) -> Iterator[Background]:
    code = "import os, time; print(sorted(os.environ), flush=True); time.sleep(60)"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with warnings.catch_warnings():
        # Nobody keeps its process at hand: it is found and stopped by its id.
        warnings.simplefilter("ignore", ResourceWarning)
        found = Background(tmp_path, "sleeper", command, str(tmp_path), {"TOLD": "1"})
        yield found
        found.stop()


def test_a_program_is_started_once_and_stopped_once(program: Background) -> None:
    assert program.pid() is None
    assert program.start()
    pid = program.pid()
    assert pid
    assert not program.start()
    assert program.pid() == pid

    assert program.stop()
    assert not program.stop()


def test_the_id_of_a_program_that_is_gone_is_not_believed(program: Background) -> None:
    """Another program may have got it since."""
    program.home.mkdir(exist_ok=True)
    (program.home / "sleeper.pid").write_text("1")

    assert program.pid() is None
    assert not program.stop()


def test_a_program_sees_nothing_of_the_developer_s_settings(
    program: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    program.start()

    seen = eventually(program.log.read_text)
    assert "TOLD" in seen
    assert "AWS_PROFILE" not in seen
