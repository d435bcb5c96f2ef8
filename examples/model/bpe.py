"""Byte pair encoding whose whole vocabulary is a list of merges.

Token 0 ends a text, tokens 1 to 256 are the single bytes 0 to 255, and token 257 + k is the
two tokens of merge k joined. So any bytes can be encoded, and a smaller number is an older
merge, which goes first.
"""
import json
from collections import Counter, defaultdict

END_OF_TEXT = 0
FIRST_BYTE = 1
FIRST_MERGE = FIRST_BYTE + 256
LONGEST_PIECE = 128


def byte_class(byte):
    """Merges stay inside runs of one class. examples/tokenizer.c has the same rule."""
    if byte >= 0x80 or chr(byte).isalpha() or byte == ord("'"):
        return "letter"
    if chr(byte).isdigit():
        return "digit"
    return "newline" if byte == ord("\n") else "other"


def split_pieces(data):
    """Cuts bytes into pieces: at most one space, then bytes that are all of one class.

    The limit keeps the time to encode linear; no word comes near it.
    """
    start = 0
    while start < len(data):
        body = start + (data[start] == ord(" "))
        end = body
        limit = min(len(data), start + LONGEST_PIECE)
        while end < limit and data[end] != ord(" ") \
                and byte_class(data[end]) == byte_class(data[body]):
            end += 1
        yield data[start:end]
        start = end


def merge_pair(tokens, pair, joined):
    out = []
    i = 0
    while i < len(tokens):
        if i + 1 < len(tokens) and (tokens[i], tokens[i + 1]) == pair:
            out.append(joined)
            i += 2
        else:
            out.append(tokens[i])
            i += 1
    return out


def learn_merges(texts, vocab):
    """The merges, most frequent pair first; ties go to the pair of smaller numbers."""
    counts = Counter(piece for text in texts for piece in split_pieces(text.encode()))
    words = [([FIRST_BYTE + b for b in piece], n) for piece, n in sorted(counts.items())]
    pairs = Counter()
    where = defaultdict(set)
    for index, (tokens, n) in enumerate(words):
        for pair in zip(tokens, tokens[1:]):
            pairs[pair] += n
            where[pair].add(index)
    merges = []
    while FIRST_MERGE + len(merges) < vocab:
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        joined = FIRST_MERGE + len(merges)
        merges.append(best)
        for index in where.pop(best):
            tokens, n = words[index]
            for pair in zip(tokens, tokens[1:]):
                pairs[pair] -= n
            tokens = merge_pair(tokens, best, joined)
            words[index] = (tokens, n)
            for pair in zip(tokens, tokens[1:]):
                pairs[pair] += n
                where[pair].add(index)
        del pairs[best]
    return merges


class Tokenizer:
    def __init__(self, merges):
        self.merges = [tuple(pair) for pair in merges]
        self.rank = {pair: FIRST_MERGE + k for k, pair in enumerate(self.merges)}
        self.bytes = [b""] + [bytes([b]) for b in range(256)]
        for left, right in self.merges:
            self.bytes.append(self.bytes[left] + self.bytes[right])
        self.seen = {}

    def encode_piece(self, piece):
        tokens = [FIRST_BYTE + b for b in piece]
        while True:
            ranked = [(self.rank[p], p) for p in zip(tokens, tokens[1:]) if p in self.rank]
            if not ranked:
                return tokens
            joined, pair = min(ranked)
            tokens = merge_pair(tokens, pair, joined)

    def encode(self, data):
        tokens = []
        for piece in split_pieces(data):
            if piece not in self.seen:
                self.seen[piece] = self.encode_piece(piece)
            tokens += self.seen[piece]
        return tokens

    def decode(self, tokens):
        return b"".join(self.bytes[token] for token in tokens)

    def save(self, path):
        rows = ",\n".join(f"[{left},{right}]" for left, right in self.merges)
        with open(path, "w", encoding="ascii") as file:
            file.write(f'{{"merges": [\n{rows}\n]}}\n')

    @classmethod
    def load(cls, path):
        with open(path, encoding="ascii") as file:
            return cls(json.load(file)["merges"])
