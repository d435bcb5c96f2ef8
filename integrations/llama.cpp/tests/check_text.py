"""Whether the texts can be read: check_text.py FILE, which has a line for each sequence. A text is words,
most of them of letters alone; that of the greedy sequence has no more to it than the model does."""

import re
import sys
from pathlib import Path

text = Path(sys.argv[1]).read_text(encoding="utf-8", errors="replace")
lines = re.split(r"^ ?\d+ ", text, flags=re.MULTILINE)[1:]
wrong = [line for line in lines
         if len(words := line.split("...", 1)[1].split()) < 5
         or sum(bool(re.fullmatch(r"[^\W\d_]+[\w’'“”\".,:;!?()-]*", word)) for word in words) < 0.6 * len(words)]
for line in wrong:
    print(f"check_text: no text: {line!r}")
print(f"check_text: {len(lines) - len(wrong)} of {len(lines)} texts can be read")
sys.exit(bool(wrong) or len(lines) < 16)
