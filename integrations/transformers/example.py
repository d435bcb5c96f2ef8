#!/usr/bin/env python3
"""Four prompts in one batch, each with a temperature, filters and a seed of its own, by any causal
language model of transformers.

    python example.py [--model NAME_OR_FOLDER] [--tokens 40]

Without --model: a tiny one with random weights, which writes nonsense."""

import argparse

import lmsample_transformers
import torch
import transformers as hf

PROMPTS = [
    "The capital of France is",
    "Once upon a time, in a small village,",
    "def fibonacci(n):",
    "Three reasons to learn to swim:",
]
# One for each prompt. Temperature 0 is greedy search.
PARAMS = {
    "temperature": [0.0, 1.0, 0.3, 0.8],
    "top_k": [0, 0, 20, 50],
    "top_p": [1.0, 0.9, 1.0, 0.95],
    "min_p": [0.0, 0.05, 0.0, 0.0],
    "seed": [1, 2, 3, 4],
}


class Bytes:
    """A tokenizer of bytes, for the tiny model."""

    def __call__(self, texts, **_):
        rows = [list(text.encode()) for text in texts]
        most = max(map(len, rows))
        ids = torch.tensor([[0] * (most - len(row)) + row for row in rows])
        return {"input_ids": ids, "attention_mask": (ids != 0).long()}

    def batch_decode(self, rows, **_):
        return [bytes(row[row != 0].tolist()).decode(errors="replace") for row in rows]


def tiny():
    torch.manual_seed(0)
    config = hf.LlamaConfig(
        vocab_size=256, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, initializer_range=0.3, pad_token_id=0, eos_token_id=None,
    )  # fmt: skip
    return hf.LlamaForCausalLM(config).eval(), Bytes()


def load(name):
    tokenizer = hf.AutoTokenizer.from_pretrained(name, padding_side="left")
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
    return hf.AutoModelForCausalLM.from_pretrained(name).eval(), tokenizer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--model")
    parser.add_argument("--tokens", type=int, default=40)
    options = parser.parse_args()
    model, tokenizer = load(options.model) if options.model else tiny()
    inputs = tokenizer(PROMPTS, return_tensors="pt", padding=True)
    text = model.generate(
        **inputs,
        max_new_tokens=options.tokens,
        do_sample=True,
        repetition_penalty=1.1,
        custom_generate=lmsample_transformers.generate,
        lms_params=PARAMS,
    )
    for line in tokenizer.batch_decode(text, skip_special_tokens=True):
        print("---\n" + line)


if __name__ == "__main__":
    main()
