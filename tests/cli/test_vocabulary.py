"""The texts of tokens that `lmsample explain --vocabulary` reads and shows."""

import json
import os
import re

import numpy as np
import pytest

UTF8 = {**os.environ, "LC_ALL": "C.UTF-8"}


def byte_characters():
    """GPT-2's: the character in which a byte-level vocabulary spells each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in kept]
    return {**{b: chr(b) for b in kept}, **{b: chr(256 + n) for n, b in enumerate(others)}}


SPELLING = byte_characters()


def spelled(data):
    return "".join(SPELLING[b] for b in data)


@pytest.fixture
def texts(lmsample, tmp_path):
    """The bytes of the first `count` tokens, as the program reads them; None: no text."""

    def read(name, content, count):
        data = content if isinstance(content, (bytes, str)) else json.dumps(content)
        (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
        np.save(tmp_path / "row.npy", np.zeros(count, np.float32))
        told = json.loads(lmsample("explain", "--logits", "row.npy", "--vocabulary", name, "--top",
                                   count, "--format", "json").out)
        assert [t["id"] for t in told["tokens"]] == list(range(count))
        return [bytes.fromhex(t["bytes"]) if "bytes" in t else
                None if t["text"] is None else t["text"].encode() for t in told["tokens"]]

    return read


@pytest.fixture
def refuses(fails, tmp_path):
    def run(name, content, parts):
        data = content if isinstance(content, (bytes, str)) else json.dumps(content)
        (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
        np.save(tmp_path / "row.npy", np.zeros(4, np.float32))
        fails(3, [name, *parts], "explain", "--logits", "row.npy", "--vocabulary", name)

    return run


def test_a_token_a_line(texts):
    data = b"[PAD]\n the\n\n\\n\n\xff\xfe\nlast"
    assert texts("vocab.txt", data, 7) == [b"[PAD]", b" the", b"", b"\\n", b"\xff\xfe", b"last",
                                           None]
    assert texts("v.txt", b"a\r\nb\n", 3) == [b"a\r", b"b", None]


def test_array(texts):
    assert texts("a.json", ["x", "", "\u0120y", "\x00z"], 5) == [
        b"x", b"", "\u0120y".encode(), b"\x00z", None]
    assert texts("b.json", [["p", -1.5], ["q", -2]], 2) == [b"p", b"q"]


def test_no_member_of_an_object_is_lost(texts):
    """Not one whose text has a zero character, nor one whose text is another's, too: json-c cuts
    the name of the one, and keeps the last of the others."""
    assert texts("v.json", {"a": 0, "a\x00b": 1, "\x00": 2, "a\x00c": 3, "\\\"": 4}, 5) == [
        b"a", b"a\x00b", b"\x00", b"a\x00c", b"\\\""]
    twice = '{ "a":0 ,"a" : 1,"b":\n2,"\\u0062":3, "{\\"}": 4 }'
    assert texts("v.json", twice, 5) == [b"a", b"a", b"b", b"b", b'{"}']
    inside = '{"version": "1.0", "model": {"merges": ["a b", {"vocab": [{}]}], "vocab": %s},' \
             '"added_tokens": []}' % twice
    assert texts("tokenizer.json", inside, 5) == [b"a", b"a", b"b", b"b", b'{"}']
    assert texts("tokenizer.json", inside.replace('"model"', '"mod\\u0065l"'), 5) == [
        b"a", b"a", b"b", b"b", b'{"}']


def test_object(texts):
    assert texts("vocab.json", {"b": 1, "a": 0, "far": 1048575, "c": 3}, 4) == [
        b"a", b"b", None, b"c"]


def test_byte_level_object_is_known_by_its_bytes(texts):
    vocab = {SPELLING[b]: b for b in range(256)}
    vocab[spelled(b" the")] = 256
    vocab[spelled("é\n".encode())] = 257
    vocab["\u4e00"] = 258  # in no byte's spelling: as it stands
    assert texts("vocab.json", vocab, 259) == [
        *[bytes([b]) for b in range(256)], b" the", "é\n".encode(), "\u4e00".encode()]
    del vocab[SPELLING[7]]
    assert texts("vocab.json", vocab, 259)[256] == spelled(b" the").encode()


@pytest.mark.parametrize("where", ["pre_tokenizer", "decoder"])
@pytest.mark.parametrize("nested", [False, True])
def test_byte_level_tokenizer(texts, where, nested):
    step = {"type": "ByteLevel", "add_prefix_space": False}
    if nested:
        step = {"type": "Sequence", "pretokenizers": [{"type": "Split"}, step]}
    file = {"version": "1.0", where: step,
            "added_tokens": [{"id": 2, "content": "<|\u0120end|>", "special": True}],
            "model": {"type": "BPE", "vocab": {spelled(b" a"): 0, spelled(b"\xe4\xb8"): 1},
                      "merges": []}}
    assert texts("tokenizer.json", file, 3) == [b" a", b"\xe4\xb8", "<|\u0120end|>".encode()]


def test_sentencepiece_tokenizer(texts):
    file = {"added_tokens": [{"id": 0, "content": "<unk>"}, {"id": 5, "content": "\u2581"}],
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"}]},
            "model": {"type": "BPE", "vocab": {"<unk>": 0, "\u2581the": 1, "<0x0A>": 2,
                                               "a\u2581b\u2581": 3, "<0xFF>": 4}}}
    assert texts("tokenizer.json", file, 6) == [b"<unk>", b" the", b"\n", b"a b ", b"\xff",
                                                "\u2581".encode()]
    unigram = {"pre_tokenizer": {"type": "Metaspace", "replacement": "\u2581"},
               "model": {"type": "Unigram", "vocab": [["<unk>", 0], ["\u2581x", -3.5]]}}
    assert texts("tokenizer.json", unigram, 2) == [b"<unk>", b" x"]


def test_word_pieces_stay_as_they_are(texts):
    file = {"pre_tokenizer": {"type": "BertPreTokenizer"}, "decoder": {"type": "WordPiece"},
            "normalizer": None,
            "model": {"type": "WordPiece", "vocab": {"[UNK]": 0, "##ing": 1, "\u2581": 2}}}
    assert texts("tokenizer.json", file, 3) == [b"[UNK]", b"##ing", "\u2581".encode()]


def test_added_tokens_take_the_place_of_the_models(texts):
    file = {"added_tokens": [{"id": 1, "content": "new"}],
            "model": {"vocab": {"a": 0, "old": 1}}}
    assert texts("tokenizer.json", file, 2) == [b"a", b"new"]


@pytest.mark.parametrize("name, content, parts", [
    ("v.json", "{\"a\": 0,\n\"b\" 1}", ["line 2", "no JSON"]),
    ("v.json", "{\"a\": 0", ["no JSON", "unexpected end of data"]),
    ("v.json", "[\"a\"] x", ["no JSON"]),
    ("v.json", b"[\"\xff\"]", ["no JSON", "utf-8"]),
    ("v.json", "7", ["is of type int, must be an object or an array"]),
    ("v.json", "null", ["is of type null"]),
    ("v.json", {"a": 0, "b": 0}, ["\"b\"", "id is 0, which \"a\" has already"]),
    ("v.json", {"a": "0"}, ["\"a\"", "of type string, must be a whole number"]),
    ("v.json", {"a": 1.5}, ["\"a\"", "of type double"]),
    ("v.json", {"a": -1}, ["\"a\"", "id is -1, must be from 0 to 1048575"]),
    ("v.json", {"a": 1048576}, ["\"a\"", "id is 1048576, must be from 0 to 1048575"]),
    ("v.json", {"a": 10**30}, []), # what json-c says of it depends on its version
    ("v.json", {"\x1b[2J": -1}, ["\"\\x1b[2J\""]),
    ("v.json", ["a", 3], ["[1]", "of type int, must be a text"]),
    ("v.json", ["a", ["b", 1, 2]], ["[1]", "of type array"]),
    ("t.json", {"model": {"type": "BPE"}}, ["model: has no vocab"]),
    ("t.json", {"model": {"vocab": 3}}, ["model.vocab", "of type int"]),
    ("t.json", {"model": {"vocab": {"a": 0}}, "added_tokens": {}}, ["added_tokens", "array"]),
    ("t.json", {"model": {"vocab": {}}, "added_tokens": [{"id": 1}]}, ["added_tokens[0]"]),
    ("t.json", {"model": {"vocab": {}}, "added_tokens": [7]}, ["added_tokens[0]"]),
    ("t.json", {"model": {"vocab": {}}, "added_tokens": [{"id": 1, "content": "a"},
                                                         {"id": 1, "content": "b"}]},
     ["added_tokens[1]", "\"b\"", "id is 1, which \"a\" has already"]),
    ("v.json", "[" * 5000, ["no JSON"]),
    ("v.txt", "", ["is empty"]),
])
def test_errors(refuses, name, content, parts):
    refuses(name, content, parts)


def test_too_many_lines(refuses):
    refuses("v.txt", "\n" * 1048577, ["line 1048577", "must be from 0 to 1048575"])


def test_a_directory_is_no_vocabulary(fails, tmp_path):
    (tmp_path / "d.json").mkdir()
    np.save(tmp_path / "row.npy", np.zeros(4, np.float32))
    fails(3, ["d.json", "directory"], "explain", "--logits", "row.npy", "--vocabulary", "d.json")


HOSTILE = [
    (b"\x1b[31mred", r'"\x1b[31mred"'),
    (b"\x1b]0;title\x07", r'"\x1b]0;title\a"'),
    (b"\xc2\x9b31m", r'"\u009b31m"'),
    (b"\x9b31m", r'"\x9b31m"'),
    (b"\x7f", r'"\x7f"'),
    (b"a\tb\rc", r'"a\tb\rc"'),
    (b"\\n", r'"\\n"'),
    (b"\xe2\x82", r'"\xe2\x82"'),
    (b"\xc0\xaf", r'"\xc0\xaf"'),
    (b"\xed\xa0\x80", r'"\xed\xa0\x80"'),
    (b"\xf4\x90\x80\x80", r'"\xf4\x90\x80…"'),
    ("\u202egnp".encode(), r'"\u202egnp"'),
    ("\u2066a\u2069".encode(), r'"\u2066a\u2069"'),
    ("a\u200bb".encode(), r'"a\u200bb"'),
    ("\ufeff".encode(), r'"\ufeff"'),
    ("\u2028".encode(), r'"\u2028"'),
    ("\U000e0041".encode(), r'"\U000e0041"'),
    ("\u0301".encode(), r'"\u0301"'),
    ("e\u0301".encode(), '"e\u0301"'),
    ("日本".encode(), '"日本"'),
    ("שלום".encode(), '"שלום"\u200e'),
    ("e".encode() + "\u0301".encode() * 5, '"e\u0301\u0301\u0301\\u0301\\u0301"'),
    (b"x" * 40, '"' + "x" * 13 + '…"'),
    ("日".encode() * 20, '"' + "日" * 6 + '…"'),
    (b" ", '" "'),
    (b"\"", '"""'),
]


def test_no_text_can_touch_the_terminal(lmsample, tmp_path):
    (tmp_path / "v.txt").write_bytes(b"\n".join(data for data, _ in HOSTILE))
    np.save(tmp_path / "row.npy", np.zeros(len(HOSTILE), np.float32))
    words = ["explain", "--logits", "row.npy", "--vocabulary", "v.txt", "--top", len(HOSTILE)]
    out = lmsample(*words, env=UTF8)
    out.out_bytes.decode("utf-8", "strict")
    lines = [line for line in out.out.split("\n") if re.match(r" +\d+ +\d+  \"", line)]
    assert len(lines) == len(HOSTILE)
    for line, (data, shown) in zip(lines, HOSTILE):
        assert shown in line, (data, line)
    for words in (words, [*words, "--format", "json"], [*words, "--svg", "-"]):
        text = lmsample(*words, env=UTF8).out
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)


def test_without_utf8_texts_keep_their_columns(lmsample, tmp_path):
    (tmp_path / "v.txt").write_bytes("日本\nab\né\n".encode())
    np.save(tmp_path / "row.npy", np.zeros(3, np.float32))
    out = lmsample("explain", "--logits", "row.npy", "--vocabulary", "v.txt",
                   env={**os.environ, "LC_ALL": "C"}).out
    assert out.isascii()
    assert '"????"' in out and '"?" ' in out and '"ab"' in out
