"""Stacks without a package that runs on any CPU, as formulas in float64: TensorRT-LLM
(batchApplyPenalty of its penaltyKernels.cu, and its documentation of sampling), MLC-LLM
(serve/logit_processor.cc), as their sources had them in 2026."""

import numpy as np
from compare import V, edited, histories, lengths, lmsample, random_rows, random_tokens, same
from lmsample import Edits

VERSION = "TensorRT-LLM, MLC-LLM: formulas"


def setting(random, case):
    p, o = lengths(random, case)
    prompt, output = random_tokens(random, p), random_tokens(random, o)
    return random_rows(random), prompt, output


def counts(tokens):
    return np.array([np.bincount(row, minlength=V) for row in tokens.astype(np.int64)])


def repeated(x, there, penalty):
    return np.where(there, np.where(x < 0, x * penalty, x / penalty), x)


def case_tensorrt_llm_penalties(random, case):
    """TensorRT-LLM: bias, temperature, repetition, presence, frequency, of prompt and output"""
    x, prompt, output = setting(random, case)
    bias, temperature = float(random.normal()), float(random.choice([0.5, 2.0]))
    there = counts(prompt) + counts(output)
    expected = x.astype(np.float64)
    expected[:, 3] += bias
    expected = repeated(expected / temperature, there > 0, 1.25)
    expected = expected - 0.75 * (there > 0) - 0.5 * there
    edits = Edits(bias={3: bias}, repetition=1.25, presence=0.75, frequency=0.5,
                  preset="tensorrt-llm")  # fmt: skip
    found = edited(x, edits=edits, temperature=temperature, history=histories(prompt, output))
    same(found / temperature, expected, scale=64)


def case_tensorrt_llm_ignored_prompt(random, case):
    """TensorRT-LLM's prompt_ignore_length: of presence and frequency, not of repetition"""
    x, prompt, output = setting(random, case)
    ignored = prompt.shape[1] // 2
    there = counts(prompt) + counts(output)
    added = counts(prompt[:, ignored:]) + counts(output)
    expected = repeated(x.astype(np.float64), there > 0, 1.25) - 0.75 * (added > 0) - 0.5 * added
    slots = lmsample.Slots(V, 16, 1024)
    names = slots.open(list(prompt), list(output), ignored=[ignored] * len(x))
    edits = Edits(repetition=1.25, presence=0.75, frequency=0.5, preset="tensorrt-llm")
    with lmsample.Sampler(V, "float32", 16, slots=slots, outputs="named_logprobs") as sampler:
        for begin in range(0, V, 100):
            some = list(range(begin, begin + 100))
            found = sampler.sample(x, slots=names, edits=edits, named=some, logprobs_of="edited",
                                   as_logits=True, seed=1).named_logprobs  # fmt: skip
            same(found, expected[:, some], scale=64)
    slots.close()


def case_tensorrt_llm_top_p_decay(random, case):
    """TensorRT-LLM's top_p_decay, top_p_min, top_p_reset_ids: what a row of steps keeps"""
    probs = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    x = np.log(probs)[None].astype(np.float32)
    decay, least, reset, top_p = 0.8, 0.72, 4, 0.97
    output, now = [], top_p
    edits = Edits(top_p_decay=decay, top_p_min=least, top_p_reset=reset)
    for _ in range(case):
        token = int(random.integers(0, 5))
        output.append(token)
        now = top_p if token == reset else max(now * decay, least)
    kept = lmsample.sample(x, top_p=top_p, edits=edits, history=[([4], output)], seed=1,
                           outputs="kept").kept[0]  # fmt: skip
    sums = np.cumsum(probs)
    assert np.abs(sums - now).min() > 1e-5 and kept == np.argmax(sums >= now) + 1, (output, now)


def case_tensorrt_llm_rank(random, case):
    """TensorRT-LLM's rank: how many are above it"""
    x = random_rows(random)
    tokens = random.integers(0, V, len(x))
    live = ~np.isneginf(x[np.arange(len(x)), tokens])
    expected = (x > x[np.arange(len(x)), tokens][:, None]).sum(1)
    found = lmsample.sample(x, target=tokens, ranks_from=0, outputs="raw_ranks").raw_ranks
    np.testing.assert_array_equal(found[live], expected[live])


def case_mlc_penalties(random, case):
    """MLC-LLM: frequency and presence of the output, and then repetition of it"""
    x, prompt, output = setting(random, case)
    there = counts(output)
    expected = repeated(x.astype(np.float64) - 0.5 * there - 0.75 * (there > 0), there > 0, 1.25)
    edits = Edits(repetition=1.25, frequency=0.5, presence=0.75, preset="mlc")
    same(edited(x, edits=edits, history=histories(prompt, output)), expected, scale=64)


def case_openai_bias(random, case):
    """a bias of -100 bans as good as, one of +100 forces as good as: OpenAI's logit_bias"""
    x = random_rows(random)
    token = int(random.integers(0, V))
    x[:, token] = -3.0
    tokens = lmsample.sample(x, edits=Edits(bias={token: 100.0}), seed=case)
    assert (tokens == token).all()
    x[:, token] = 30.0
    tokens = lmsample.sample(x, edits=Edits(bias={token: -100.0}), seed=case)
    assert (tokens != token).all()
