"""python3 -m lmsample: see tools/command.py."""

import sys

from .tools.command import main

sys.exit(main(program="python3 -m lmsample"))
