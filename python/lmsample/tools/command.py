"""python3 -m lmsample, and the script lmsample-tools."""

from __future__ import annotations

import sys
from typing import List, Optional

from .. import __version__
from .._library import Error, NoDeviceError, OutOfMemoryError
from . import command_explain, command_generate, files
from .language_model import ModelError
from .options import USAGE, Parser

_DEVICE, _MEMORY = 4, 6


def _parser(program: str) -> Parser:
    parser = Parser(prog=program, description="Tools beside the sampler: pictures of what parameters do, "
                    "and a small language model.")  # fmt: skip
    parser.add_argument("--version", action="version", version=f"lmsample {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, parser_class=Parser)
    command_explain.add(commands)
    command_generate.add(commands)
    return parser


def _status_of(error: BaseException) -> int:
    if isinstance(error, files.FileError):
        return error.status
    if isinstance(error, ModelError):
        return files.INPUT
    if isinstance(error, (OutOfMemoryError, MemoryError)):
        return _MEMORY
    if isinstance(error, (NoDeviceError, Error)) and not isinstance(error, ValueError):
        return _DEVICE
    return USAGE


def main(words: Optional[List[str]] = None, program: str = "lmsample-tools") -> int:
    options = _parser(program).parse_args(words)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130
    except ImportError as error:
        message = f"needs the package {error.name}: pip install {error.name}"
        print(f"{options.parser.prog}: {message}", file=sys.stderr)
        return USAGE
    except (files.FileError, ModelError, Error, ValueError, TypeError, MemoryError, RuntimeError) as error:
        print(f"{options.parser.prog}: {error}", file=sys.stderr)
        return _status_of(error)


if __name__ == "__main__":
    sys.exit(main())
