"""Beam search: the same sequences as transformers' own generate()."""

import warnings

import lmsample_transformers as lt
import models
import pytest
import torch
import transformers as hf

SETTINGS = {
    "two": dict(num_beams=2),
    "several": dict(num_beams=5, num_return_sequences=3),
    "all": dict(num_beams=4, num_return_sequences=4, eos_token_id=5),
    "one of several ends": dict(num_beams=3, eos_token_id=list(models.END)),
    "many ends": dict(num_beams=3, num_return_sequences=2, eos_token_id=list(range(20, 60))),
    "long": dict(num_beams=4, length_penalty=2.0, eos_token_id=list(range(20, 90))),
    "short": dict(num_beams=4, length_penalty=-1.0, eos_token_id=list(range(20, 90))),
    "not divided": dict(num_beams=4, length_penalty=0.0, eos_token_id=list(range(20, 90))),
    "early": dict(num_beams=4, early_stopping=True, eos_token_id=list(range(20, 90))),
    "never": dict(num_beams=4, early_stopping="never", eos_token_id=list(range(20, 90))),
    "never, short": dict(
        num_beams=4,
        early_stopping="never",
        length_penalty=-0.5,
        eos_token_id=list(range(20, 90)),
    ),
    "min length": dict(num_beams=3, min_new_tokens=6, eos_token_id=list(range(20, 90))),
    "both lengths": dict(
        num_beams=3, min_new_tokens=3, min_length=11, eos_token_id=list(range(20, 90))
    ),
}
# What transformers does the same way with renormalize_logits.
EDITED = {
    "repetition": dict(repetition_penalty=1.4),
    "ngrams": dict(no_repeat_ngram_size=2),
    "bad words": dict(bad_words_ids=[[309], [237, 237], [89, 37]]),
    "sequences": dict(sequence_bias=[[[309], -3.0], [[235, 309], 2.0]]),
    "suppressed": dict(suppress_tokens=[309, 237], begin_suppress_tokens=[446, 345]),
    "decay": dict(exponential_decay_length_penalty=(3, 1.3), eos_token_id=list(range(20, 60))),
    "forced": dict(forced_bos_token_id=33, forced_eos_token_id=44),
    "encoder ngrams": dict(encoder_no_repeat_ngram_size=2),
    "invalid": dict(remove_invalid_values=True, no_repeat_ngram_size=3),
    "encoder repetition": dict(encoder_repetition_penalty=1.6),
    "min length": dict(min_new_tokens=6, eos_token_id=list(range(20, 300))),
}


def both(model, inputs, **settings):
    settings = dict(max_new_tokens=14, do_sample=False) | settings
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        ours = model.generate(**inputs, **settings, custom_generate=lt.generate)
    return model.generate(**inputs, **settings), ours


@pytest.mark.parametrize("setting", SETTINGS)
def test_same_sequences(model, inputs, setting):
    theirs, ours = both(model, inputs, **SETTINGS[setting])
    assert torch.equal(theirs, ours)


@pytest.mark.parametrize("setting", EDITED)
def test_edited(model, inputs, setting):
    settings = dict(num_beams=3, num_return_sequences=2, renormalize_logits=True)
    theirs, ours = both(model, inputs, **settings, **EDITED[setting])
    assert torch.equal(theirs, ours)


def test_without_renormalizing(llama):
    """It says that it's not the same."""
    inputs = models.prompts("llama")
    with pytest.warns(UserWarning, match="renormalize_logits"):
        llama.generate(
            **inputs,
            num_beams=2,
            do_sample=False,
            no_repeat_ngram_size=2,
            max_new_tokens=3,
            custom_generate=lt.generate,
        )


def test_other_architectures(others):
    for name, model in others.items():
        theirs, ours = both(model, models.prompts(name), **SETTINGS["several"])
        assert torch.equal(theirs, ours), name


def test_many_prompts(llama):
    """Of different lengths, which end at different steps."""
    inputs = models.prompts("llama", rows=6, length=9)
    ends = list(range(100, 130))
    theirs, ours = both(
        llama, inputs, num_beams=6, num_return_sequences=2, eos_token_id=ends, max_new_tokens=30
    )
    assert torch.equal(theirs, ours)
    assert len({int((row != 0).sum()) for row in ours}) > 1


def test_without_cache(llama):
    theirs, ours = both(llama, models.prompts("llama"), num_beams=3, use_cache=False)
    assert torch.equal(theirs, ours)


def test_returned_dict(model, inputs):
    asked = dict(
        num_beams=3,
        num_return_sequences=2,
        eos_token_id=list(range(20, 60)),
        return_dict_in_generate=True,
        output_scores=True,
        output_logits=True,
        output_attentions=True,
        output_hidden_states=True,
    )
    theirs, ours = both(model, inputs, **asked)
    assert type(ours) is type(theirs) and set(ours) == set(theirs)
    assert torch.equal(ours.sequences, theirs.sequences)
    assert torch.equal(ours.beam_indices, theirs.beam_indices)
    torch.testing.assert_close(ours.sequences_scores, theirs.sequences_scores)
    # Rows of beams that do not go on are nobody's.
    parts = [
        model.compute_transition_scores(
            found.sequences, found.scores, found.beam_indices, normalize_logits=False
        )
        for found in (theirs, ours)
    ]
    torch.testing.assert_close(*parts)


def test_beam_sampling(llama):
    inputs = models.prompts("llama")
    asked = dict(num_beams=4, do_sample=True, top_k=30, temperature=0.9, max_new_tokens=8)

    def text(seed, **more):
        return llama.generate(
            **inputs, **asked, **more, custom_generate=lt.generate, lms_params={"seed": seed}
        )

    assert torch.equal(text(3), text(3)) and not torch.equal(text(3), text(4))
    seeds = [7, 8, 9, 10]
    whole = text(seeds)
    order = [2, 0, 3, 1]
    inputs = {name: value[order] for name, value in inputs.items()}
    assert torch.equal(text([seeds[row] for row in order]), whole[order])
    assert text(3, num_return_sequences=4).shape[0] == 16


def test_refusals(llama):
    inputs = models.prompts("llama")

    class Never(hf.StoppingCriteria):
        def __call__(self, input_ids, scores, **kwargs):
            return torch.zeros(len(input_ids), dtype=torch.bool)

    with pytest.raises(NotImplementedError, match="stopping_criteria has Never"):
        llama.generate(
            **inputs, num_beams=2, stopping_criteria=[Never()], custom_generate=lt.generate
        )
    with pytest.raises(ValueError, match="lms_params: must have seed alone"):
        llama.generate(
            **inputs, num_beams=2, custom_generate=lt.generate, lms_params={"top_k": 3}
        )
    with pytest.raises(ValueError, match="lms_mask: is for sampling, not for beam_search"):
        llama.generate(**inputs, num_beams=2, custom_generate=lt.generate, lms_mask=print)
