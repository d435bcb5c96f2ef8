"""Sampling: from transformers' distributions, by each row's own parameters and seed."""

import lmsample
import lmsample_transformers as lt
import models
import numpy as np
import pytest
import torch
import transformers as hf

WARPERS = {
    "temperature": dict(temperature=0.7),
    "top-k": dict(top_k=9, temperature=1.3),
    "top-p": dict(top_p=0.8, temperature=0.9),
    "k and p": dict(top_k=20, top_p=0.7),
    "min-p": dict(min_p=0.08, temperature=1.4),
    "all": dict(top_k=30, top_p=0.9, min_p=0.02, temperature=0.8, repetition_penalty=1.2),
    "typical": dict(typical_p=0.6, temperature=0.8),
    "epsilon": dict(epsilon_cutoff=0.02),
    "eta": dict(eta_cutoff=0.05),
    "top-h": dict(top_h=0.5, top_p=0.9),
}


def scores_of(model, inputs, **settings):
    """By transformers: what is drawn from behind the prompt, [rows, vocabulary]."""
    found = model.generate(
        **inputs,
        **settings,
        max_new_tokens=1,
        do_sample=True,
        return_dict_in_generate=True,
        output_scores=True,
    )
    return found.scores[0].softmax(-1).double().numpy()


def draws_of(model, inputs, count, **settings):
    """`count` first tokens of one prompt."""
    some = 512
    return np.concatenate(
        [
            model.generate(
                **inputs,
                **settings,
                max_new_tokens=1,
                do_sample=True,
                num_return_sequences=some,
                custom_generate=lt.generate,
                lms_params={"seed": begin},
            )[:, -1].numpy()
            for begin in range(count // some)
        ]
    )


@pytest.mark.parametrize("setting", WARPERS)
def test_distribution(llama, setting):
    settings = {"top_k": 0} | WARPERS[setting]
    inputs = {name: value[:1] for name, value in models.prompts("llama").items()}
    expected = scores_of(llama, inputs, **settings)[0]
    draws = draws_of(llama, inputs, 4096, **settings)
    counts = np.bincount(draws, minlength=models.V)
    assert not counts[expected == 0].any()  # nothing that transformers bans
    # Bins of at least 8 expected draws, and one of the rest.
    order = np.argsort(-expected)
    large = order[expected[order] * len(draws) >= 8]
    found = np.append(counts[large], counts.sum() - counts[large].sum())
    wanted = np.append(expected[large], 1 - expected[large].sum()) * len(draws)
    keep = wanted > 1e-6
    chi = ((found - wanted)[keep] ** 2 / wanted[keep]).sum()
    freedom = max(keep.sum() - 1, 1)
    # Wilson and Hilferty: about normal. One in 30,000 is above 4.
    z = ((chi / freedom) ** (1 / 3) - 1 + 2 / (9 * freedom)) / np.sqrt(2 / (9 * freedom))
    assert z < 4, (chi, freedom)


def sampled(model, inputs, **more):
    return model.generate(
        **inputs,
        **({"max_new_tokens": 10, "do_sample": True} | more),
        custom_generate=lt.generate,
    )


def test_a_manual_seed_names_the_draws(model, inputs):
    texts = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        texts.append(sampled(model, inputs))
    assert torch.equal(texts[0], texts[1]) and not torch.equal(texts[0], texts[2])


def test_each_prompt_has_its_own(llama):
    """Parameters and seeds, and none has an influence on another row."""
    inputs = models.prompts("llama", pads=False)
    params = dict(
        temperature=[0.0, 0.8, 1.2, 1.0],
        top_k=[0, 50, 0, 5],
        top_p=[1, 0.9, 0.95, 1],
        min_p=[0, 0, 0.05, 0],
        seed=[1, 2, 3, 2**64 - 1],
    )
    whole = sampled(llama, inputs, lms_params=params)
    greedy = llama.generate(**inputs, max_new_tokens=10, do_sample=False)
    assert torch.equal(whole[0], greedy[0]) and not torch.equal(whole[1], greedy[1])
    for order in ([3, 1, 0, 2], [2], [1, 1]):
        some = {name: value[order] for name, value in inputs.items()}
        picked = {name: [value[row] for row in order] for name, value in params.items()}
        assert torch.equal(sampled(llama, some, lms_params=picked), whole[order])


def test_tokens_are_lmsamples(llama):
    """The same as from the logits of one pass over what was written."""
    inputs = models.prompts("llama", pads=False)
    params = dict(temperature=[0.5, 0.8, 1.2, 1.0], top_p=0.9, seed=[1, 2, 3, 4])
    text = sampled(llama, inputs, lms_params=params)
    with torch.no_grad():
        logits = llama(text).logits
    begin, same = inputs["input_ids"].shape[1], 0
    for step in range(10):
        tokens = lmsample.sample(
            logits[:, begin + step - 1], step=step, preset="hugging-face", top_k=50, **params
        )
        same += int((torch.as_tensor(tokens) == text[:, begin + step]).sum())
    assert same >= 39  # of 40: a pass over all has other last bits


def test_several_sequences(llama):
    inputs = models.prompts("llama")
    text = sampled(llama, inputs, num_return_sequences=3, lms_params={"seed": [5, 6, 7, 8]})
    assert text.shape[0] == 12 and len({tuple(row) for row in text.tolist()}) == 12
    seeds = [lmsample.row_seed(6, number) for number in range(3)]
    one = {name: value[[1, 1, 1]] for name, value in inputs.items()}
    assert torch.equal(sampled(llama, one, lms_params={"seed": seeds}), text[3:6])


def test_edits_of_each_prompt(llama):
    inputs = models.prompts("llama")
    plain = sampled(llama, inputs, lms_params={"seed": 4, "temperature": 0})
    edits = [None, lmsample.Edits(banned=[int(plain[1, 7])]), None, lmsample.Edits(forced=99)]
    text = sampled(llama, inputs, lms_params={"seed": 4, "temperature": 0, "edits": edits})
    assert torch.equal(text[[0, 2]], plain[[0, 2]])
    assert text[1, 7] != plain[1, 7] and (text[3, 7:] == 99).all()
    # transformers' processors come first, then.
    both = dict(
        lms_params={"seed": 4, "temperature": 0, "edits": edits}, repetition_penalty=1.5
    )
    again = sampled(llama, inputs, **both)
    theirs = llama.generate(
        **inputs, max_new_tokens=10, do_sample=False, repetition_penalty=1.5
    )
    assert torch.equal(again[[0, 2]], theirs[[0, 2]])


def test_finished_rows_are_padded(llama):
    inputs = models.prompts("llama")
    text = sampled(llama, inputs, lms_params={"seed": 3}, max_new_tokens=12)
    ends = [int(text[0, 9]), int(text[2, 12])]
    again = sampled(llama, inputs, lms_params={"seed": 3}, max_new_tokens=12, eos_token_id=ends)
    for row, short in zip(text.tolist(), again.tolist()):
        first = next((i for i in range(7, len(row)) if row[i] in ends), len(row) - 1)
        assert short[: first + 1] == row[: first + 1]
        assert set(short[first + 1 :]) <= {0}


def test_returned_dict(model, inputs):
    """Scores are transformers' own, and greedy ones are the same as theirs."""
    asked = dict(
        max_new_tokens=6,
        do_sample=False,
        return_dict_in_generate=True,
        output_scores=True,
        output_logits=True,
        output_attentions=True,
        output_hidden_states=True,
        repetition_penalty=1.3,
    )
    theirs = model.generate(**inputs, **asked)
    ours = model.generate(**inputs, **asked, custom_generate=lt.generate)
    assert type(ours) is type(theirs) and set(ours) == set(theirs)
    assert torch.equal(ours.sequences, theirs.sequences)
    for name in ("scores", "logits"):
        for a, b in zip(ours[name], theirs[name]):
            assert torch.equal(a, b)
    for name in ours:
        if "attentions" in name or "hidden" in name:
            assert len(ours[name]) == len(theirs[name])
    # Sampled tokens are of those that the scores leave.
    asked.update(do_sample=True, top_k=4)
    drawn = model.generate(**inputs, **asked, custom_generate=lt.generate)
    for step, scores in enumerate(drawn.scores):
        tokens = drawn.sequences[:, step - 6]
        assert torch.isfinite(scores.gather(1, tokens[:, None])).all()


def test_streamer(llama):
    class Kept(hf.generation.streamers.BaseStreamer):
        def __init__(self):
            self.parts, self.is_ended = [], False

        def put(self, value):
            self.parts.append(value)

        def end(self):
            self.is_ended = True

    inputs = {name: value[:1] for name, value in models.prompts("llama").items()}
    streamer = Kept()
    text = sampled(llama, inputs, lms_streamer=streamer)
    assert streamer.is_ended
    assert torch.equal(torch.cat([streamer.parts[0][0], *streamer.parts[1:]]), text[0])


def test_refusals(llama):
    inputs = models.prompts("llama")
    with pytest.raises(ValueError, match="lms_params: has 'top_q', must be of temperature"):
        sampled(llama, inputs, lms_params={"top_q": 1})
    with pytest.raises(
        ValueError, match="top_k has 3 values, must have one, or one for each of 4"
    ):
        sampled(llama, inputs, lms_params={"top_k": [1, 2, 3]})
    with pytest.raises(ValueError, match="top_p"):
        sampled(llama, inputs, lms_params={"top_p": 1.5})
    with pytest.raises(ValueError, match="row 0: has no token that may be drawn"):
        sampled(llama, inputs, lms_mask=lambda ids: torch.zeros(4, models.V, dtype=torch.bool))
    with pytest.raises(NotImplementedError, match="assisted_generation"):
        sampled(llama, inputs, prompt_lookup_num_tokens=3)


def test_no_private_names():
    """What begins with _ is transformers' to change."""
    import pathlib
    import re

    for path in pathlib.Path(lt.__file__).parent.glob("*.py"):
        for name in re.findall(
            r"\b(?:model|config|processor|outputs|cache|criteria|hf)\._\w+", path.read_text()
        ):
            raise AssertionError((path.name, name))
