"""Batched sampling of language model tokens on OpenCL devices.

    >>> import numpy as np
    >>> import lmsample
    >>> logits = np.array([[0.5, 2.0, 1.0], [9.0, 1.0, 1.0]], dtype=np.float32)
    >>> lmsample.sample(logits, temperature=[0.0, 0.5], seed=[0, 7])
    array([1, 0], dtype=int32)

sample() samples, and keeps what it needs for the next call. Sampler is the object for loops,
devices() lists what there is to sample on.
"""

from ._beam import (
    BEAM_BAD_REQUEST,
    BEAM_DONE,
    BEAM_EARLY_STOPPED,
    BEAM_EMPTY,
    BEAM_END_ANY_RANK,
    BEAM_KEEP_LIVE,
    BEAM_LENGTH_WITHOUT_END,
    BEAM_NOT_OPENED,
    BEAM_PRESETS,
    BEAM_RENORMALIZE,
    BEAM_SCORE_ONE,
    BEAM_STOP_BY_CANDIDATE,
    Beam,
    BeamResults,
    BeamStep,
)
from ._contrastive import (
    CHOICE_BAD_CANDIDATE,
    CHOICE_BAD_STATE,
    CHOICE_EMPTY_STATE,
    CHOICE_NONE,
    CHOICE_NOT_PROPOSED,
    Choice,
    Contrastive,
    Proposal,
)
from ._devices import Context, Device, devices
from ._library import (
    SPECIFICATION,
    ArgumentError,
    BuildError,
    Error,
    NoDeviceError,
    OutOfMemoryError,
    SlotError,
    SlotsFullError,
    UnsupportedError,
)
from ._kept import Params
from ._outputs import Samples
from ._params import MIN_P_LAST, PRESETS, TEMPERATURE_LAST, TOP_K_TIES, TOP_P_WHOLE_ROW, row_seed
from ._requests import (
    ADDITIVE_FIRST,
    ADDITIVE_TEMPERED,
    EDIT_PRESETS,
    FREQUENCY_NOT_OUTPUT,
    FREQUENCY_PROMPT,
    BAD_WORDS_PROMPT,
    GUIDANCE_LOGPROBS,
    PRESENCE_NOT_OUTPUT,
    PRESENCE_PROMPT,
    REPETITION_NOT_OUTPUT,
    REPETITION_NOT_PROMPT,
    Edits,
)
from ._sampler import (
    ROW_EMPTY,
    ROW_INF_SEEN,
    ROW_NAN_SEEN,
    ROW_OK,
    ROW_SKIPPED,
    ROW_UNIFORMS_SPENT,
    RowWarning,
    Sampler,
    clear_cache,
    sample,
)
from ._slots import Slots
from ._version import __version__

__all__ = [
    "ADDITIVE_FIRST",
    "ADDITIVE_TEMPERED",
    "ArgumentError",
    "BEAM_BAD_REQUEST",
    "BEAM_DONE",
    "BEAM_EARLY_STOPPED",
    "BEAM_EMPTY",
    "BEAM_END_ANY_RANK",
    "BEAM_KEEP_LIVE",
    "BEAM_LENGTH_WITHOUT_END",
    "BEAM_NOT_OPENED",
    "BEAM_PRESETS",
    "BEAM_RENORMALIZE",
    "BEAM_SCORE_ONE",
    "BEAM_STOP_BY_CANDIDATE",
    "Beam",
    "BeamResults",
    "BeamStep",
    "BuildError",
    "CHOICE_BAD_CANDIDATE",
    "CHOICE_BAD_STATE",
    "CHOICE_EMPTY_STATE",
    "CHOICE_NONE",
    "CHOICE_NOT_PROPOSED",
    "Choice",
    "Context",
    "Contrastive",
    "Device",
    "EDIT_PRESETS",
    "Edits",
    "Error",
    "FREQUENCY_NOT_OUTPUT",
    "FREQUENCY_PROMPT",
    "BAD_WORDS_PROMPT",
    "GUIDANCE_LOGPROBS",
    "MIN_P_LAST",
    "NoDeviceError",
    "OutOfMemoryError",
    "PRESENCE_NOT_OUTPUT",
    "PRESENCE_PROMPT",
    "PRESETS",
    "Params",
    "REPETITION_NOT_OUTPUT",
    "REPETITION_NOT_PROMPT",
    "Proposal",
    "ROW_EMPTY",
    "ROW_INF_SEEN",
    "ROW_NAN_SEEN",
    "ROW_OK",
    "ROW_SKIPPED",
    "ROW_UNIFORMS_SPENT",
    "RowWarning",
    "SPECIFICATION",
    "Sampler",
    "Samples",
    "SlotError",
    "Slots",
    "SlotsFullError",
    "TEMPERATURE_LAST",
    "TOP_K_TIES",
    "TOP_P_WHOLE_ROW",
    "UnsupportedError",
    "__version__",
    "clear_cache",
    "devices",
    "row_seed",
    "sample",
]

# As they are used and shown; also where they are found when they are unpickled.
for _name in __all__:
    if isinstance(globals()[_name], type):
        globals()[_name].__module__ = __name__
del _name
