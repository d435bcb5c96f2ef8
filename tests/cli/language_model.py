"""The bundled model once more, in numpy and float64, to compare the program with."""

import json
import pathlib
import struct
import sys

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "examples" / "model"
sys.path.insert(0, str(FOLDER))

import bpe  # noqa: E402  (it is beside the model)

TOKENIZER = bpe.Tokenizer.load(FOLDER / "tokenizer.json")
HEADS = 6
LAYERS = 5
EPSILON = 1e-5


def split_safetensors(data):
    """The header and the bytes after it."""
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8:8 + length]), data[8 + length:]


def join_safetensors(header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def load_weights():
    header, data = split_safetensors((FOLDER / "model.safetensors").read_bytes())
    weights = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        kind = {"F16": "<f2", "F32": "<f4"}[entry["dtype"]]
        flat = np.frombuffer(data[begin:end], kind)
        weights[name] = flat.reshape(entry["shape"]).astype(np.float64)
    return weights


WEIGHTS = load_weights()


def normed(x, name):
    scale = np.sqrt((x * x).mean(-1, keepdims=True) + EPSILON)
    return x / scale * WEIGHTS[name]


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rotated(x, cos, sin):
    first, second = np.split(x, 2, axis=-1)
    return np.concatenate((first * cos - second * sin, first * sin + second * cos), axis=-1)


def attend(x, layer):
    length, width = x.shape
    qkv = x @ WEIGHTS[f"layers.{layer}.qkv.weight"].T
    q, k, v = qkv.reshape(length, 3, HEADS, width // HEADS).transpose(1, 2, 0, 3)
    cos, sin = WEIGHTS["rope_cos"][:length], WEIGHTS["rope_sin"][:length]
    q, k = rotated(q, cos, sin), rotated(k, cos, sin)
    scores = q @ k.transpose(0, 2, 1) / np.sqrt(width // HEADS)
    scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
    joined = (softmax(scores) @ v).transpose(1, 0, 2).reshape(length, width)
    return joined @ WEIGHTS[f"layers.{layer}.attention_out.weight"].T


def hidden(tokens):
    """The last hidden state at each of the tokens: [token][width]."""
    x = WEIGHTS["embedding.weight"][tokens]
    for layer in range(LAYERS):
        x = x + attend(normed(x, f"layers.{layer}.attention_norm.weight"), layer)
        h = normed(x, f"layers.{layer}.mlp_norm.weight")
        gate, up = np.split(h @ WEIGHTS[f"layers.{layer}.gate_up.weight"].T, 2, axis=-1)
        x = x + (gate / (1 + np.exp(-gate)) * up) @ WEIGHTS[f"layers.{layer}.down.weight"].T
    return normed(x, "final_norm.weight")


def logits(tokens):
    """What the model says after each of the tokens: [token][vocabulary]."""
    return hidden(tokens) @ WEIGHTS["embedding.weight"].T


def logprobs(tokens):
    x = logits(tokens)
    return x - x.max(-1, keepdims=True) - np.log(
        np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True))
