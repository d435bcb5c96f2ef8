"""lmsample in Hugging Face transformers: model.generate(..., custom_generate=generate)."""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional

import torch
from transformers.generation import GenerationMode

from . import _beams, _contrastive, _sampling
from ._samplers import clear as clear_cache

__all__ = ["clear_cache", "generate"]
__version__ = "0.1.0"

_BEAMS = (GenerationMode.BEAM_SEARCH, GenerationMode.BEAM_SAMPLE)
_SAMPLING = (GenerationMode.SAMPLE, GenerationMode.GREEDY_SEARCH)


def generate(
    model: Any,
    input_ids: torch.Tensor,
    logits_processor: Any,
    stopping_criteria: Any,
    generation_config: Any,
    lms_params: Optional[Mapping[str, Any]] = None,
    lms_mask: Optional[Callable[[torch.Tensor], Any]] = None,
    lms_streamer: Any = None,
    inputs_tensor: Optional[torch.Tensor] = None,
    **model_kwargs: Any,
) -> Any:
    """The decoding loop of `model.generate(..., custom_generate=lmsample_transformers.generate)`.

    What it does is as generation_config says: sampling, greedy search, beam search, or contrastive
    search (penalty_alpha and top_k), which transformers itself does no longer have.

    lms_params: what single prompts have in the place of generation_config's values: any of
        temperature (0: greedy), top_k, top_p, min_p, seed, preset (of filters) and edits
        (lmsample.Edits), one for all or one for each prompt. A seed for each prompt makes what it
        gets independent of all other rows, as far as the model's logits are.
    lms_mask: called before each step with all tokens so far, [rows, length]; returns the tokens
        that may come next, as xgrammar and llguidance write them (int32[rows, words]) or as
        bool[rows, vocabulary].
    lms_streamer: a streamer; generate() doesn't pass its own `streamer` on.

    The other arguments are generate()'s, which passes them.
    """
    mode = generation_config.get_generation_mode()
    if mode in _SAMPLING:
        return _sampling.run(
            model,
            input_ids,
            logits_processor,
            stopping_criteria,
            generation_config,
            lms_params,
            lms_streamer,
            lms_mask,
            inputs_tensor,
            model_kwargs,
        )
    given = {"lms_mask": lms_mask, "lms_streamer": lms_streamer}
    for name, value in given.items():
        if value is not None:
            raise ValueError(f"{name}: is for sampling, not for {mode.value}")
    if mode in _BEAMS:
        run = _beams.run
    elif mode == GenerationMode.CONTRASTIVE_SEARCH:
        run = _contrastive.run
    else:
        raise NotImplementedError(f"{mode.value}: is not supported by lmsample_transformers")
    return run(
        model,
        input_ids,
        logits_processor,
        stopping_criteria,
        generation_config,
        lms_params,
        inputs_tensor,
        model_kwargs,
    )
