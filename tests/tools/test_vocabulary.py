"""The texts of tokens: files that models come with, and what they are taken for."""

import base64
import importlib.util
import json

import numpy as np
import pytest

from lmsample.tools import VocabularyError, load_vocabulary
from lmsample.tools.layout import displayable, quoted

needs_tokenizers = pytest.mark.skipif(
    not importlib.util.find_spec("tokenizers"), reason="tokenizers is not installed")
needs_sentencepiece = pytest.mark.skipif(
    not importlib.util.find_spec("sentencepiece"), reason="sentencepiece is not installed")


def byte_characters():
    """GPT-2's: the character in which a byte-level vocabulary spells each byte."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in kept]
    return {**{b: chr(b) for b in kept}, **{b: chr(256 + n) for n, b in enumerate(others)}}


SPELLING = byte_characters()


def spelled(data):
    return "".join(SPELLING[b] for b in data)


@pytest.fixture
def texts(tmp_path):
    def read(name, content):
        data = content if isinstance(content, (bytes, str)) else json.dumps(content)
        (tmp_path / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return list(load_vocabulary(tmp_path / name))

    return read


def test_a_token_a_line(texts):
    assert texts("vocab.txt", b"[PAD]\n the\n\n\\n\n\xff\xfe\nlast") == [
        "[PAD]", " the", "", "\\n", b"\xff\xfe", "last"]


def test_line_ends_and_byte_order_marks(texts):
    assert texts("v.txt", b"\xef\xbb\xbfa\r\nb\r\n") == ["a", "b"]
    assert texts("v.txt", b"a\r\nb\n") == ["a\r", "b"]  # not all: they are tokens
    assert texts("v.json", b'\xef\xbb\xbf["a"]') == ["a"]


def test_array(texts):
    assert texts("a.json", ["x", "", "\u0120y", "\x00z"]) == ["x", "", "\u0120y", "\x00z"]
    assert texts("b.json", [["p", -1.5], ["q", -2]]) == ["p", "q"]


def test_object(texts):
    assert texts("vocab.json", {"b": 1, "a": 0, "c": 3}) == ["a", "b", None, "c"]


@needs_tokenizers
def test_byte_level_object_is_known_by_its_bytes(texts):
    vocab = {SPELLING[b]: b for b in range(256)}
    vocab[spelled(b" the")] = 256
    vocab[spelled("é\n".encode())] = 257
    vocab["\u4e00"] = 258  # in no byte's spelling: as it stands
    found = texts("vocab.json", vocab)
    assert found[:128] == [chr(b) for b in range(128)]
    assert found[256:] == [" the", "é\n", "\u4e00"]
    assert found[200] == SPELLING[200]  # a part of a character: as it is spelled
    del vocab[SPELLING[7]]
    assert texts("vocab.json", vocab)[256] == spelled(b" the")


@needs_tokenizers
def test_byte_level_tokenizer(texts):
    file = {"version": "1.0", "decoder": {"type": "ByteLevel", "add_prefix_space": True,
                                          "trim_offsets": True, "use_regex": True},
            "added_tokens": [{"id": 2, "content": "<|\u0120end|>", "special": True,
                              "single_word": False, "lstrip": False, "rstrip": False,
                              "normalized": False}],
            "model": {"type": "BPE", "vocab": {spelled(b" a"): 0, spelled("é".encode()): 1},
                      "merges": []}}
    assert texts("tokenizer.json", file) == [" a", "é", "<|\u0120end|>"]


@needs_tokenizers
def test_metaspace_tokenizer_keeps_blanks(texts):
    file = {"version": "1.0",
            "decoder": {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            "model": {"type": "BPE", "merges": [], "byte_fallback": True,
                      "vocab": {"<unk>": 0, "\u2581the": 1, "<0x0A>": 2, "a\u2581b": 3}}}
    assert texts("tokenizer.json", file) == ["<unk>", " the", "\n", "a b"]


@needs_sentencepiece
def test_sentencepiece_model_and_vocab(tmp_path):
    import sentencepiece

    (tmp_path / "text.txt").write_text("the cat sat on the mat\n" * 50 + "the dog\n" * 30)
    sentencepiece.SentencePieceTrainer.Train(
        input=str(tmp_path / "text.txt"), model_prefix=str(tmp_path / "m"), vocab_size=300,
        byte_fallback=True, hard_vocab_limit=False, minloglevel=2)
    model = load_vocabulary(tmp_path / "m.model")
    lines = load_vocabulary(tmp_path / "m.vocab")
    assert " dog" in model and model[:3] == ["<unk>", "<s>", "</s>"]
    assert model[3:13] == [chr(b) for b in range(10)]  # the bytes
    assert len(lines) == len(model) and lines[3] == "<0x00>"
    assert [t for t in lines if not t.startswith("<0x")] == model[:3] + model[259:]


def test_tiktoken(texts):
    words = [b"a", b" the", b"\xe4\xb8", "é".encode()]
    data = b"".join(base64.b64encode(w) + b" %d\n" % i for i, w in enumerate(words))
    assert texts("o200k_base.tiktoken", data) == ["a", " the", b"\xe4\xb8", "é"]


def test_folders_and_the_bundled_model(tmp_path):
    from lmsample.tools.language_model import bundled

    found = load_vocabulary(bundled())
    assert len(found) == 8192 and found[66] == "A" and found[387] == " God"
    with pytest.raises(VocabularyError, match="has none of tokenizer.json"):
        load_vocabulary(tmp_path)


@pytest.mark.parametrize("name, content, parts", [
    ("v.json", '{"a": 0,\n"b" 1}', ["line 2", "no JSON"]),
    ("v.json", '["a"] x', ["no JSON"]),
    ("v.json", b'["\xff"]', ["no JSON", "UTF-8 at byte 2"]),
    ("v.json", "7", ["JSON int", "must be an object or an array"]),
    ("v.json", {"a": 0, "b": 0}, ["'b' is 0, which 'a' has already"]),
    ("v.json", {"a": "0"}, ["'a' is '0', must be a whole number"]),
    ("v.json", {"a": -1}, ["'a' is -1"]),
    ("v.json", {"a": 1048576}, ["from 0 to 1048575"]),
    ("v.json", {"\x1b[2J": -1}, ["'\\x1b[2J'"]),
    ("v.json", ["a", 3], ["[1] is 3, must be a text"]),
    ("v.json", "[" * 100000, ["no JSON"]),
    ("v.json", {"merges": [[300, 1]]}, ["merge 0 is not of two older tokens"]),
    ("v.json", {"merges": [[-1, 1]]}, ["merge 0 is not of two older tokens"]),
    ("v.txt", "", ["is empty"]),
    ("v.txt", b"a\0b", ["zero bytes"]),
    ("model.gguf", b"GGUF\x03\0\0\0", ["is a GGUF model", "give its tokenizer.json"]),
    ("merges.txt", "#version: 0.2\na b\n", ["merges", "vocab.json"]),
    ("tokenizer_config.json", {"tokenizer_class": "X"}, ["tokenizer_config.json", "give the"]),
    ("config.json", {"model_type": "llama"}, ["settings of a model"]),
    ("special_tokens_map.json", {"eos_token": "</s>"}, ["map of special tokens"]),
    ("x.npy", b"\x93NUMPY\x01\0", ["NumPy array"]),
    ("v.txt", "\n" * 1048577, ["has 1048577 tokens, must have at most 1048576"]),
])
def test_errors(texts, name, content, parts):
    with pytest.raises(VocabularyError) as found:
        texts(name, content)
    for part in [name, *parts]:
        assert part in str(found.value)


def test_a_tokenizer_that_is_none(texts):
    with pytest.raises(VocabularyError, match="tokenizer.json"):
        texts("t.json", {"model": {"type": "BPE"}})


HOSTILE = [
    ("\x1b[31mred", r"\x1b[31mred"), (b"\xc2\x9b31m", r"\u009b31m"), (b"\x9b31m", r"\x9b31m"),
    ("\x7f", r"\x7f"), ("a\tb\rc", r"a\tb\rc"), (b"\xe2\x82", r"\xe2\x82"),
    ("\u202egnp", r"\u202egnp"), ("\u2066a\u2069", r"\u2066a\u2069"), ("a\u200bb", r"a\u200bb"),
    ("\ufeff", r"\ufeff"), ("\u2028", r"\u2028"), ("\U000e0041", r"\U000e0041"),
    ("\u0301", r"\u0301"), ("e\u0301", "e\u0301"), ("日本", "日本"),
    ("e" + "\u0301" * 5, "e\u0301\u0301\\u0301\\u0301\\u0301"), (" ", " "),
]


@pytest.mark.parametrize("text, shown", HOSTILE)
def test_no_text_can_touch_the_terminal(text, shown):
    assert displayable(text) == shown
    assert all(c.isprintable() for c in displayable(text))


def test_what_runs_from_right_to_left_ends_there():
    assert quoted(["שלום"], 0) == '"שלום"\u200e' and quoted(["a"], 0) == '"a"'
    assert quoted([None], 0) == quoted([], 3) == "(none)"


def test_no_text_can_touch_a_report(tool, tmp_path):
    (tmp_path / "v.json").write_text(json.dumps([t if isinstance(t, str) else "x" for t, _ in HOSTILE]))
    np.save(tmp_path / "row.npy", np.zeros(len(HOSTILE), np.float32))
    for more in ([], ["--svg", "-"], ["--html", "-"], ["--color", "never"]):
        out = tool("explain", "--logits", "row.npy", "--vocabulary", "v.json", "--top", 99, *more).out
        assert not any(ord(c) < 32 and c != "\n" or 127 <= ord(c) < 160 for c in out)
