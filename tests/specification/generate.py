"""Rows of logits and parameters that strain the specification."""
import numpy as np

SIGMAS = (1e-3, 0.5, 3, 10, 40, 3000)


def _ladder(random, V):
    """Floats next to each other, around one that may be anything."""
    start = np.float32(random.choice([1.0, -3.0, 17.25, 1e-3, 300.0]))
    return (np.full(V, start).view(np.uint32) + random.integers(0, 60, V).astype(np.uint32)).view(np.float32)


def _extreme(random, V):
    return np.ldexp(random.choice([-1.0, 1.0], V), random.integers(-149, 128, V))


KINDS = {
    "normal": lambda random, V: random.normal(0, random.choice(SIGMAS), V),
    "ties": lambda random, V: np.round(random.normal(0, 3, V) * random.choice([1, 4])) / 4,
    "equal": lambda random, V: np.full(V, random.normal()),
    "ladder": _ladder,
    "slope": lambda random, V: -np.arange(V) * random.choice([1e-4, 0.01, 0.7, 30]),
    "rising": lambda random, V: np.arange(V) * random.choice([1e-4, 0.01, 0.7]),
    "one": lambda random, V: np.where(np.arange(V) == random.integers(V), 60, random.normal(0, 1, V)),
    "steps": lambda random, V: -random.integers(0, 5, V) * 14.5,
    "extreme": _extreme,
    "tiny": lambda random, V: random.choice([0, 1, -1, 5], V) * np.float32(2.0**-149),
    "zeros": lambda random, V: random.choice([0.0, -0.0], V),
    "bits": lambda random, V: random.integers(0, 2**32, V).astype(np.uint32).view(np.float32),
    "far": lambda random, V: np.where(random.random(V) < 0.1, 0, -random.choice([1e4, 1e15, 3e38])),
}
SPOTS = (np.nan, -np.inf, np.inf, np.float32(3e38))


def logits(random, V):
    x = KINDS[random.choice(list(KINDS))](random, V).astype(np.float32)
    for spot in SPOTS:
        if random.random() < 0.12:
            x[random.random(V) < random.choice([0.02, 0.3, 0.9, 1.0])] = spot
    return x


def _share(random):
    """A threshold of top-p or min-p; off half of the time."""
    return random.choice([
        0, 1, random.random(), random.random(), 2.0 ** -random.integers(1, 149), 1 - 2.0**-24,
    ])  # fmt: skip


def temperature(random):
    return random.choice([0, 1, 0.7, 1.3, 2.0**-64, 2.0**64, np.exp2(random.uniform(-3, 3)),
                          np.exp2(random.uniform(-63, 63))])  # fmt: skip


def filters(random, V):
    """top_k, top_p, min_p and flags."""
    top_k = random.choice([0, 0, 1, 2, V - 1, V, random.integers(1, V + 1), random.integers(1, 50)])
    top_p = _share(random) if random.random() < 0.6 else 1
    min_p = _share(random) if random.random() < 0.4 else 0
    return int(top_k), np.float32(top_p), np.float32(min_p), int(random.integers(16))


def hostile(random, record):
    """One field becomes what nobody would set it to."""
    whole = ["top_k", "flags", "rules", "slot", "edits", "mask", "unconditional", "wants", "target",
             "request_reserved", "reserved"]  # fmt: skip
    field = random.choice(["temperature", "top_p", "min_p"] + whole)
    if field in whole:
        record[field] = random.choice([-1, -(2**31), 2**31 - 1]) if field == "top_k" else random.integers(2**32)
    else:
        record[field] = random.choice([np.nan, np.inf, -np.inf, -0.0, -1, 1.5, 2.0**-126, 2.0**65, 2.0**-149])
