"""What transformers built as logits processors, as parameters and edits of lmsample."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import torch
import transformers as hf
from lmsample import EDIT_PRESETS, Edits

# Places in the order in which lmsample does things. What only bans tokens may come anywhere
# between guidance and the filters: none of the other edits makes a finite number of -inf.
GUIDANCE, SEQUENCES, REPETITION, DECAY, FILTERS = 0, 1, 2, 3, 5
BANS = 4
TEMPERATURE, TOP_K, TOP_P, MIN_P, NOTHING = 5, 6, 7, 8, 9

_NOT_OUTPUT = 2  # lmsample.REPETITION_NOT_OUTPUT


@dataclass
class Batch:
    """What a processor's meaning depends on."""

    prompt: int  # tokens of input_ids to begin with, padding among them
    padding: torch.Tensor  # int[rows], on the left
    encoder: Optional[torch.Tensor]  # what processors of the encoder's tokens were built of
    is_encoder_decoder: bool

    @property
    def rows(self) -> int:
        return len(self.padding)

    @property
    def has_padding(self) -> bool:
        return bool(self.padding.any())


@dataclass
class Native:
    """What lmsample's pass does."""

    filters: Dict[str, float] = field(default_factory=dict)
    edits: Dict[str, Any] = field(default_factory=dict)  # of all rows, at every step
    encoder: Optional[torch.Tensor] = None  # its n-grams are each row's own
    banned_at: Dict[int, List[int]] = field(default_factory=dict)  # by number of step
    forced_at: Dict[int, int] = field(default_factory=dict)
    guidance: Any = None  # the processor, which runs the model

    @property
    def has_edits(self) -> bool:
        return bool(self.edits or self.banned_at or self.forced_at or self.guidance)

    def edits_of(self, step: int, rows: int) -> Any:
        """Edits of a step: one for all rows, or a list."""
        fields = dict(self.edits)
        if step in self.banned_at:
            fields["banned"] = [*fields.get("banned", ()), *self.banned_at[step]]
        if step in self.forced_at:
            fields["forced"] = self.forced_at[step]
        if self.guidance is not None:
            fields["guidance"] = self.guidance.guidance_scale
        fields.setdefault("preset", "hugging-face")
        if self.encoder is None:
            return Edits(**fields)
        each = [Edits(**fields, encoder=ids) for ids in self.encoder.cpu().numpy()]
        return [item for item in each for _ in range(rows // len(each))]

    def is_special(self, step: int) -> bool:
        return step in self.banned_at or step in self.forced_at


def _ids(tokens: Any) -> List[int]:
    return [int(token) for token in torch.as_tensor(tokens).reshape(-1)]


# Each of these takes a processor into `native`, or says that it can't (False): then the processor
# stays, and all before it.


def _guidance(native: Native, processor: Any, batch: Batch) -> bool:
    native.guidance = processor
    return processor.guidance_scale != 1


def _sequences(native: Native, processor: Any, batch: Batch) -> bool:
    native.edits["sequence_bias"] = processor.sequence_bias
    return True


def _bad_words(native: Native, processor: Any, batch: Batch) -> bool:
    native.edits["bad_words"] = list(processor.sequence_bias)  # less the end tokens
    return True


def _is_after_padding(processor: Any, batch: Batch) -> bool:
    """Does it count the tokens behind the padding, all of them?"""
    begin = processor.prompt_ignore_length
    if isinstance(begin, torch.Tensor):
        return torch.equal(begin.cpu().long(), batch.padding.long())
    return not begin and not batch.has_padding


def _repetition(native: Native, processor: Any, batch: Batch) -> bool:
    if not _is_after_padding(processor, batch):
        return False
    native.edits["repetition"] = processor.penalty
    return True


def _encoder_repetition(native: Native, processor: Any, batch: Batch) -> bool:
    """Of a model without an encoder: of the prompt alone."""
    ids = processor.encoder_input_ids
    if batch.is_encoder_decoder or batch.has_padding or ids.shape[1] != batch.prompt:
        return False
    native.edits["repetition"] = processor.penalty
    native.edits["preset"] = EDIT_PRESETS["hugging-face"] | _NOT_OUTPUT
    return True


def _ngrams(native: Native, processor: Any, batch: Batch) -> bool:
    if processor.ngram_size == 1 and batch.has_padding:
        return False  # the padding's token would be a repeated one
    native.edits["ngram"] = processor.ngram_size
    return True


def _encoder_ngrams(native: Native, processor: Any, batch: Batch) -> bool:
    if batch.encoder is None or batch.encoder.dim() != 2:
        return False
    native.edits["encoder_ngram"] = processor.ngram_size
    native.encoder = batch.encoder
    return True


def _end_tokens(native: Native, tokens: Any) -> bool:
    """One list serves all that speak of end tokens."""
    ids = _ids(tokens)
    return native.edits.setdefault("end_tokens", ids) == ids


def _at_least(native: Native, processor: Any, count: int) -> bool:
    if not _end_tokens(native, processor.eos_token_id):
        return False
    native.edits["min_tokens"] = max(count, native.edits.get("min_tokens", 0))
    return True


def _min_length(native: Native, processor: Any, batch: Batch) -> bool:
    return _at_least(native, processor, processor.min_length - batch.prompt)


def _min_new_tokens(native: Native, processor: Any, batch: Batch) -> bool:
    count = processor.prompt_length_to_skip + processor.min_new_tokens - batch.prompt
    return _at_least(native, processor, count)


def _forced_bos(native: Native, processor: Any, batch: Batch) -> bool:
    if batch.prompt == 1:
        native.forced_at[0] = int(processor.bos_token_id)
    return True


def _forced_eos(native: Native, processor: Any, batch: Batch) -> bool:
    ids = _ids(processor.eos_token_id)
    if len(ids) != 1:
        return False
    native.forced_at[processor.max_length - 1 - batch.prompt] = ids[0]
    return True


def _decay(native: Native, processor: Any, batch: Batch) -> bool:
    start = processor.regulation_start - batch.prompt
    if processor.regulation_factor < 1 or start < 0:
        return False
    native.edits["decay_start"] = start
    native.edits["decay_factor"] = processor.regulation_factor
    return _end_tokens(native, processor.eos_token_id)


def _suppress(native: Native, processor: Any, batch: Batch) -> bool:
    native.edits["banned"] = _ids(processor.suppress_tokens)
    return True


def _suppress_at_begin(native: Native, processor: Any, batch: Batch) -> bool:
    native.banned_at[processor.begin_index - batch.prompt] = _ids(
        processor.begin_suppress_tokens
    )
    return True


def _filter(name: str) -> Callable[[Native, Any, Batch], bool]:
    def take(native: Native, processor: Any, batch: Batch) -> bool:
        is_plain = getattr(processor, "filter_value", -float("inf")) == -float("inf")
        if not is_plain or getattr(processor, "min_tokens_to_keep", 1) > 1:
            return False
        native.filters[name] = getattr(processor, name)
        return True

    return take


def _nothing(native: Native, processor: Any, batch: Batch) -> bool:
    """Log-probabilities in the place of logits draw the same."""
    return True


_TAKERS: Dict[type, Tuple[int, Callable[[Native, Any, Batch], bool]]] = {
    hf.UnbatchedClassifierFreeGuidanceLogitsProcessor: (GUIDANCE, _guidance),
    hf.SequenceBiasLogitsProcessor: (SEQUENCES, _sequences),
    hf.EncoderRepetitionPenaltyLogitsProcessor: (REPETITION, _encoder_repetition),
    hf.RepetitionPenaltyLogitsProcessor: (REPETITION, _repetition),
    hf.NoRepeatNGramLogitsProcessor: (BANS, _ngrams),
    hf.EncoderNoRepeatNGramLogitsProcessor: (BANS, _encoder_ngrams),
    hf.NoBadWordsLogitsProcessor: (BANS, _bad_words),
    hf.MinLengthLogitsProcessor: (BANS, _min_length),
    hf.MinNewTokensLengthLogitsProcessor: (BANS, _min_new_tokens),
    hf.ForcedBOSTokenLogitsProcessor: (BANS, _forced_bos),
    hf.ForcedEOSTokenLogitsProcessor: (BANS, _forced_eos),
    hf.ExponentialDecayLengthPenalty: (DECAY, _decay),
    hf.SuppressTokensLogitsProcessor: (BANS, _suppress),
    hf.SuppressTokensAtBeginLogitsProcessor: (BANS, _suppress_at_begin),
    hf.TemperatureLogitsWarper: (TEMPERATURE, _filter("temperature")),
    hf.TopKLogitsWarper: (TOP_K, _filter("top_k")),
    hf.TopPLogitsWarper: (TOP_P, _filter("top_p")),
    hf.MinPLogitsWarper: (MIN_P, _filter("min_p")),
    hf.LogitNormalization: (NOTHING, _nothing),
}


def _first_native(processors: List[Any]) -> int:
    """From here on all are of a kind that lmsample has, in its order, and none is there twice."""
    least, seen, has_bans = NOTHING + 1, set(), False
    for place in range(len(processors) - 1, -1, -1):
        kind = type(processors[place])
        if kind not in _TAKERS or kind in seen:
            return place + 1
        seen.add(kind)
        rank = _TAKERS[kind][0]
        if rank == BANS:
            if least == GUIDANCE:
                return place + 1
            has_bans = True
            continue
        # Of the same rank are the two penalties of repetition, of which there can be one.
        if rank >= least or (has_bans and FILTERS <= rank < NOTHING):
            return place + 1
        least = rank
    return 0


def split(
    processors: List[Any], batch: Batch, *, has_edits: bool = True
) -> Tuple[List[Any], Native]:
    """Those that stay, to be called before lmsample's pass, and what that does instead of the
    others. Without `has_edits` only filters are taken: the caller's rows have edits of their own.
    """
    processors = list(processors)
    begin = _first_native(processors)
    while True:
        native, refused = Native(), None
        for place in range(begin, len(processors)):
            rank, take = _TAKERS[type(processors[place])]
            is_wanted = has_edits or rank >= FILTERS
            if not is_wanted or not take(native, processors[place], batch):
                refused = place
        if refused is None:
            return processors[:begin], native
        begin = refused + 1


def padding_of(mask: Optional[torch.Tensor], rows: int) -> torch.Tensor:
    """How many tokens each row's prompt has on its left that are none."""
    if mask is None or mask.dim() != 2:
        return torch.zeros(rows, dtype=torch.int64)
    return (mask != 0).int().argmax(dim=1).cpu()


def prompts_of(input_ids: torch.Tensor, padding: torch.Tensor) -> List[np.ndarray]:
    ids = input_ids.cpu().numpy()
    return [row[begin:] for row, begin in zip(ids, padding.tolist())]
