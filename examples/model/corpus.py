"""The text that the example model learns: the King James Bible, one verse a line.

Comes from Debian's bible-kjv and bible-kjv-text packages:
    apt-get install bible-kjv bible-kjv-text
"""
import re
import subprocess

HELD_OUT_EVERY = 50  # every 50th chapter is kept for validation, so all parts are in it
HELD_OUT_FIRST = 25


def read_chapters():
    """All 1189 chapters in order, each a string of verses ended by newlines."""
    done = subprocess.run(["bible", "-f", "gen1:1-rev22:21"], check=True,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    chapters = []
    last = None
    for line in done.stdout.splitlines():
        match = re.fullmatch(r"(\d?[A-Za-z]+\d+):\d+ +(.*\S) *", line)
        if match is None:
            raise ValueError(f"no verse reference in {line!r}")
        if match[1] != last:
            chapters.append([])
            last = match[1]
        chapters[-1].append(match[2] + "\n")
    return ["".join(verses) for verses in chapters]


def split_chapters(chapters):
    """(for training, held out)"""
    def is_held_out(number):
        return number % HELD_OUT_EVERY == HELD_OUT_FIRST
    train = [c for n, c in enumerate(chapters) if not is_held_out(n)]
    return train, [c for n, c in enumerate(chapters) if is_held_out(n)]
