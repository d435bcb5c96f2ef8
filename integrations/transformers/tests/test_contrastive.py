"""Contrastive search: the sequences of the paper's formula, computed without a cache."""

import lmsample_transformers as lt
import models
import pytest
import torch


def reference(model, inputs, alpha, k, steps, processors=()):
    """One prompt at a time, without padding, all of it anew for each candidate."""
    is_decoder = not model.config.is_encoder_decoder
    texts = []
    for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"]):
        begin = ids[mask == 1][None]
        text = begin if is_decoder else torch.zeros((1, 1), dtype=torch.int64)

        def outputs(tokens):
            more = dict(input_ids=tokens)
            if not is_decoder:
                more = dict(input_ids=begin.expand(len(tokens), -1), decoder_input_ids=tokens)
            with torch.no_grad():
                found = model(**more, output_hidden_states=True)
            states = found.hidden_states if is_decoder else found.decoder_hidden_states
            return found.logits[:, -1], states[-1].double()

        for _ in range(steps):
            logits, context = outputs(text)
            for processor in processors:
                logits = processor(text, logits)
            probs, tokens = logits.double().softmax(-1)[0].topk(k)
            tried = torch.cat([text.expand(k, -1), tokens[:, None]], dim=1)
            states = outputs(tried)[1][:, -1]
            near = torch.nn.functional.cosine_similarity(states[:, None], context, dim=-1)
            scores = (1 - alpha) * probs - alpha * near.max(dim=1).values
            text = tried[scores.argmax()][None]
        texts.append(text[0, -steps:])
    return torch.stack(texts)


def ours(model, inputs, alpha, k, steps, **more):
    return model.generate(
        **inputs, penalty_alpha=alpha, top_k=k, max_new_tokens=steps, do_sample=False,
        custom_generate=lt.generate, **more,
    )  # fmt: skip


@pytest.mark.parametrize("alpha, k", [(0.6, 4), (0.3, 8), (0.95, 3)])
def test_the_papers_sequences(model, inputs, alpha, k):
    found = ours(model, inputs, alpha, k, 10)
    assert torch.equal(found[:, -10:], reference(model, inputs, alpha, k, 10))


def test_it_is_not_greedy(llama):
    inputs = models.prompts("llama")
    greedy = llama.generate(**inputs, max_new_tokens=10, do_sample=False)
    assert not torch.equal(greedy, ours(llama, inputs, 0.6, 4, 10))


def test_other_architectures(others):
    """One keeps states in the place of keys and values."""
    for name, model in others.items():
        inputs = models.prompts(name)
        found = ours(model, inputs, 0.6, 4, 8)
        assert torch.equal(found[:, -8:], reference(model, inputs, 0.6, 4, 8)), name


def test_processors(llama):
    """They see logits before candidates are chosen, as transformers had it."""
    import transformers as hf

    # Little of a penalty, so that tokens would come again.
    inputs = models.prompts("llama")
    plain = ours(llama, inputs, 0.02, 4, 10)[:, -10:]
    assert any(len(set(row)) < 10 for row in plain.tolist())
    settings = dict(repetition_penalty=1.5, no_repeat_ngram_size=2)
    made = [hf.RepetitionPenaltyLogitsProcessor(1.5), hf.NoRepeatNGramLogitsProcessor(2)]
    expected = reference(llama, inputs, 0.02, 4, 10, made)
    assert torch.equal(ours(llama, inputs, 0.02, 4, 10, **settings)[:, -10:], expected)
    # Those that stay do the same.
    found = ours(
        llama, inputs, 0.02, 4, 10, **settings, return_dict_in_generate=True, output_scores=True
    )
    assert torch.equal(found.sequences[:, -10:], expected) and len(found.scores) == 10


def test_end_tokens(model, inputs):
    plain = ours(model, inputs, 0.6, 4, 10)
    end = int(plain[1, -6])
    found = ours(model, inputs, 0.6, 4, 10, eos_token_id=end)
    for row, short in zip(plain[:, -10:].tolist(), found[:, -10:].tolist()):
        stop = row.index(end) + 1 if end in row else 10
        assert short[:stop] == row[:stop] and set(short[stop:]) <= {0}


def test_refusals(llama):
    inputs = models.prompts("llama")
    with pytest.raises(NotImplementedError, match="needs use_cache=True"):
        ours(llama, inputs, 0.6, 4, 3, use_cache=False)
    with pytest.raises(ValueError, match="lms_params: must be none"):
        ours(llama, inputs, 0.6, 4, 3, lms_params={"seed": 3})
    with pytest.raises(NotImplementedError, match="output_attentions"):
        ours(llama, inputs, 0.6, 4, 3, return_dict_in_generate=True, output_attentions=True)
