"""The texts of tokens, of the files that models come with.

Read by those whose files they are: tokenizer.json by tokenizers, SentencePiece models by
sentencepiece. A file that has no vocabulary is refused by the name of what it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Union

MOST = 1 << 20

Text = Union[str, bytes, None]  # bytes: no UTF-8; None: no token has this id


class Vocabulary(List[Text]):
    """Texts by token."""


class VocabularyError(ValueError):
    pass


def load(path: Union[str, "os.PathLike[str]"]) -> Vocabulary:
    """tokenizer.json, vocab.json, an array of texts, a SentencePiece .model or .vocab, a tiktoken
    file, or a token a line. A folder stands for the file of these that is in it."""
    file = Path(path)
    if file.is_dir():
        file = _in_folder(file)
    data = file.read_bytes()
    if not data:
        raise VocabularyError(f"{file}: is empty")
    for has, name, remedy in _OTHERS:
        if has(file, data):
            raise VocabularyError(f"{file}: is {name}, which has no texts that are read here{remedy}")
    if file.suffix == ".json":
        return _limited(file, _of_json(file, data))
    if file.suffix == ".model" and not _is_text(data):
        return _limited(file, _of_sentencepiece(file))
    return _limited(file, _of_lines(file, data))


def _in_folder(folder: Path) -> Path:
    names = ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt")
    found = [folder / name for name in names if (folder / name).exists()]
    if not found:
        raise VocabularyError(f"{folder}: has none of {', '.join(names)}")
    return found[0]


def _json_of(data: bytes) -> Any:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError):
        return None


def _names(*members: str) -> Callable[[Path, bytes], bool]:
    """An object with one of these members."""

    def has(file: Path, data: bytes) -> bool:
        found = _json_of(data) if file.suffix == ".json" else None
        return isinstance(found, dict) and any(member in found for member in members)

    return has


def _begins(start: bytes) -> Callable[[Path, bytes], bool]:
    return lambda _, data: data.startswith(start)


# What lies beside a vocabulary and is taken for one.
_OTHERS = [
    (_begins(b"GGUF"), "a GGUF model", ": give its tokenizer.json or tokenizer.model"),
    (_begins(b"\x93NUMPY"), "a NumPy array", ""),
    (_begins(b"PK\x03\x04"), "a zip archive", ""),
    (_begins(b"#version"), "a list of merges (merges.txt)", ": give the vocab.json beside it"),
    (
        _names("tokenizer_class", "chat_template"),
        "the settings of a tokenizer (tokenizer_config.json)",
        ": give the tokenizer.json beside it",
    ),
    (
        _names("architectures", "model_type"),
        "the settings of a model (config.json)",
        ": give the tokenizer.json beside it",
    ),
    (_names("bos_token", "eos_token"), "a map of special tokens", ": give tokenizer.json"),
]


def _is_text(data: bytes) -> bool:
    return b"\0" not in data[:4096]


def _limited(file: Path, texts: Vocabulary) -> Vocabulary:
    if len(texts) > MOST:
        raise VocabularyError(f"{file}: has {len(texts)} tokens, must have at most {MOST}")
    return texts


# --- JSON -----------------------------------------------------------------------------------


def _of_json(file: Path, data: bytes) -> Vocabulary:
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise VocabularyError(f"{file}: is no JSON: no UTF-8 at byte {error.start}") from None
    except (ValueError, RecursionError) as error:
        raise VocabularyError(f"{file}: is no JSON: {error}") from None
    if isinstance(found, list):
        return _of_array(file, found)
    if not isinstance(found, dict):
        raise VocabularyError(
            f"{file}: is a JSON {type(found).__name__}, must be an object or an array of texts"
        )
    if "model" in found and isinstance(found["model"], dict):
        return _of_tokenizer(file, data)
    if set(found) == {"merges"}:
        return _of_example(file, found["merges"])
    return _of_object(file, found)


def _of_array(file: Path, items: List[Any]) -> Vocabulary:
    """Of texts, or, as of a Unigram, of texts with scores."""
    texts = Vocabulary()
    for place, item in enumerate(items):
        text = item[0] if isinstance(item, list) and len(item) == 2 else item
        if not isinstance(text, str):
            raise VocabularyError(f"{file}: [{place}] is {item!r}, must be a text")
        texts.append(text)
    return texts


def _of_ids(file: Path, ids: Dict[str, Any]) -> Vocabulary:
    for text, token in ids.items():
        if type(token) is not int or not 0 <= token < MOST:
            raise VocabularyError(
                f"{file}: the id of {text!r} is {token!r}, must be a whole number from 0 to {MOST - 1}"
            )
    texts = Vocabulary([None] * (max(ids.values(), default=-1) + 1))
    for text, token in ids.items():
        if texts[token] is not None:
            raise VocabularyError(
                f"{file}: the id of {text!r} is {token}, which {texts[token]!r} has already"
            )
        texts[token] = text
    return texts


def _of_object(file: Path, ids: Dict[str, Any]) -> Vocabulary:
    """vocab.json. Where each byte has a token that spells it, all are spelled in bytes."""
    texts = _of_ids(file, ids)
    try:
        from tokenizers import decoders, pre_tokenizers
    except ImportError:
        return texts
    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    if not alphabet <= set(ids):
        return texts
    decoder = decoders.ByteLevel()
    return Vocabulary(_decoded(decoder, text, alphabet) for text in texts)


def _decoded(decoder: Any, text: Text, alphabet: Any) -> Text:
    if not isinstance(text, str) or not set(text) <= alphabet:
        return text
    shown = decoder.decode([text])
    # A part of a character: how the vocabulary spells it says more than a mark.
    return text if "\ufffd" in shown else shown


def _of_tokenizer(file: Path, data: bytes) -> Vocabulary:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise VocabularyError(
            f"{file}: is a tokenizer.json, which needs the package tokenizers: "
            "pip install tokenizers"
        ) from None
    try:
        tokenizer = Tokenizer.from_str(data.decode("utf-8-sig"))
    except Exception as error:  # of whatever type it has
        raise VocabularyError(f"{file}: is no tokenizer.json that tokenizers reads: {error}") from None
    added = {token: item.content for token, item in tokenizer.get_added_tokens_decoder().items()}
    texts = _of_ids(file, tokenizer.get_vocab(with_added_tokens=False))
    texts += [None] * (max(added, default=-1) + 1 - len(texts))
    for token, text in enumerate(texts):
        if isinstance(text, str) and token not in added and tokenizer.decoder is not None:
            texts[token] = _inside(tokenizer.decoder, text)
    for token, text in added.items():
        texts[token] = text
    return texts


def _inside(decoder: Any, text: str) -> str:
    """As it stands inside of a text: decoders cut blanks off at the beginning of one."""
    try:
        shown = str(decoder.decode(["a", text]))
    except Exception:
        return text
    return text if "\ufffd" in shown or not shown.startswith("a") else shown[1:]


def _of_example(file: Path, merges: Any) -> Vocabulary:
    """Of the bundled model: token 0 ends a text, then the bytes, then merges of older tokens."""
    texts: List[bytes] = [b""] + [bytes([byte]) for byte in range(256)]
    try:
        for left, right in merges:
            if min(left, right) < 0:
                raise ValueError
            texts.append(texts[left] + texts[right])
            if len(texts[-1]) > 128:
                raise ValueError
    except (TypeError, ValueError, IndexError):
        raise VocabularyError(f"{file}: merge {len(texts) - 257} is not of two older tokens") from None
    return Vocabulary(_as_text(text) for text in texts)


def _as_text(data: bytes) -> Text:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


# --- Others ---------------------------------------------------------------------------------


def _of_sentencepiece(file: Path) -> Vocabulary:
    try:
        from sentencepiece import SentencePieceProcessor
    except ImportError:
        raise VocabularyError(
            f"{file}: is a SentencePiece model, which needs the package sentencepiece: "
            "pip install sentencepiece"
        ) from None
    model = SentencePieceProcessor()
    try:
        model.LoadFromFile(str(file))
    except (RuntimeError, OSError) as error:
        raise VocabularyError(f"{file}: is no SentencePiece model: {error}") from None
    texts = Vocabulary()
    for token in range(model.get_piece_size()):
        piece = model.id_to_piece(token)
        texts.append(bytes([int(piece[3:5], 16)]) if model.is_byte(token) else _spaced(piece))
    return Vocabulary(_as_text(t) if isinstance(t, bytes) else t for t in texts)


def _spaced(piece: str) -> str:
    return piece.replace("\u2581", " ")


def _of_lines(file: Path, data: bytes) -> Vocabulary:
    """A tiktoken file has a token in base64 and its number in each line, a SentencePiece .vocab a
    piece and its score; others a token."""
    data = data[3:] if data.startswith(b"\xef\xbb\xbf") else data
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if all(line.endswith(b"\r") for line in lines):
        lines = [line[:-1] for line in lines]
    if not _is_text(data):
        raise VocabularyError(f"{file}: has zero bytes, must be text or a layout that is named")
    tiktoken = _of_tiktoken(lines)
    if tiktoken is not None:
        return tiktoken
    if file.suffix == ".vocab" and all(_has_score(line) for line in lines):
        return Vocabulary(_spaced(line.rsplit(b"\t", 1)[0].decode("utf-8", "replace")) for line in lines)
    return Vocabulary(_as_text(line) for line in lines)


def _has_score(line: bytes) -> bool:
    try:
        float(line.rsplit(b"\t", 1)[1])
    except (IndexError, ValueError):
        return False
    return True


def _of_tiktoken(lines: List[bytes]) -> Optional[Vocabulary]:
    texts: Dict[int, bytes] = {}
    try:
        for line in lines:
            text, number = line.split(b" ")
            texts[int(number)] = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        return None
    if len(texts) != len(lines) or not 0 <= min(texts) <= max(texts) < MOST:
        return None
    return Vocabulary(_as_text(texts[t]) if t in texts else None for t in range(max(texts) + 1))
