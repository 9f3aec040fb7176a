"""`python -m bot COMMAND …`: each command is a module with a `main` of its own.

Modules are imported when their command is asked for, so that no command waits for the libraries
of another. What a user can put right is told in a line, without a trace.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from bot.config import SettingsError
from bot.journal.terminal import spell_out
from bot.ports.exchange import ExchangeError
from bot.tape.schema import TapeError


class CliCommand(NamedTuple):
    """A module with `main(argv: list[str]) -> int`, and what it is for."""

    module: str
    purpose: str


COMMANDS: Final[Mapping[str, CliCommand]] = {
    "record": CliCommand("bot.cli.record", "write the order books the exchange shows to a tape"),
    "replay": CliCommand("bot.cli.replay", "run the bot over a tape, on recorded time"),
    "backtest": CliCommand("bot.cli.backtest", "run tapes through the rules, against chance"),
    "sweep": CliCommand("bot.cli.sweep", "search settings on one part of tapes, judge on the rest"),
    "train": CliCommand("bot.research.train", "train the model on tapes"),
    "evaluate": CliCommand("bot.research.evaluate", "evaluate a model on a tape"),
    "flatten": CliCommand("bot.research.flatten", "write models as arrays, for a quick start"),
    "whale-report": CliCommand("bot.research.whales.report", "evaluate the whale detectors"),
    "simulate": CliCommand("bot.sim.cli", "serve the simulated exchange over HTTP"),
}

#: What a user can put right; anything else is a defect and keeps its trace.
EXPECTED: Final = (TapeError, SettingsError, ExchangeError)
#: What a shell reports for a program ended by Ctrl-C.
INTERRUPTED: Final = 130


def main(argv: Sequence[str], commands: Mapping[str, CliCommand] = COMMANDS) -> int:
    """The exit code of the command named first, run with the arguments after it.

    An unknown command or a wrong argument prints the usage and leaves with SystemExit(2).
    """
    spell_out()
    name = _parser(commands).parse_args(argv[:1]).command
    try:
        code: int = importlib.import_module(commands[name].module).main(list(argv[1:]))
    except EXPECTED as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write(f"{name}: stopped\n")
        return INTERRUPTED
    return code


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
