"""Beam search against the other stacks' own formulas, in float64, over small random models.

Each search takes the steps that its stack takes, as its sources had them in 2026: Hugging Face's
vectorised _beam_search, TensorRT-LLM's beam kernels (stage 3 and the finalising one), vLLM's
beam_search. The page's search, with the preset for that stack, must find the same sequences."""
import numpy as np
import pytest

import beams
import rows

CASES = 60
NEVER_WORSE = -1e9
V = 16


class Model:
    """Log-probabilities of the next token, which depend on all before it."""

    def __init__(self, seed, ends):
        self.seed, self.ends = seed, ends
        self.bonus = np.random.default_rng(seed).uniform(-1, 6)

    def logits(self, tokens):
        x = np.random.default_rng([self.seed, *tokens, 7]).normal(0, 2, V)
        x[self.ends] += self.bonus
        return x.astype(np.float32)

    def logprobs(self, tokens):
        x = self.logits(tokens).astype(np.float64)
        return x - x.max() - np.log(np.exp(x - x.max()).sum())


def hugging_face(model, N, ends, max_length, length_penalty, early_stopping):
    K = max(2, 1 + len(ends)) * N
    running, running_scores = [()] * N, np.array([0.0] + [NEVER_WORSE] * (N - 1))
    kept, kept_scores, finished = [()] * N, np.full(N, NEVER_WORSE), np.zeros(N, bool)
    unsatisfied, length = True, 0
    while True:
        total = (np.stack([model.logprobs(t) for t in running]) + running_scores[:, None]).ravel()
        top = np.argsort(-total, kind="stable")[:K]
        scores, sequences = total[top], [running[i // V] + (int(i % V),) for i in top]
        hits = np.array([s[-1] in ends or len(s) == max_length for s in sequences])
        next_scores = scores + hits * NEVER_WORSE
        best = np.argsort(-next_scores, kind="stable")[:N]
        running, running_scores = [sequences[i] for i in best], next_scores[best]
        did = hits & (np.arange(K) < N)
        rated = scores / (length + 1) ** length_penalty
        rated = rated + NEVER_WORSE * (finished.all() and early_stopping is True)
        rated = rated + NEVER_WORSE * (not unsatisfied) + NEVER_WORSE * ~did
        merged = np.concatenate([kept_scores, rated])
        best = np.argsort(-merged, kind="stable")[:N]
        kept, finished = [(kept + sequences)[i] for i in best], np.concatenate([finished, did])[best]
        kept_scores = merged[best]
        length += 1
        longest = max_length if early_stopping == "never" and length_penalty > 0 else length
        worst = np.where(finished, kept_scores.min(), NEVER_WORSE)
        unsatisfied = unsatisfied and (running_scores[0] / longest**length_penalty > worst).any()
        if (finished.all() and early_stopping is True) or not unsatisfied or hits.all():
            return [s for s, is_finished in zip(kept, finished) if is_finished]


def hugging_face_groups(model, N, groups, ends, max_length, length_penalty, early_stopping, diversity):
    """_group_beam_search with BeamSearchScorer, but for what docs/use/coming-from.md says: tokens of groups that
    are done count for nothing, and a pool that fills in the last step still meets the live beams."""
    width = N // groups
    live = [[((), 0.0)] for _ in range(groups)]
    pools, done = [[] for _ in range(groups)], [False] * groups
    for length in range(1, max_length + 1):
        chosen = []
        for h in range(groups):
            if done[h]:
                continue
            penalty = diversity * np.bincount(chosen, minlength=V)
            candidates = [(score + lp, t + (i,)) for t, score in live[h]
                          for i, lp in enumerate(model.logprobs(t) - penalty)]  # fmt: skip
            candidates = sorted(candidates, key=lambda c: -c[0])[:max(2, 1 + len(ends)) * width]
            live[h] = [(t, score) for score, t in candidates if t[-1] not in ends][:width]
            for score, tokens in candidates[:width]:
                if tokens[-1] in ends:
                    pools[h].append((score / length**length_penalty, tokens))
            pools[h] = sorted(pools[h], key=lambda c: -c[0])[:width]
            chosen += [t[-1] for t, _ in live[h]]
            if len(pools[h]) == width:
                bound = max_length if early_stopping == "never" and length_penalty > 0 else length
                worst_is_best = pools[h][-1][0] >= candidates[0][0] / bound**length_penalty
                done[h] = worst_is_best or (early_stopping is True and length < max_length)
    for h in range(groups):
        if not done[h]:
            pools[h] += [(score / max_length**length_penalty, t) for t, score in live[h]]
    return sorted(sum((sorted(pool, key=lambda c: -c[0])[:width] for pool in pools), []), key=lambda c: -c[0])


def tensorrt_llm(model, N, ends, max_length, length_penalty, early_stopping):
    """early_stopping: 1, 0, or 2 for never. One end token, or none. But for what docs/use/coming-from.md says: an
    end token that is worse than a full pool does not keep the beams behind it from going on."""
    live, pool = [((), 0.0)], []
    for length in range(1, max_length + 1):
        candidates = [(score + lp, t + (i,)) for t, score in live for i, lp in enumerate(model.logprobs(t))]
        candidates = sorted(candidates, key=lambda c: -c[0])[:2 * N]
        live = []
        for rank, (score, tokens) in enumerate(candidates):
            if tokens[-1] in ends:
                if rank < N:
                    pool = sorted(pool + [(score / length**length_penalty, tokens)], key=lambda c: -c[0])[:N]
            elif len(live) < N:
                live.append((tokens, score))
        if len(pool) == N:
            bound = max_length if early_stopping == 2 and length_penalty > 0 else length
            if early_stopping == 1 or pool[-1][0] >= candidates[0][0] / bound**length_penalty:
                return [tokens for _, tokens in pool]
    pool += [(score / max_length**length_penalty, tokens) for tokens, score in live]
    return [tokens for _, tokens in sorted(pool, key=lambda c: -c[0])[:N]]


def vllm(model, N, ends, max_length, length_penalty, prompt):
    """One end token, or none."""

    def rating(beam):
        tokens, score = beam
        ended = bool(tokens) and tokens[-1] in ends
        return score / (prompt + len(tokens) - ended) ** length_penalty

    live, completed = [((), 0.0)], []
    for _ in range(max_length):
        grown = []
        for tokens, score in live:
            logprobs = model.logprobs(tokens)
            for i in np.argsort(-logprobs, kind="stable")[:2 * N]:
                (completed if i in ends else grown).append((tokens + (int(i),), score + logprobs[i]))
        live = sorted(grown, key=rating, reverse=True)[:N]
    return [tokens for tokens, _ in sorted(completed + live, key=rating, reverse=True)[:N]]


def search(model, N, ends, max_length, length_penalty, **other):
    params = dict(
        seed=0, filters=rows.Params(), mode=beams.SEARCH, width=N, groups=1, diversity_penalty=np.float32(0),
        length_penalty=np.float32(length_penalty), length_counts=beams.LENGTH_GENERATED,
        early_stopping=beams.HEURISTIC, flags=0, prompt_length=0, min_length=0, max_length=max_length, results=N,
        end_tokens=ends,
    )  # fmt: skip
    request = beams.Search(beams.Params(**{**params, **other}))
    status = 0
    while not status & beams.DONE:
        live = {request.number(h, place): beam.tokens for h, group in enumerate(request.groups)
                for place, beam in enumerate(group.live)}  # fmt: skip
        status = request.step({number: model.logits(tokens) for number, tokens in live.items()})[-1]
    return [tuple(beam.tokens) for _, beam in request.results()]


def cases(most_ends, least_N=1):
    random = np.random.default_rng(most_ends)
    for seed in range(CASES):
        N = int(random.integers(least_N, 5))
        ends = sorted({int(end) for end in random.integers(0, V, int(random.integers(0, most_ends + 1)))})
        yield Model(seed, ends), N, ends, int(random.integers(1, 8)), float(random.choice([-1, 0, 0.5, 1, 3]))


@pytest.mark.parametrize("early_stopping, name", [(False, beams.HEURISTIC), (True, beams.YES), ("never", beams.NEVER)])
def test_hugging_face(early_stopping, name):
    for case in cases(2):
        theirs = hugging_face(*case, early_stopping)
        assert search(*case, early_stopping=name)[:len(theirs)] == theirs, case[1:]


@pytest.mark.parametrize("early_stopping, name", [(False, beams.HEURISTIC), (True, beams.YES), ("never", beams.NEVER)])
def test_hugging_face_groups(early_stopping, name):
    random = np.random.default_rng(3)
    for model, width, ends, max_length, length_penalty in cases(2):
        groups, diversity = int(random.integers(2, 4)), float(random.choice([0.25, 1, 100]))
        theirs = hugging_face_groups(model, width * groups, groups, ends, max_length, length_penalty, early_stopping,
                                     diversity)  # fmt: skip
        ours = search(model, width * groups, ends, max_length, length_penalty, groups=groups, early_stopping=name,
                      diversity_penalty=np.float32(diversity), flags=beams.STOP_BY_CANDIDATE)  # fmt: skip
        assert ours == [tokens for _, tokens in theirs], (groups, diversity, ends, max_length, length_penalty)


@pytest.mark.parametrize("early_stopping, name", [(0, beams.HEURISTIC), (1, beams.YES), (2, beams.NEVER)])
def test_tensorrt_llm(early_stopping, name):
    flags = beams.KEEP_LIVE | beams.STOP_BY_CANDIDATE
    for case in cases(1):
        ours = search(*case, early_stopping=name, flags=flags)
        assert ours == tensorrt_llm(*case, early_stopping), case[1:]


@pytest.mark.parametrize("prompt", [1, 30])
def test_vllm(prompt):
    flags = beams.KEEP_LIVE | beams.END_ANY_RANK | beams.LENGTH_WITHOUT_END
    for case in cases(1):
        ours = search(*case, early_stopping=beams.OFF, flags=flags, length_counts=beams.LENGTH_WITH_PROMPT,
                      prompt_length=prompt)  # fmt: skip
        assert ours == vllm(*case, prompt), case[1:]
