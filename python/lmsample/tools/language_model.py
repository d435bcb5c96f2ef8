"""The small model that is bundled to try sampling with: 3.8 million parameters, the King James
Bible. examples/model says how it was made and what is in its files; this computes it in NumPy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Union

import numpy as np
import numpy.typing as npt

from .vocabulary import Vocabulary, load

Array = npt.NDArray[Any]

_HERE = Path(__file__).resolve().parent
#: In an installed package, in a checkout.
FOLDERS = (_HERE.parent / "model", _HERE.parents[2] / "examples" / "model")


class ModelError(ValueError):
    pass


def bundled() -> Path:
    for folder in FOLDERS:
        if (folder / "model.safetensors").exists():
            return folder
    raise ModelError("the bundled model is not there: give its folder, --model DIRECTORY")


def _tokenizer(folder: Path) -> Any:
    """Token 0 ends a text, 1 to 256 are the bytes, each merge is one more. Merges stay inside of
    pieces: a blank, if there is one, and letters, digits, newlines or others."""
    import json

    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    merges = json.loads((folder / "tokenizer.json").read_text(encoding="ascii"))["merges"]
    alphabet = _byte_characters()
    texts = ["<|end|>"] + [alphabet[byte] for byte in range(256)]
    for left, right in merges:
        texts.append(texts[left] + texts[right])
    pairs = [(texts[left], texts[right]) for left, right in merges]
    model = models.BPE({text: token for token, text in enumerate(texts)}, pairs)
    tokenizer = Tokenizer(model)
    letters = "A-Za-z'\u0080-\U0010ffff"
    pieces = f" ?(?:[{letters}]+|[0-9]+|\n+|[^{letters}0-9\n ]+)| "
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(pieces), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _byte_characters() -> List[str]:
    """By byte, the character that stands for it in byte-level vocabularies: bytes that are
    printable in Latin-1 stand for themselves, and the others follow from U+0100 on."""
    kept = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(byte if byte in kept else next(others)) for byte in range(256)]


class LanguageModel:
    """Weights, vocabulary and tokenizer. A Text is a sequence that is read with it."""

    def __init__(self, folder: Union[None, str, "os.PathLike[str]"] = None) -> None:
        try:
            from safetensors import safe_open
        except ImportError:
            raise ModelError(
                "a language model needs the packages safetensors and tokenizers: "
                "pip install safetensors tokenizers"
            ) from None
        self.folder = bundled() if folder is None else Path(folder)
        file = self.folder / "model.safetensors"
        try:
            with safe_open(str(file), "numpy") as opened:
                facts = opened.metadata() or {}
                self.weights = {
                    name: opened.get_tensor(name).astype(np.float32) for name in opened.keys()
                }
            self.layers = int(facts["layers"])
            self.heads = int(facts["heads"])
            self.norm = np.float32(facts["norm_eps"])
            self.embedding: Array = self.weights["embedding.weight"]
            self.context = len(self.weights["rope_cos"])
            self.tokenizer = _tokenizer(self.folder)
        except ImportError as error:
            raise ModelError(f"a language model needs the package {error.name}: "
                             f"pip install {error.name}") from None  # fmt: skip
        except Exception as error:  # of whatever the reader finds wrong
            raise ModelError(f"{self.folder}: has no model that is read here: {error}") from None
        self.vocab, self.width = self.embedding.shape
        self.texts: Vocabulary = load(self.folder / "tokenizer.json")

    def encode(self, text: str) -> List[int]:
        """Behind the token that opens a text."""
        # An argument that is no UTF-8, or that Python did not take for it.
        text = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return [0, *self.tokenizer.encode(text).ids]

    def decode(self, tokens: Sequence[int]) -> str:
        parts = [self.texts[token] for token in tokens]
        data = b"".join(p.encode() if isinstance(p, str) else p or b"" for p in parts)
        return data.decode("utf-8", "replace")

    def _normed(self, x: Array, name: str) -> Array:
        scale = 1 / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + self.norm)
        return np.asarray(x * scale * self.weights[name], np.float32)

    def _rotated(self, x: Array, begin: int) -> Array:
        """x: [heads, positions, width of a head]."""
        end = begin + x.shape[1]
        cos, sin = self.weights["rope_cos"][begin:end], self.weights["rope_sin"][begin:end]
        first, second = np.split(x, 2, axis=-1)
        return np.concatenate((first * cos - second * sin, first * sin + second * cos), -1)

    def _attended(self, x: Array, layer: int, text: "Text") -> Array:
        size = self.width // self.heads
        begin, end = text.length, text.length + len(x)
        qkv = x @ self.weights[f"layers.{layer}.qkv.weight"].T
        q, k, v = qkv.reshape(len(x), 3, self.heads, size).transpose(1, 2, 0, 3)
        keys, values = text.cache[layer]
        keys[:, begin:end] = self._rotated(k, begin)
        values[:, begin:end] = v
        scores = self._rotated(q, begin) @ keys[:, :end].transpose(0, 2, 1) / np.sqrt(size)
        later = np.arange(end)[None, :] > np.arange(begin, end)[:, None]
        scores = np.where(later, -np.inf, scores)
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = (weights @ values[:, :end]).transpose(1, 0, 2).reshape(len(x), self.width)
        return np.asarray(mixed @ self.weights[f"layers.{layer}.attention_out.weight"].T)

    def read(self, text: "Text", tokens: Sequence[int]) -> Array:
        """The text goes on with the tokens: the logits of what follows. A text is read by itself:
        products of several texts at once round in other ways for each number of them."""
        if text.length + len(tokens) > self.context:
            raise ModelError(
                f"the text is {text.length + len(tokens)} tokens long, must be at most {self.context}"
            )
        x = self.embedding[np.asarray(tokens, np.int64)]
        for layer in range(self.layers):
            name = f"layers.{layer}."
            x = x + self._attended(self._normed(x, name + "attention_norm.weight"), layer, text)
            inner = self._normed(x, name + "mlp_norm.weight") @ self.weights[name + "gate_up.weight"].T
            gate, up = np.split(inner, 2, axis=-1)
            x = x + (gate / (1 + np.exp(-gate)) * up) @ self.weights[name + "down.weight"].T
        text.length += len(tokens)
        return np.asarray(self._normed(x[-1], "final_norm.weight") @ self.embedding.T, np.float32)


class Text:
    """What was read, as keys and values of each layer."""

    def __init__(self, model: LanguageModel) -> None:
        shape = (model.heads, model.context, model.width // model.heads)
        self.length = 0
        self.cache = [
            (np.empty(shape, np.float32), np.empty(shape, np.float32)) for _ in range(model.layers)
        ]


def logits_after(model: LanguageModel, prompt: str) -> Array:
    return model.read(Text(model), model.encode(prompt))


_models: Dict[Optional[str], LanguageModel] = {}


def model_of(folder: Optional[str] = None) -> LanguageModel:
    """Read once."""
    if folder not in _models:
        _models[folder] = LanguageModel(folder)
    return _models[folder]
