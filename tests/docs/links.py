"""Links of Markdown pages that lead nowhere."""

import re

FENCE = re.compile(r"^```.*?^```|^    .*?$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page):
    """The page without its blocks of code."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page):
    """The names of a page's headings, as Git hosts make them."""
    names = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        words = re.sub(r"[^\w\- ]", "", LINK.sub("", heading).lower())
        names.add(words.strip().replace(" ", "-"))
    return names


def dead_links(pages):
    """A line for each link to a file or heading that is not there."""
    dead = []
    for page in pages:
        for target in LINK.findall(prose(page)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, heading = target.partition("#")
            file = page.parent / name if name else page
            if not file.exists() or (heading and heading not in anchors(file)):
                dead.append(f"{page}: {target}")
    return dead
