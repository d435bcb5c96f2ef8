"""gpu_loops.py - counts the instructions of the tile loop in what a GPU's compiler wrote. Not a check
by itself: gpu_compile.py calls it.

The loop has rare ways through it: NaN, edits, the end of a row. What is counted is the shortest way
around that reads logits in the widest loads of the loop, and, for rows that need sums, comes through
enough of fused multiply-adds to weigh every token that is read."""

import heapq
import re
from dataclasses import dataclass, field

VECTOR = 8  # tokens


@dataclass
class Block:
    """Instructions that are executed one after the other."""
    length: int = 0
    fmas: int = 0
    loads: list[int] = field(default_factory=list)  # bytes of each load from global memory
    next: list[int] = field(default_factory=list)


# By language: a label, an instruction, a jump with its condition and its label, what ends the
# kernel, a fused multiply-add, a load from global memory.
SYNTAX = {
    "sass": (r"(\.L\w+):", r"\s*/\*[0-9a-f]{4,}\*/\s+(.*);",
             r"(@\S+ )?BRA\S*(?: (!?U?P\d),)?.*`\((\S+)\)", r"EXIT|RET\b|BRA ", r"(?:@\S+ )?FFMA",
             r"(?:@\S+ )?LDG(\S*)"),
    "ptx": (r"(\$L\w+):", r"\t((?:@\S+ )?\s*[a-z].*);", r"(@\S+ )?\s*bra(?:\.uni)?()\s+(\S+)$",
            r"ret|exit", r"fma\.rn\.f32", r"(?:@\S+ )?ld\.global(\S*)"),
    "amd": (r"(\.LBB\w+):", r"\t([a-z]\w+.*)", r"(s_cbranch_\S+)?(?:s_branch)?()\s+(\.LBB\w+)",
            r"s_endpgm|s_setpc", r"v_(?:pk_|dual_)?fma", r"global_load_(\S*)"),
}


def load_bytes(suffix):
    """Of .E.128, .nc.v4.u32, dwordx4, b128, short_d16."""
    lanes = re.search(r"\.v(\d)\.", suffix)
    if lanes:
        return int(lanes.group(1)) * int(re.search(r"(\d+)$", suffix).group(1)) // 8
    found = re.search(r"dwordx(\d)", suffix)
    if found:
        return 4 * int(found.group(1))
    if suffix.startswith("dword"):
        return 4
    if re.search(r"short|16", suffix) and "d16_b8" not in suffix:
        return 2
    if re.search(r"byte|[usib]8\b", suffix, flags=re.I):
        return 1
    sizes = [int(n) for n in re.findall(r"(?<![0-9])(32|64|96|128|256)\b", suffix)]
    return max(sizes, default=32) // 8


def blocks_of(language, text):
    label, instruction, jump, end, fma, load = (re.compile(p) for p in SYNTAX[language])
    blocks, places, jumps = [Block()], {}, []
    falls = True  # does the block go on in the next one?

    def begin():
        nonlocal falls
        blocks.append(Block())
        if falls:
            blocks[-2].next.append(len(blocks) - 1)
        falls = True

    for line in text.splitlines():
        found = label.match(line)
        if found:
            begin()
            places[found.group(1)] = len(blocks) - 1
            continue
        found = instruction.match(line)
        if not found:
            continue
        words = found.group(1).split(";")[0].strip()
        block = blocks[-1]
        block.length += 1
        block.fmas += len(re.findall(fma, words)) * (2 if words.startswith("v_pk") else 1)
        found = load.match(words)
        if found:
            block.loads.append(load_bytes(found.group(1)))
        found = jump.match(words)
        if found:
            jumps.append((len(blocks) - 1, found.group(3)))
            falls = bool(found.group(1) or found.group(2))
            begin()
        elif end.match(words):
            falls = False
            begin()
    for place, name in jumps:
        if name in places:
            blocks[place].next.append(places[name])
    return blocks


def loops_of(blocks):
    """{header: blocks of the loop}"""
    before = [[] for _ in blocks]
    for place, block in enumerate(blocks):
        for after in block.next:
            before[after].append(place)
    loops = {}
    for place, block in enumerate(blocks):
        for header in block.next:
            if header > place:
                continue
            body, new = {header}, [place]
            while new:
                one = new.pop()
                # Compilers lay loops out in one piece, but for what they move behind the kernel.
                if one not in body and one >= header:
                    body.add(one)
                    new.extend(before[one])
            loops[header] = loops.get(header, set()) | body
    return loops


def shortest(blocks, body, start, goals):
    """The shortest ways from the block start to each of the goals, both included."""
    ways, heap = {}, [(blocks[start].length, start, (start,))]
    while heap:
        length, place, way = heapq.heappop(heap)
        if place in ways:
            continue
        ways[place] = (length, way)
        for after in blocks[place].next:
            if after in body and after not in ways:
                heapq.heappush(heap, (length + blocks[after].length, after, (*way, after)))
    return {goal: ways[goal] for goal in goals if goal in ways}


def around(blocks, body, header, stops):
    """The shortest way around a loop that comes through one block of each of the sets of stops."""
    ways = {header: (blocks[header].length, (header,))}
    backs = {place for place in body if header in blocks[place].next}
    for goals in (*stops, backs):
        found = {}
        for place, (length, way) in ways.items():
            for goal, (more, rest) in shortest(blocks, body, place, goals).items():
                total = length + more - blocks[place].length
                if goal not in found or total < found[goal][0]:
                    found[goal] = (total, (*way, *rest[1:]))
        ways = found
    return min(ways.values(), default=None)


def count(language, text, element_bytes):
    """{"load": bytes of the widest load, "tiles": instructions for 8 tokens of a work-item, "sums": with
    sums of weights}; what is not found is left out. The loops are those with the block that reads
    most: others read again what is unusual."""
    blocks = blocks_of(language, text)
    loops = loops_of(blocks)
    inside = {place for body in loops.values() for place in body}
    width = max((load for place in inside for load in blocks[place].loads), default=0)
    reads = {place: sum(load for load in blocks[place].loads if load == width) for place in inside}
    most = max(reads.values(), default=0)
    if most < element_bytes * VECTOR:
        return {"load": width} if width else {}
    figures = {"load": width}
    reading = {place for place in inside if reads[place] == most}
    for header, body in loops.items():
        way = around(blocks, body, header, [reading & body])
        if way is None:
            continue
        vectors = max(sum(reads[place] for place in set(way[1])) // (element_bytes * VECTOR), 1)
        weighing = {place for place in body if blocks[place].fmas >= VECTOR * vectors}
        for name, found in (("tiles", way),
                            ("sums", around(blocks, body, header, [reading & body, weighing]))):
            if found:
                length = round(found[0] / vectors)
                figures[name] = min(figures.get(name, length), length)
    return figures
