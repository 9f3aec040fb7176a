"""`python -m bot COMMAND …`: each command is a function in a module of `cli` or `research`.

Modules are imported when their command is asked for, so that no command waits for the libraries
of another. What a user can put right is told in a line, without a trace.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, NamedTuple

try:
    from bot.cli.errors import CommandError
    from bot.config import SettingsError
    from bot.journal.terminal import spell_out
    from bot.ports.exchange import ExchangeError
    from bot.tape.errors import TapeError
except ModuleNotFoundError as error:
    # Asked of the Python of the machine, mostly, where `make` filled the one in .venv.
    sys.exit(
        f"{error.name} is missing in {sys.executable}: use the Python of .venv, which `make demo` "
        "sets up, as in `.venv/bin/python -m bot status`, or pip install -r requirements.txt"
    )


class CliCommand(NamedTuple):
    """`module:function` that takes the arguments and gives the exit code; what it is for."""

    entry: str
    purpose: str


COMMANDS: Final[Mapping[str, CliCommand]] = {
    "status": CliCommand("bot.cli.remote.show:status", "how a running bot is doing"),
    "positions": CliCommand("bot.cli.remote.show:positions", "what it holds, and why"),
    "trades": CliCommand("bot.cli.remote.show:trades", "its closed trades"),
    "orders": CliCommand("bot.cli.remote.show:orders", "its orders, and what became of them"),
    "config": CliCommand("bot.cli.remote.show:settings", "its settings in force"),
    "start": CliCommand("bot.cli.remote.act:start", "start its loop"),
    "stop": CliCommand("bot.cli.remote.act:stop", "stop its loop"),
    "kill": CliCommand("bot.cli.remote.act:kill", "enter nothing more, exits continue"),
    "resume": CliCommand("bot.cli.remote.act:resume", "enter again"),
    "close": CliCommand("bot.cli.remote.act:close", "close one position"),
    "flatten": CliCommand("bot.cli.remote.act:flatten", "close all positions, enter nothing"),
    "reconcile": CliCommand("bot.cli.remote.reconcile:main", "its account against the exchange's"),
    "resolve": CliCommand("bot.cli.remote.reconcile:resolve", "say what became of a lost order"),
    "export": CliCommand("bot.cli.remote.export:main", "write its history as Parquet or CSV"),
    "alert-test": CliCommand("bot.cli.alert_test:main", "send one alert to all who get them"),
    "record": CliCommand("bot.cli.record:main", "write the books the exchange shows to a tape"),
    "replay": CliCommand("bot.cli.replay:main", "run the bot over a tape, on recorded time"),
    "backtest": CliCommand("bot.cli.backtest:main", "run tapes through the rules, against chance"),
    "sweep": CliCommand("bot.cli.sweep:main", "search settings on some tapes, judge on the rest"),
    "train": CliCommand("bot.research.train:main", "train the model on tapes"),
    "evaluate": CliCommand("bot.research.evaluate:main", "evaluate a model on a tape"),
    "flat-model": CliCommand("bot.research.flatten:main", "write models as arrays, to start fast"),
    "whale-report": CliCommand("bot.research.whales.report:main", "evaluate the whale detectors"),
    "simulate": CliCommand("bot.sim.cli:main", "serve the simulated exchange over HTTP"),
}

#: What a user can put right; anything else is a defect and keeps its trace.
EXPECTED: Final = (TapeError, SettingsError, ExchangeError)
#: What a shell reports for a program ended by Ctrl-C.
INTERRUPTED: Final = 130
#: And for one whose reader went away.
CUT_OFF: Final = 141


def main(argv: Sequence[str], commands: Mapping[str, CliCommand] = COMMANDS) -> int:
    """The exit code of the command named first, run with the arguments after it.

    An unknown command or a wrong argument prints the usage and leaves with SystemExit(2).
    """
    spell_out()
    name = _parser(commands).parse_args(argv[:1]).command
    try:
        code: int = _function(commands[name].entry)(list(argv[1:]))
        sys.stdout.flush()
    except CommandError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return error.code
    except EXPECTED as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    except BrokenPipeError:
        # Whoever read has enough, such as `head`.
        _write_no_more()
        return CUT_OFF
    except OSError as error:
        # A full disk, a folder that may not be written to, a socket that is taken.
        _write_no_more()
        sys.stderr.write(f"{name}: {_in_words(error)}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"{name}: stopped\n")
        return INTERRUPTED
    return code


def _write_no_more() -> None:
    """What could not be written is not to be tried once more as the interpreter ends."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _in_words(error: OSError) -> str:
    reason = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {reason}" if error.filename else reason


def _function(entry: str) -> Callable[[list[str]], int]:
    module, _, name = entry.partition(":")
    found: Callable[[list[str]], int] = getattr(importlib.import_module(module), name)
    return found


def _parser(commands: Mapping[str, CliCommand]) -> argparse.ArgumentParser:
    width = max(map(len, commands))
    lines = [f"  {name:{width}}  {command.purpose}" for name, command in commands.items()]
    parser = argparse.ArgumentParser(
        prog="python -m bot",
        epilog="\n".join(["commands:", *lines, "", "COMMAND --help tells more about each."]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=commands, metavar="COMMAND", help="one of those below")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
