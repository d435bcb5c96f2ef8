"""Which processors lmsample's pass takes, and which stay; README's table says the same."""

import lmsample_transformers as lt
import models
import pytest
import transformers as hf
from lmsample_transformers import _processors, _sampling
from test_greedy import SETTINGS
from test_sampling import WARPERS

# What stays, by kind of model; all else is taken whole.
_NGRAM = "NoRepeatNGramLogitsProcessor"
STAY = {
    "llama": {
        "one token": [_NGRAM],  # of padded prompts
        "encoder repetition": ["EncoderRepetitionPenaltyLogitsProcessor"],  # of padded prompts
        "both repetitions": ["EncoderRepetitionPenaltyLogitsProcessor"],
        "forced of several": [
            "RepetitionPenaltyLogitsProcessor",
            "ForcedEOSTokenLogitsProcessor",
        ],
        "invalid": ["RepetitionPenaltyLogitsProcessor", "InfNanRemoveLogitsProcessor"],
    },
    "t5": {
        "encoder repetition": ["EncoderRepetitionPenaltyLogitsProcessor"],
        "both repetitions": ["EncoderRepetitionPenaltyLogitsProcessor"],
        "forced of several": [
            "RepetitionPenaltyLogitsProcessor",
            "ForcedEOSTokenLogitsProcessor",
        ],
        "invalid": ["RepetitionPenaltyLogitsProcessor", "InfNanRemoveLogitsProcessor"],
    },
}
WARPERS_STAY = {
    "typical": ["TemperatureLogitsWarper", "TypicalLogitsWarper"],
    "epsilon": ["EpsilonLogitsWarper"],
    "eta": ["EtaLogitsWarper"],
    "top-h": ["TopHLogitsWarper"],
}


@pytest.fixture
def kept(monkeypatch):
    """The names of what stayed in the last generate()."""
    names = []

    def split(*args, **more):
        stay, native = _processors.split(*args, **more)
        names[:] = [type(item).__name__ for item in stay]
        return stay, native

    class Spied:
        def __getattr__(self, name):
            return split if name == "split" else getattr(_processors, name)

    monkeypatch.setattr(_sampling, "_processors", Spied())
    return names


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("name", ["llama", "t5"])
def test_what_stays(name, setting, kept):
    model = models.model_of(name)
    inputs = models.prompts(name)
    model.generate(
        **inputs,
        **SETTINGS[setting],
        max_new_tokens=12,
        do_sample=False,
        custom_generate=lt.generate,
    )
    assert kept == STAY[name].get(setting, [])


@pytest.mark.parametrize("setting", WARPERS)
def test_which_warpers_stay(llama, setting, kept):
    settings = {"top_k": 0} | WARPERS[setting]
    llama.generate(
        **models.prompts("llama"),
        **settings,
        max_new_tokens=1,
        do_sample=True,
        custom_generate=lt.generate,
    )
    assert kept == WARPERS_STAY.get(setting, [])


def test_unpadded_prompts(llama, kept):
    for setting in ("one token", "encoder repetition"):
        llama.generate(
            **models.prompts("llama", pads=False),
            **SETTINGS[setting],
            max_new_tokens=1,
            do_sample=False,
            custom_generate=lt.generate,
        )
        assert kept == []


def test_order():
    """What lmsample would do in another order stays."""
    batch = _processors.Batch(4, _processors.padding_of(None, 1), None, False)
    repetition = hf.RepetitionPenaltyLogitsProcessor(1.2)
    sequences = hf.SequenceBiasLogitsProcessor([[[3], 1.0]])
    banned = hf.SuppressTokensLogitsProcessor([3])
    cold, top = hf.TemperatureLogitsWarper(0.5), hf.TopKLogitsWarper(3)

    def stays(*processors):
        return _processors.split(list(processors), batch)[0]

    assert stays(sequences, repetition, banned, cold, top) == []
    assert stays(banned, repetition, cold) == []  # bans may come before what changes values
    assert stays(repetition, sequences) == [repetition]
    assert stays(top, cold) == [top]
    assert stays(cold, banned) == [cold]
    assert stays(repetition, repetition) == [repetition]
    assert stays(cold, top, hf.TopKLogitsWarper(3, min_tokens_to_keep=2), cold) != []
    assert stays(hf.LogitNormalization(), repetition) != []
    assert (
        stays(hf.LogitsProcessor(), top) != []
        and len(stays(repetition, hf.LogitsProcessor())) == 2
    )
