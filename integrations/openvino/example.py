#!/usr/bin/env python3
"""A decoding loop over OpenVINO's runtime on a CPU: lmsample reads logits where they are.

    python example.py [--steps 12] [--rows 8]

The model is a toy, an embedding and its transpose. Of a real one (optimum-intel exports them:
inputs input_ids, attention_mask, position_ids, beam_idx, output "logits" [rows, length,
vocabulary]) the loop is the same, and logits are request.get_tensor("logits").data[:, -1]."""

import argparse

import lmsample
import numpy as np
import openvino as ov
import openvino.opset13 as op

VOCAB, WIDTH = 32000, 64


def toy_model() -> ov.Model:
    random = np.random.default_rng(0)
    ids = op.parameter([-1], np.int64, name="ids")
    table = op.constant(random.standard_normal((VOCAB, WIDTH)).astype(np.float32))
    state = op.gather(table, ids, op.constant(np.int64(0)))
    weights = op.constant((random.standard_normal((VOCAB, WIDTH)) * 0.4).astype(np.float32))
    return ov.Model([op.matmul(state, weights, False, True)], [ids], "toy")


def generate(
    compiled: ov.CompiledModel, first: np.ndarray, steps: int, **params: object
) -> np.ndarray:
    """int64[rows, steps]. Parameters are lmsample's: one for all rows, or one for each."""
    request = compiled.create_infer_request()
    vocab = compiled.output(0).partial_shape[1].get_length()
    tokens, text = first, []
    with lmsample.Sampler(vocab, max_rows=len(first), token_dtype="int64") as sampler:
        asked = sampler.params(len(first))
        for name, value in params.items():
            setattr(asked, name, value)
        for _ in range(steps):
            request.infer({0: tokens})
            logits = request.get_output_tensor(0).data  # a view of the runtime's memory
            tokens = sampler.sample(logits, params=asked).tokens
            asked.step += 1
            text.append(tokens)
    return np.stack(text, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--rows", type=int, default=8)
    options = parser.parse_args()
    compiled = ov.Core().compile_model(toy_model(), "CPU")
    rows = options.rows
    text = generate(
        compiled,
        np.arange(rows, dtype=np.int64),
        options.steps,
        temperature=np.linspace(0.0, 1.4, rows),
        top_p=0.9,
        seed=np.arange(rows),
    )
    for row in text:
        print(*row)


if __name__ == "__main__":
    main()
