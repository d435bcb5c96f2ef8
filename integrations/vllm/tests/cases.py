"""Requests as users send them, by chance."""

import numpy as np


def random_tokens(random, most, vocab):
    return random.integers(0, vocab, random.integers(0, most + 1)).tolist()


def random_request(random, vocab, logprobs=False):
    """Keywords of Server.add(). Each thing that can be asked for is there now and then."""

    def maybe(share):
        return random.random() < share

    asked = {
        "prompt": [int(random.integers(vocab)), *random_tokens(random, 40, vocab)],
        "temperature": float(random.choice([0.0, 0.3, 0.7, 1.0, 1.7])),
        "max_tokens": 400,
    }
    if maybe(0.4):
        asked["top_k"] = int(random.choice([-1, 1, 2, 5, 40, vocab]))
    if maybe(0.4):
        asked["top_p"] = float(random.choice([0.1, 0.5, 0.9, 0.99, 1.0]))
    if maybe(0.3):
        asked["min_p"] = float(random.choice([0.01, 0.1, 0.5]))
    if maybe(0.4):
        asked["seed"] = int(random.integers(2**62))
    if maybe(0.3):
        asked["repetition_penalty"] = float(random.choice([0.7, 1.05, 1.3]))
    if maybe(0.3):
        asked["frequency_penalty"] = float(random.choice([-0.5, 0.25, 1.0]))
    if maybe(0.3):
        asked["presence_penalty"] = float(random.choice([-0.5, 0.5, 2.0]))
    if maybe(0.3):
        tokens = random.choice(vocab, 5, replace=False).tolist()
        asked["logit_bias"] = dict(zip(tokens, (3.0, -2.5, 100.0, -100.0, 0.25)))
    if maybe(0.2):
        count = int(random.integers(2, vocab // 2))
        asked["allowed_token_ids"] = random.choice(vocab, count, replace=False).tolist()
    if maybe(0.2):
        asked["min_tokens"] = int(random.integers(1, 8))
        asked["stop"] = random.choice(vocab, 2, replace=False).tolist()
    if maybe(0.2):
        words = [[int(random.integers(vocab))], random.integers(0, vocab, 2).tolist()]
        if maybe(0.7):
            words.append([asked["prompt"][-1], int(random.integers(vocab))])
        asked["bad_words"] = words
    if logprobs and maybe(0.5):
        asked["logprobs"] = int(random.choice([0, 1, 5, 20]))
    return asked


def with_output(random, asked, vocab):
    """Of a request that came back: some tokens are there, and end as a bad word begins."""
    output = random_tokens(random, 30, vocab)
    for word in asked.get("bad_words", ()):
        if len(word) == 2 and random.random() < 0.7:
            output.append(word[0])
    return {**asked, "output": output}


def chi_square(drawn, probabilities):
    """The p-value of counts; classes that are expected less than 8 times are one."""
    from scipy import stats

    expected = probabilities.astype(np.float64)
    expected *= drawn.sum() / expected.sum()
    assert not drawn[expected == 0].any(), "a token was drawn that has no probability"
    is_small = expected < 8
    if is_small.any():
        drawn = np.append(drawn[~is_small], drawn[is_small].sum())
        expected = np.append(expected[~is_small], expected[is_small].sum())
        if expected[-1] == 0:
            drawn, expected = drawn[:-1], expected[:-1]
    return stats.chisquare(drawn, expected).pvalue if len(drawn) > 1 else 1.0
