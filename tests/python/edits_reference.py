"""A few edits of logits as docs/reference/specification.md defines them, in NumPy's float32: one
after another, over the tokens that are there."""

import numpy as np

NOT_PROMPT = ADDITIVE_FIRST = {"sglang", "mlc"}
PROMPT_TOO = {"llama.cpp", "tensorrt-llm"}


def fma(a, b, c):
    """Rounded once where float64 holds the product and the sum."""
    return np.float32(np.float64(a) * np.float64(b) + np.float64(c))


def counts(prompt, output, is_of_prompt, window=0):
    """How often each token is there, among the last `window`."""
    tokens = [(t, True) for t in prompt] + [(t, False) for t in output]
    found = {}
    for token, is_prompt in tokens[-window:] if window else tokens:
        if is_of_prompt or not is_prompt:
            found[token] = found.get(token, 0) + 1
    return found


def penalize(row, prompt, output, preset="vllm", repetition=1, frequency=0, presence=0, window=0,
             temperature=1.0):  # fmt: skip
    x = row.copy()
    r, f, p = (np.float32(value) for value in (repetition, frequency, presence))
    if preset == "tensorrt-llm" and temperature != 0:
        f, p = f * np.float32(temperature), p * np.float32(temperature)
    there = counts(prompt, output, preset not in NOT_PROMPT, window)
    additive = counts(prompt, output, preset in PROMPT_TOO, window)

    def repeat():
        for token in there:
            if np.isfinite(x[token]):
                x[token] = x[token] / r if x[token] > 0 else x[token] * r

    def add():
        for token, count in additive.items():
            x[token] = fma(-f, count, x[token])
            x[token] = x[token] - p

    for step in (add, repeat) if preset in ADDITIVE_FIRST else (repeat, add):
        step()
    return x


def ban(row, tokens):
    x = row.copy()
    x[list(tokens)] = -np.inf
    return x


def last_of_matches(sequences, tokens):
    """The last tokens of sequences whose other tokens are the last ones there."""
    return {
        s[-1]
        for s in map(list, sequences)
        if len(s) - 1 <= len(tokens) and s[:-1] == list(tokens)[len(tokens) - len(s) + 1 :]
    }


def ends_of_ngrams(tokens, n):
    tail = list(tokens)[len(tokens) - n + 1 :] if n > 1 else []
    return {
        tokens[i + n - 1] for i in range(len(tokens) - n + 1) if list(tokens[i : i + n - 1]) == tail
    }


def dry(row, tokens, multiplier, base=1.75, allowed_length=2):
    """Without breakers and range."""
    x = row.copy()
    longest = {}
    for end in range(len(tokens) - 1):
        n = 0
        while n <= end and tokens[end - n] == tokens[len(tokens) - 1 - n]:
            n += 1
        if n >= allowed_length:
            follows = tokens[end + 1]
            longest[follows] = max(longest.get(follows, 0), n)
    for token, n in longest.items():
        power = np.float32(1)
        for bit in bin(n - allowed_length)[2:] if n > allowed_length else "":
            power = power * power
            if bit == "1":
                power = power * np.float32(base)
        x[token] = x[token] - np.float32(multiplier) * power
    return x


def guide(conditional, unconditional, guidance):
    return np.array(
        [
            fma(guidance, np.float32(c - u), u) if c != u else u
            for c, u in zip(conditional, unconditional)
        ],
        np.float32,
    )


def log_softmax(row):
    x = row.astype(np.float64)
    best = x.max()
    return x - best - np.log(np.exp(x - best).sum())
