"""Masks of real grammars: what xgrammar and llguidance compile of a JSON schema and of a regular
expression, over the example model's vocabulary, goes into the sampler as they write it, and each
text of each seed must be valid.

A batch mixes both libraries, both grammars, temperatures and filters, and has a row without a mask.
Each step is one call. The vocabulary is also cut to one that does not fill its last word.
"""

import argparse
import collections
import json
import pathlib
import re
import sys

import jsonschema
import llguidance
import llguidance.numpy
import numpy as np
import torch
import xgrammar

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "cli"), str(ROOT / "python")]

import language_model as lm  # noqa: E402
import lmsample  # noqa: E402

END = 0
CONTEXT = 160
PROMPT = b"And these are the names of them:\n"
SCHEMA = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 9},
        "tribe": {"enum": ["Dan", "Levi", None]},
        "age": {"type": "integer", "minimum": 0, "maximum": 969},
        "sons": {"type": "array", "items": {"type": "string", "maxLength": 6}, "maxItems": 2},
    },
    "required": ["name", "tribe", "age", "sons"],
    "additionalProperties": False,
}
REGEX = r"[A-Z][a-z]{2,9}( (and|of|the|[a-z]{1,7})){1,6}, [0-9]{1,3}:[0-9]{1,2}\."


class Model:
    """The bundled model in float32, a token of each row at a time."""

    def __init__(self, rows):
        self.weights = {
            name: torch.from_numpy(array.astype(np.float32)) for name, array in lm.WEIGHTS.items()
        }
        width = self.weights["embedding.weight"].shape[1]
        self.heads = (lm.HEADS, width // lm.HEADS)
        self.past = torch.zeros((lm.LAYERS, 2, rows, lm.HEADS, CONTEXT, self.heads[1]))
        self.length = 0

    def rotated(self, x):
        cos, sin = (self.weights[name][self.length] for name in ("rope_cos", "rope_sin"))
        first, second = x.chunk(2, dim=-1)
        return torch.cat((first * cos - second * sin, first * sin + second * cos), dim=-1)

    def normed(self, x, name):
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + lm.EPSILON) * self.weights[name]

    def attend(self, x, layer):
        qkv = x @ self.weights[f"layers.{layer}.qkv.weight"].T
        q, k, v = qkv.reshape(len(x), 3, *self.heads).unbind(1)
        self.past[layer, 0, :, :, self.length] = self.rotated(k)
        self.past[layer, 1, :, :, self.length] = v
        keys, values = self.past[layer, :, :, :, :self.length + 1]
        scores = (keys @ self.rotated(q)[..., None])[..., 0] * self.heads[1] ** -0.5
        joined = (scores.softmax(-1)[..., None, :] @ values)[..., 0, :]
        return joined.reshape(x.shape) @ self.weights[f"layers.{layer}.attention_out.weight"].T

    def keep(self, rows):
        """Goes on with these only."""
        self.past = self.past[:, :, torch.from_numpy(rows)]

    def step(self, tokens):
        """The logits behind them, [row][vocabulary]."""
        w = self.weights
        x = w["embedding.weight"][torch.as_tensor(tokens, dtype=torch.int64)]
        for layer in range(lm.LAYERS):
            x = x + self.attend(self.normed(x, f"layers.{layer}.attention_norm.weight"), layer)
            h = self.normed(x, f"layers.{layer}.mlp_norm.weight")
            gate, up = (h @ w[f"layers.{layer}.gate_up.weight"].T).chunk(2, dim=-1)
            x = x + (gate * gate.sigmoid() * up) @ w[f"layers.{layer}.down.weight"].T
        self.length += 1
        return (self.normed(x, "final_norm.weight") @ w["embedding.weight"].T).numpy()


class Xgrammar:
    def __init__(self, vocab):
        info = xgrammar.TokenizerInfo(
            vocab, xgrammar.VocabType.RAW, vocab_size=len(vocab), stop_token_ids=[END]
        )
        compiler = xgrammar.GrammarCompiler(info)
        self.compiled = {
            "schema": compiler.compile_json_schema(json.dumps(SCHEMA), any_whitespace=False),
            "regex": compiler.compile_regex(REGEX),
        }

    def start(self, grammar):
        return xgrammar.GrammarMatcher(self.compiled[grammar])

    def fill(self, matcher, masks, row):
        matcher.fill_next_token_bitmask(masks, row)

    def accept(self, matcher, token):
        return matcher.accept_token(token)


class Llguidance:
    def __init__(self, vocab):
        tokens = [b"\xff<end>"] + vocab[1:]  # a special token begins with a byte that is no text

        class Vocabulary:
            eos_token_id, bos_token_id, special_token_ids = END, None, [END]

            def __call__(self, text):
                return [token for token in lm.TOKENIZER.encode(text) if token < len(tokens)]

        Vocabulary.tokens = tokens
        self.tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(Vocabulary()))
        compact = {"whitespace_flexible": False}
        self.compiled = {
            "schema": llguidance.LLMatcher.grammar_from_json_schema(SCHEMA, overrides=compact),
            "regex": llguidance.LLMatcher.grammar_from_regex(REGEX),
        }

    def start(self, grammar):
        matcher = llguidance.LLMatcher(self.tokenizer, self.compiled[grammar])
        assert not matcher.is_error(), matcher.get_error()
        return matcher

    def fill(self, matcher, masks, row):
        llguidance.numpy.fill_next_token_bitmask(matcher, masks, row)
        assert not matcher.is_error(), matcher.get_error()

    def accept(self, matcher, token):
        return matcher.consume_token(token)


def check_text(grammar, text):
    if grammar == "schema":
        jsonschema.validate(json.loads(text), SCHEMA)
    else:
        assert re.fullmatch(REGEX, text.decode()), text


class Batch:
    """`jobs` and, as the last row, text without a mask."""

    def __init__(self, jobs, engines, sampler, random):
        self.jobs = jobs
        self.engines = engines
        self.sampler = sampler
        self.vocab = sampler.vocab
        self.rows = sampler.max_rows
        self.matchers = [engines[job.engine].start(job.grammar) for job in jobs]
        self.masks = llguidance.numpy.allocate_token_bitmask(self.rows, self.vocab)
        self.texts = [[] for _ in range(self.rows)]
        self.is_running = np.arange(self.rows) <= len(jobs)
        seeds = [job.seed for job in jobs] + [0] * (self.rows - len(jobs))
        self.asked = dict(
            seed=np.array(seeds, np.uint64),
            temperature=random.choice([0.5, 1.0, 1.5], self.rows),
            top_p=random.choice([0.8, 0.95, 1.0], self.rows),
            top_k=random.choice([0, 0, 40], self.rows),
        )

    def sample(self, logits, rows, step):
        """One call for all; `rows` are those that the logits are of."""
        index = np.full(self.rows, -1)
        index[rows] = np.where(self.is_running[rows], np.arange(len(rows)), -1)
        has_mask = np.arange(self.rows) < len(self.jobs)
        more = dict(self.asked, step=step, index=index)
        which = np.where(has_mask, np.arange(self.rows), -1)
        tokens = self.sampler.sample(logits, mask=self.masks, mask_index=which, **more).tokens
        if step in (0, 7, 20):
            # The same by another way: logits that the host has masked.
            masked = logits.copy()
            llguidance.numpy.apply_token_bitmask_inplace(masked, self.masks[rows])
            masked[~has_mask[rows]] = logits[~has_mask[rows]]
            np.testing.assert_array_equal(self.sampler.sample(masked, **more).tokens, tokens)
        return tokens

    def step(self, logits, rows, step):
        for row, (job, matcher) in enumerate(zip(self.jobs, self.matchers)):
            if self.is_running[row]:
                self.engines[job.engine].fill(matcher, self.masks, row)
        tokens = self.sample(logits, rows, step)
        for row in np.flatnonzero(self.is_running):
            token = int(tokens[row])
            assert 0 <= token < self.vocab, (row, token)
            if row < len(self.jobs):
                job = self.jobs[row]
                assert self.engines[job.engine].accept(self.matchers[row], token), (job, token)
            if token == END:
                self.is_running[row] = False
            else:
                self.texts[row].append(token)
        return np.where(self.is_running, tokens, END)

    def run(self):
        """The texts; the last is the one without a mask."""
        model, rows = Model(self.rows), np.arange(self.rows)
        for token in [END, *lm.TOKENIZER.encode(PROMPT)]:
            logits = model.step(np.full(self.rows, token))
        steps = 0
        while self.is_running[:len(self.jobs)].any():
            assert model.length < CONTEXT, "a text does not end"
            tokens = self.step(np.ascontiguousarray(logits[:, :self.vocab]), rows, steps)
            if self.is_running.sum() <= 0.75 * len(rows):
                model.keep(np.flatnonzero(self.is_running[rows]))
                rows = rows[self.is_running[rows]]
            logits = model.step(tokens[rows])
            steps += 1
        return [lm.TOKENIZER.decode(text) for text in self.texts[:len(self.jobs) + 1]], steps


Job = collections.namedtuple("Job", "engine grammar seed")


def is_valid(grammar, text):
    try:
        check_text(grammar, text)
    except (AssertionError, ValueError, jsonschema.ValidationError):
        return False
    return True


def check_vocabulary(vocab, rows, seeds):
    words = lm.TOKENIZER.bytes[:vocab]
    engines = {"xgrammar": Xgrammar(words), "llguidance": Llguidance(words)}
    jobs = [
        Job(engine, grammar, 1 + seed)
        for seed in range(seeds)
        for engine in engines
        for grammar in ("schema", "regex")
    ]
    random = np.random.default_rng(vocab)
    seen, different, steps = collections.Counter(), collections.defaultdict(set), 0
    with lmsample.Sampler(vocab, max_rows=rows, requests=True) as sampler:
        for begin in range(0, len(jobs), rows - 1):
            some = jobs[begin:begin + rows - 1]
            texts, taken = Batch(some, engines, sampler, random).run()
            steps += taken
            for job, text in zip(some, texts):
                assert is_valid(job.grammar, text), (job, text)
                seen[job[:2]] += 1
                different[job[:2]].add(text)
            # So that a mask of another row, or a lenient check, cannot go unseen.
            assert not any(is_valid(grammar, texts[-1]) for grammar in ("schema", "regex")), texts[-1]
    for (engine, grammar), count in sorted(seen.items()):
        texts = different[engine, grammar]
        assert count == seeds and len(texts) > seeds // 2, (engine, grammar, count, len(texts))
        print(f"{vocab} tokens, {rows} rows: {engine}, {grammar}: {count} of {seeds} seeds valid, "
              f"{len(texts)} different, such as {max(texts, key=len).decode()!r}")
    print(f"{vocab} tokens, {rows} rows: {steps} calls")


def check_model():
    """The model of this file is that of language_model.py."""
    tokens = [END, *lm.TOKENIZER.encode(PROMPT)]
    model = Model(1)
    found = np.concatenate([model.step(np.array([token])) for token in tokens])
    np.testing.assert_allclose(found, lm.logits(tokens), atol=2e-3)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    args = parser.parse_args()
    check_model()
    check_vocabulary(len(lm.TOKENIZER.bytes), 64, args.seeds)
    check_vocabulary(len(lm.TOKENIZER.bytes) - 21, 16, max(args.seeds // 20, 1))
