"""guide.py PAGE OUT [PRELUDE]: the C of a page, as a program or as functions.

Without a prelude the blocks of C are one program: those that begin with # or static stand by
themselves, the others are the body of main(), in the order of the page. With a prelude, which
declares what the blocks use, each block is the body of a function of its own, to be compiled only.
A block that is a whole program is left out: it is a file of examples/. OUT for C++ has the blocks
of that language."""

import pathlib
import re
import sys


def blocks(page, language):
    """(line, text) of each fenced block."""
    found = []
    for match in re.finditer(rf"^```{re.escape(language)}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        line = page.count("\n", 0, match.start()) + 2
        if "int main(" not in match[1]:
            found.append((line, match[1]))
    return found


def stands_alone(text):
    return text.startswith(("#", "static "))


def program(page, name):
    parts = [f'#line {line} "{name}"\n{text}' for line, text in page if stands_alone(text)]
    parts.append("int main(void)\n{\n")
    parts += [f'#line {line} "{name}"\n{text}' for line, text in page if not stands_alone(text)]
    return "".join(parts) + "return 0;\n}\n"


def functions(page, name, prelude):
    parts = [f'#include "{prelude}"\n']
    for line, text in page:
        parts.append(f'void line_{line}(void);\nvoid line_{line}(void)\n{{\n#line {line} "{name}"\n{text}}}\n')
    return "".join(parts)


def main(page, out, prelude=None):
    text = pathlib.Path(page).read_text(encoding="utf-8")
    found = blocks(text, "cpp" if out.endswith(".cpp") else "c")
    if not found:
        sys.exit(f"{page}: has no block of that language")
    if out.endswith(".cpp"):
        made = "".join(f'#line {line} "{page}"\n{block}' for line, block in found)
    elif prelude:
        made = functions(found, page, prelude)
    else:
        made = program(found, page)
    pathlib.Path(out).write_text(made, encoding="utf-8")


main(*sys.argv[1:])
