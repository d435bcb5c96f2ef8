"""Greedy search: the same sequences as transformers' own generate(), by all processors."""

import lmsample_transformers as lt
import models
import pytest
import torch
import transformers as hf

MANY = list(range(20, 480))
SETTINGS = {
    "nothing": {},
    "end tokens": dict(eos_token_id=list(models.END)),
    "repetition": dict(repetition_penalty=1.4),
    "less than one": dict(repetition_penalty=0.8),
    "ngrams": dict(no_repeat_ngram_size=2),
    "one token": dict(no_repeat_ngram_size=1),
    "encoder repetition": dict(encoder_repetition_penalty=1.7),
    "both repetitions": dict(encoder_repetition_penalty=1.7, repetition_penalty=1.2),
    # 235, 309 is in the prompts, and would be all that is written.
    "encoder ngrams": dict(
        encoder_no_repeat_ngram_size=2, sequence_bias=[[[235], 90.0], [[235, 309], 99.0]]
    ),
    "bad words": dict(bad_words_ids=[[309], [237, 237], [89, 37, 89], [5]], eos_token_id=5),
    "sequences": dict(
        sequence_bias=[[[309], -3.0], [[100], 2.5], [[235, 309], 2.0], [[309, 220], -4.0]]
    ),
    # Nearly all tokens end a text: it does as soon as it may.
    "min length": dict(min_length=11, eos_token_id=MANY),
    "min new tokens": dict(min_new_tokens=7, eos_token_id=MANY),
    "both": dict(min_new_tokens=3, min_length=12, eos_token_id=MANY),
    "forced": dict(forced_bos_token_id=33, forced_eos_token_id=44),
    "forced of several": dict(forced_eos_token_id=[44, 45], repetition_penalty=1.3),
    "decay": dict(exponential_decay_length_penalty=(3, 1.6), eos_token_id=list(models.END)),
    "suppressed": dict(suppress_tokens=[309, 237], begin_suppress_tokens=MANY),
    "invalid": dict(remove_invalid_values=True, repetition_penalty=1.2),
    "normalized": dict(renormalize_logits=True, repetition_penalty=1.2),
    "all": dict(
        repetition_penalty=1.3,
        no_repeat_ngram_size=3,
        encoder_no_repeat_ngram_size=3,
        bad_words_ids=[[7], [8, 9]],
        sequence_bias=[[[100], 1.5], [[101, 102], -1.0]],
        min_new_tokens=4,
        exponential_decay_length_penalty=(6, 1.2),
        suppress_tokens=[77],
        begin_suppress_tokens=[78],
        eos_token_id=list(models.END),
    ),
}


def both(model, inputs, **settings):
    settings = dict(max_new_tokens=16, do_sample=False) | settings
    return model.generate(**inputs, **settings), model.generate(
        **inputs, **settings, custom_generate=lt.generate
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_same_sequences(model, inputs, setting):
    theirs, ours = both(model, inputs, **SETTINGS[setting])
    assert torch.equal(theirs, ours)


def test_settings_matter(llama):
    """Each of them, in at least one of the models, changes a sequence: else they test nothing."""
    plain = both(llama, models.prompts("llama"))[0]
    unseen = {
        setting
        for setting, values in SETTINGS.items()
        if torch.equal(plain, both(llama, models.prompts("llama"), **values)[0])
    }
    assert unseen <= {"nothing", "forced"}, unseen


def test_other_architectures(others):
    for name, model in others.items():
        for setting in ("nothing", "repetition", "all"):
            theirs, ours = both(model, models.prompts(name), **SETTINGS[setting])
            assert torch.equal(theirs, ours), (name, setting)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    """Logits are read in the type that they have."""
    model = models.model_of("llama").to(dtype)
    theirs, ours = both(model, models.prompts("llama"))
    assert torch.equal(theirs, ours)


def test_without_cache(llama):
    theirs, ours = both(llama, models.prompts("llama"), use_cache=False)
    assert torch.equal(theirs, ours)


def test_static_cache(llama):
    theirs, ours = both(llama, models.prompts("llama"), cache_implementation="static")
    assert torch.equal(theirs, ours)


@pytest.mark.parametrize("given", ["whole", "rest"])
def test_goes_on_from_a_cache(llama, given):
    inputs = models.prompts("llama", pads=False)
    ids, kept = inputs["input_ids"], []
    for own in (None, lt.generate):
        cache = hf.DynamicCache(config=llama.config)
        begin = llama.generate(
            ids, max_new_tokens=4, do_sample=False, past_key_values=cache, custom_generate=own
        )
        more = torch.cat([begin, ids[:, :3]], dim=1)
        mask = torch.ones_like(more)
        part = more if given == "whole" else more[:, cache.get_seq_length() :]
        if given == "rest":
            mask[0, 0] = 0  # else transformers itself can't tell
        kept.append(
            llama.generate(
                part,
                attention_mask=mask,
                max_new_tokens=5,
                do_sample=False,
                past_key_values=cache,
                custom_generate=own,
            )
        )
    assert torch.equal(*kept)


@pytest.mark.parametrize("penalty", [0.5, 1.7])
def test_encoder_repetition(model, name, penalty):
    """Of the prompt alone, in lmsample's pass where it has no padding."""
    inputs = models.prompts(name, pads=False)
    theirs, ours = both(model, inputs, encoder_repetition_penalty=penalty, max_new_tokens=30)
    assert torch.equal(theirs, ours)


def test_padding_is_not_counted(llama):
    """Also where it is a token that is likely."""
    inputs = models.prompts("llama")
    plain = both(llama, inputs)[0]
    likely = int(plain[3, 7])
    ids = torch.where(inputs["attention_mask"] == 0, likely, inputs["input_ids"])
    inputs = dict(inputs, input_ids=ids)
    theirs, ours = both(llama, inputs, repetition_penalty=3.0, pad_token_id=likely)
    assert torch.equal(theirs, ours) and theirs[3, 7] == likely


def test_guidance(llama):
    negative = torch.randint(20, models.V, (4, 3), generator=torch.Generator().manual_seed(3))
    for more in ({}, dict(negative_prompt_ids=negative, repetition_penalty=1.2)):
        theirs, ours = both(llama, models.prompts("llama"), guidance_scale=1.8, **more)
        assert torch.equal(theirs, ours)
    assert not torch.equal(theirs, both(llama, models.prompts("llama"))[0])


def test_prefix(llama):
    """prefix_allowed_tokens_fn stays transformers', and is obeyed; lms_mask does the same."""

    def allowed(row, tokens):
        return [token for token in range(20, 200) if (token + row + len(tokens)) % 3]

    def mask(input_ids):
        rows = torch.zeros((len(input_ids), models.V), dtype=torch.bool)
        for row, tokens in enumerate(input_ids):
            rows[row, allowed(row, tokens)] = True
        return rows

    inputs = models.prompts("llama")
    theirs, ours = both(llama, inputs, prefix_allowed_tokens_fn=allowed)
    assert torch.equal(theirs, ours)
    masked = llama.generate(
        **inputs, max_new_tokens=16, do_sample=False, custom_generate=lt.generate, lms_mask=mask
    )
    assert torch.equal(theirs, masked)


def test_own_processors(llama):
    """A processor of the caller's comes behind transformers' own, which then stay, too."""

    class Halved(hf.LogitsProcessor):
        def __call__(self, input_ids, scores):
            return torch.where(torch.arange(scores.shape[1]) % 2 == 0, scores / 2, scores)

    theirs, ours = both(
        llama,
        models.prompts("llama"),
        logits_processor=hf.LogitsProcessorList([Halved()]),
        repetition_penalty=1.4,
    )
    assert torch.equal(theirs, ours)


def test_stop_strings_and_criteria(llama):
    class Long(hf.StoppingCriteria):
        """Each row at another length."""

        def __call__(self, input_ids, scores, **kwargs):
            return torch.tensor(
                [input_ids.shape[1] >= 9 + row for row in range(len(input_ids))]
            )

    for ends in (None, list(models.END)):
        theirs, ours = both(
            llama, models.prompts("llama"), stopping_criteria=[Long()], eos_token_id=ends
        )
        assert torch.equal(theirs, ours)
