"""Hugging Face's logits processors (transformers/generation/logits_process.py), as installed."""

import types

import numpy as np
import torch
import transformers
from compare import V, edited, histories, lengths, lmsample, random_rows, random_tokens, same
from lmsample import Edits
from transformers.generation import logits_process as theirs

VERSION = f"transformers {transformers.__version__}"
END = [7, V - 1, 7]  # one of them twice
FACTOR = float(np.float32(1.1))  # they have doubles, and raise them to the 400th power


def setting(random, case):
    """Rows, prompts, outputs, and both one behind the other, as their processors have them."""
    p, o = lengths(random, case)
    prompt, output = random_tokens(random, p), random_tokens(random, o)
    return random_rows(random), prompt, output, torch.tensor(np.concatenate([prompt, output], 1))


def held(x, prompt, output, processors, edits, ids, scale=None, ulps=4):
    chain = theirs.LogitsProcessorList(processors)
    expected = chain(ids.long(), torch.from_numpy(x.copy())).numpy()
    same(edited(x, edits=edits, history=histories(prompt, output)), expected, scale, ulps)


def case_repetition(random, case):
    """RepetitionPenaltyLogitsProcessor"""
    x, prompt, output, ids = setting(random, case)
    penalty = float(random.choice([0.7, 1.05, 1.3, 2.0]))
    edits = Edits(repetition=penalty, preset="hugging-face")
    held(x, prompt, output, [theirs.RepetitionPenaltyLogitsProcessor(penalty)], edits, ids)


def case_repetition_that_ignores_the_prompt(random, case):
    """RepetitionPenaltyLogitsProcessor(prompt_ignore_length=): a flag for all of the prompt, else
    the window of what is left"""
    x, prompt, output, ids = setting(random, case)
    p, length = prompt.shape[1], ids.shape[1]
    processor = theirs.RepetitionPenaltyLogitsProcessor(1.3, prompt_ignore_length=p)
    held(x, prompt, output, [processor],
         Edits(repetition=1.3, preset=lmsample.REPETITION_NOT_PROMPT), ids)  # fmt: skip
    ignored = p // 2
    processor = theirs.RepetitionPenaltyLogitsProcessor(1.3, prompt_ignore_length=ignored)
    held(x, prompt, output, [processor], Edits(repetition=1.3, window=length - ignored), ids)


def case_encoder_repetition(random, case):
    """EncoderRepetitionPenaltyLogitsProcessor: by a slot that has the encoder's tokens as prompt"""
    x = random_rows(random)
    encoder = random_tokens(random, 12)
    processor = theirs.EncoderRepetitionPenaltyLogitsProcessor(1.6, torch.tensor(encoder).long())
    expected = processor(None, torch.from_numpy(x.copy())).numpy()
    edits = Edits(repetition=1 / 1.6, preset=lmsample.REPETITION_NOT_OUTPUT)
    same(edited(x, edits=edits, history=histories(encoder, random_tokens(random, case))), expected)


def case_no_repeat_ngram(random, case):
    """NoRepeatNGramLogitsProcessor, of one token, and longer than the history"""
    x, prompt, output, ids = setting(random, case)
    for n in (1, 2, 3, ids.shape[1] or 1, ids.shape[1] + 1, ids.shape[1] + 2):
        held(x, prompt, output, [theirs.NoRepeatNGramLogitsProcessor(n)], Edits(ngram=n), ids)


def case_encoder_no_repeat_ngram(random, case):
    """EncoderNoRepeatNGramLogitsProcessor"""
    x, prompt, output, ids = setting(random, case)
    encoder = random_tokens(random, int(random.integers(1, 60)), 1)[0]
    for n in (1, 2, 3, len(encoder), len(encoder) + 1):
        processor = theirs.EncoderNoRepeatNGramLogitsProcessor(n, torch.tensor(encoder))
        held(x, prompt, output, [processor], Edits(encoder_ngram=n, encoder=encoder), ids)


def sequences(random, ids):
    """Some that match a row, of some lengths, and longer than the history."""
    made = {}
    for _ in range(8):
        row = random.choice(ids.numpy()) if ids.shape[1] else np.zeros(0, int)
        n = int(random.integers(0, min(4, len(row)) + 1))
        tail = row[len(row) - n:].tolist()
        made[tuple([*tail, int(random.integers(0, V))])] = float(random.choice([-2.5, 1.25, 4.0]))
    made[tuple([8] * (ids.shape[1] + 2) + [9])] = 8.0  # longer than the history
    made[V - 1,] = -0.75
    return made


def case_sequence_bias(random, case):
    """SequenceBiasLogitsProcessor"""
    x, prompt, output, ids = setting(random, case)
    biases = sequences(random, ids)
    processor = theirs.SequenceBiasLogitsProcessor(biases)
    held(x, prompt, output, [processor], Edits(sequence_bias=biases), ids, scale=32)


def case_bad_words(random, case):
    """NoBadWordsLogitsProcessor: it leaves end tokens out that are there by themselves"""
    x, prompt, output, ids = setting(random, case)
    words = [list(s) for s in sequences(random, ids)] + [[END[0]]]
    some = [word for word in words if word not in ([END[0]], [V - 1])]
    held(x, prompt, output, [theirs.NoBadWordsLogitsProcessor(words, eos_token_id=[7, V - 1])],
         Edits(bad_words=some, preset="hugging-face"), ids)  # fmt: skip
    held(x, prompt, output, [theirs.NoBadWordsLogitsProcessor(words)],
         Edits(bad_words=words, preset="hugging-face"), ids)  # fmt: skip


def case_least_lengths(random, case):
    """MinLengthLogitsProcessor (here less the prompt), MinNewTokensLengthLogitsProcessor"""
    x, prompt, output, ids = setting(random, case)
    p, length = prompt.shape[1], ids.shape[1]
    for least in (0, length, length + 1):
        edits = Edits(end_tokens=END, min_tokens=max(least - p, 0))
        held(x, prompt, output, [theirs.MinLengthLogitsProcessor(least, END)], edits, ids)
    for least in (0, length - p, length - p + 1):
        processor = theirs.MinNewTokensLengthLogitsProcessor(p, least, END)
        held(x, prompt, output, [processor], Edits(end_tokens=END, min_tokens=least), ids)


def case_forced(random, case):
    """ForcedBOSTokenLogitsProcessor, ForcedEOSTokenLogitsProcessor, whatever comes before"""
    x, prompt, output, ids = setting(random, case)
    length = ids.shape[1]
    for processor, is_now in (
        (theirs.ForcedBOSTokenLogitsProcessor(9), length == 1),
        (theirs.ForcedEOSTokenLogitsProcessor(length + 1, 9), True),
        (theirs.ForcedEOSTokenLogitsProcessor(length + 2, 9), False),
    ):
        before = theirs.SuppressTokensLogitsProcessor([9, 10])
        edits = Edits(banned=[9, 10], forced=9 if is_now else None)
        held(x, prompt, output, [before, processor], edits, ids)


def case_suppressed(random, case):
    """SuppressTokensLogitsProcessor, SuppressTokensAtBeginLogitsProcessor"""
    x, prompt, output, ids = setting(random, case)
    tokens = [0, 3, 3, V - 1]
    held(x, prompt, output, [theirs.SuppressTokensLogitsProcessor(tokens)], Edits(banned=tokens), ids)
    begin = theirs.SuppressTokensAtBeginLogitsProcessor(tokens, prompt.shape[1])
    is_begin = output.shape[1] == 0
    held(x, prompt, output, [begin], Edits(banned=tokens if is_begin else None), ids)


def case_exponential_decay(random, case):
    """ExponentialDecayLengthPenalty, with a start in the past, now, and in the future"""
    x, prompt, output, ids = setting(random, case)
    p, generated = prompt.shape[1], output.shape[1]
    for start in (0, max(generated - 1, 0), generated, generated + 1):
        factor = float(np.float32(random.choice([1.0, 1.01, 1.1])))
        processor = theirs.ExponentialDecayLengthPenalty((start, factor), END, p)
        edits = Edits(end_tokens=END, decay_start=start, decay_factor=factor)
        # A power of n is n - 1 products. What is added may cancel the logit nearly.
        rounds = max(8, generated - start)
        held(x, prompt, output, [processor], edits, ids, 3 * np.abs(x), rounds)


def finite(x):
    """Guidance of -inf and -inf is NaN there, and -inf here."""
    return np.where(np.isinf(x), np.float32(-9), x)


def case_guidance_of_logits(random, case):
    """ClassifierFreeGuidanceLogitsProcessor"""
    x = finite(random_rows(random, 8))
    guidance = float(random.choice([1.5, 3.0, 7.5]))
    processor = theirs.ClassifierFreeGuidanceLogitsProcessor(guidance)
    expected = processor(torch.zeros(4, 1), torch.from_numpy(x)).numpy()
    found = edited(x, edits=Edits(guidance=guidance), unconditional=np.arange(4, 8),
                   history=[None] * 4)  # fmt: skip
    same(found, expected, scale=64)


def case_guidance_of_log_probabilities(random, case):
    """UnbatchedClassifierFreeGuidanceLogitsProcessor"""
    x = finite(random_rows(random, 8))
    guidance = float(random.choice([0.5, 1.5, 7.5]))

    def model(*_, **__):
        out = {"cache": None}
        return types.SimpleNamespace(logits=torch.from_numpy(x[4:, None]), get=out.get)

    processor = theirs.UnbatchedClassifierFreeGuidanceLogitsProcessor(guidance, model)
    expected = processor(torch.zeros(4, 1).long(), torch.from_numpy(x[:4])).numpy()
    edits = Edits(guidance=guidance, preset="hugging-face")
    found = edited(x, edits=edits, unconditional=np.arange(4, 8), history=[None] * 4)
    same(found, expected, scale=64)


def case_prefix_constrained(random, case):
    """PrefixConstrainedLogitsProcessor"""
    x, prompt, output, ids = setting(random, case)
    allowed = [list(map(int, random.integers(0, V, 5))) + [V - 1] for _ in x]
    processor = theirs.PrefixConstrainedLogitsProcessor(lambda row, _: allowed[row], 1)
    held(x, prompt, output, [processor], [Edits(allowed=some) for some in allowed], ids)


def case_all_of_them(random, case):
    """guidance, sequence bias, repetition, n-grams, bad words, least length, allowed ones, decay and
    suppressed ones in the order of generate()"""
    _, prompt, output, ids = setting(random, case)
    x = finite(random_rows(random, 8))
    biases, p = sequences(random, ids), prompt.shape[1]
    words = [list(s) for s in sequences(random, ids)]
    encoder = random_tokens(random, 9, 1)[0]
    allowed = sorted(set(range(V)) - set(map(int, random.integers(0, V - 1, 20))))
    processors = [
        theirs.ClassifierFreeGuidanceLogitsProcessor(1.75),
        theirs.SequenceBiasLogitsProcessor(biases),
        theirs.RepetitionPenaltyLogitsProcessor(1.2),
        theirs.NoRepeatNGramLogitsProcessor(3),
        theirs.EncoderNoRepeatNGramLogitsProcessor(2, torch.tensor(encoder)),
        theirs.NoBadWordsLogitsProcessor(words),
        theirs.MinNewTokensLengthLogitsProcessor(p, 20, [7]),
        theirs.PrefixConstrainedLogitsProcessor(lambda *_: allowed, 1),
        theirs.ExponentialDecayLengthPenalty((2, FACTOR), [7], p),
        theirs.SuppressTokensLogitsProcessor([11, 12]),
    ]
    edits = Edits(
        guidance=1.75, sequence_bias=biases, repetition=1.2, ngram=3, encoder_ngram=2,
        encoder=encoder, bad_words=words, end_tokens=[7], min_tokens=20, allowed=allowed,
        decay_start=2, decay_factor=FACTOR, banned=[11, 12], preset=lmsample.BAD_WORDS_PROMPT,
    )  # fmt: skip
    expected = theirs.LogitsProcessorList(processors)(ids.long(), torch.from_numpy(x)).numpy()
    found = edited(x, edits=edits, unconditional=np.arange(4, 8), history=histories(prompt, output))
    same(found, expected, scale=64, ulps=512)


def case_scores(random, case):
    """output_scores of penalties, TemperatureLogitsWarper and TopKLogitsWarper, made
    log-probabilities; ranks and the best ones of the row with penalties alone"""
    x, prompt, output, ids = setting(random, case)
    penalty = theirs.RepetitionPenaltyLogitsProcessor(1.3)
    cut = [theirs.TemperatureLogitsWarper(0.7), theirs.TopKLogitsWarper(20)]
    penalized = penalty(ids.long(), torch.from_numpy(x.copy()))
    scores = theirs.LogitsProcessorList(cut)(ids.long(), penalized.clone()).log_softmax(-1).numpy()
    ours = lmsample.sample(
        x, edits=Edits(repetition=1.3), history=histories(prompt, output), temperature=0.7,
        top_k=20, preset="hugging-face", seed=case, top_logprobs=5, logprobs_of="edited",
        outputs=("logprobs", "edited_logprobs", "ranks"),
    )  # fmt: skip
    row, penalized = np.arange(len(x)), penalized.numpy()
    same(ours.logprobs, scores[row, ours.tokens], scale=8)
    edited_logprobs = torch.from_numpy(penalized).log_softmax(-1)
    same(ours.edited_logprobs, edited_logprobs.numpy()[row, ours.tokens], scale=8)
    same(ours.top_logprobs, edited_logprobs.topk(5).values.numpy(), scale=8)
    at_least = (penalized >= penalized[row, ours.tokens][:, None]).sum(1)
    np.testing.assert_array_equal(ours.ranks, at_least)


def case_what_differs(random, case):
    """where nothing is left, infinities in guidance, several forced ones: as the page says"""
    x = random_rows(random, 1)
    none = np.flatnonzero(np.isneginf(x[0]))
    nothing = theirs.PrefixConstrainedLogitsProcessor(lambda *_: none, 1)
    assert (nothing(torch.zeros(1, 1), torch.from_numpy(x.copy()))[0, none] == 0).all()
    assert lmsample.sample(x, edits=Edits(allowed=none), outputs=()).status[0] == lmsample.ROW_EMPTY
    both = np.concatenate([x, x / 2])
    guided = theirs.ClassifierFreeGuidanceLogitsProcessor(2.0)
    assert guided(torch.zeros(1, 1), torch.from_numpy(both.copy()))[0, none].isnan().all()
    found = edited(both, edits=Edits(guidance=2.0), unconditional=[1], history=[None])
    assert np.isneginf(found[0, none]).all()
    ends = theirs.ForcedEOSTokenLogitsProcessor(1, [7, 8])(torch.zeros(1, 0), torch.from_numpy(x))
    assert (ends[0, [7, 8]] == 0).all()
