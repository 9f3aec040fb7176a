import io
import sys
from types import ModuleType

import pytest

from bot.__main__ import COMMANDS, CliCommand, main
from bot.config import SettingsError
from bot.ports.exchange import ExchangeError
from bot.tape.reader import TapeError


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> dict[str, CliCommand]:
    """One command that answers the number of its arguments, or raises what it was told to."""
    raised: dict[str, BaseException] = {
        "no tape": TapeError("a.parquet: no such tape"),
        "settings": SettingsError(["PORT='x': must be a number", "BOT_INTERVAL=0: too small"]),
        "exchange": ExchangeError("GET /markets: timed out"),
        "disk": PermissionError(13, "Permission denied", "/data/out.csv"),
        "ctrl-c": KeyboardInterrupt(),
        "defect": ZeroDivisionError(),
    }

    def count(argv: list[str]) -> int:
        if argv and argv[0] in raised:
            raise raised[argv[0]]
        return len(argv)

    module = ModuleType("counting")
    module.__dict__["main"] = count
    monkeypatch.setitem(sys.modules, "counting", module)
    return {
        "count": CliCommand("counting:main", "counts"),
        "gone": CliCommand("no_such:main", "never imported"),
    }


def test_a_command_gets_the_arguments_after_it_and_gives_the_exit_code(
    commands: dict[str, CliCommand],
) -> None:
    assert main(["count"], commands) == 0
    assert main(["count", "--help", "record", "-x"], commands) == 3


@pytest.mark.parametrize(
    ("argument", "code", "said"),
    [
        ("no tape", 1, "count: a.parquet: no such tape\n"),
        ("settings", 1, "count: PORT='x': must be a number\nBOT_INTERVAL=0: too small\n"),
        ("exchange", 1, "count: GET /markets: timed out\n"),
        ("disk", 1, "count: /data/out.csv: Permission denied\n"),
        ("ctrl-c", 130, "count: stopped\n"),
    ],
)
def test_what_a_user_can_put_right_is_told_without_a_trace(
    commands: dict[str, CliCommand],
    capsys: pytest.CaptureFixture[str],
    argument: str,
    code: int,
    said: str,
) -> None:
    assert main(["count", argument], commands) == code
    assert capsys.readouterr() == ("", said)


def test_a_defect_keeps_its_trace(commands: dict[str, CliCommand]) -> None:
    with pytest.raises(ZeroDivisionError):
        main(["count", "defect"], commands)


@pytest.mark.parametrize("argv", [[], ["dance"], ["--dance"], [""]])
def test_an_unknown_command_prints_the_usage_and_exits_with_2(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)

    assert ended.value.code == 2
    assert "usage: python -m bot" in capsys.readouterr().err


def test_help_names_every_command_and_its_purpose(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])

    said = capsys.readouterr().out
    assert ended.value.code == 0
    for name, command in COMMANDS.items():
        assert f"  {name}" in said
        assert command.purpose in said


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])

    assert ended.value.code == 0
    # The simulator is installed as a program of its own, and calls itself that.
    program = "kalshi-sim" if name == "simulate" else f"python -m bot {name}"
    assert f"usage: {program}" in capsys.readouterr().out


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
@pytest.mark.parametrize("name", COMMANDS)
def test_no_terminal_knows_too_few_letters_for_a_command(
    name: str, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)

    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    sys.stdout.write("start − fees")
    sys.stderr.write("− × → ≥")

    assert ended.value.code == 0
    out.seek(0)
    assert "start \\u2212 fees" in out.read()
