"""What the package declares, against what the C compiler makes of the headers."""

import ctypes
import os
import subprocess

import pytest

import lmsample
import lmsample.opencl
from lmsample import (
    _beam,
    _contrastive,
    _devices,
    _library,
    _outputs,
    _params,
    _requests,
    _sampler,
    _searches,
)


@pytest.fixture(scope="module")
def lines():
    text = subprocess.run([os.environ["LMSAMPLE_ABI"]], check=True, capture_output=True, text=True)
    return [line.split() for line in text.stdout.splitlines()]


@pytest.mark.parametrize(
    "name, record",
    [
        ("lms_device", _library.DeviceRecord),
        ("lms_sampler_desc", _library.SamplerDesc),
        ("lms_sample_host_args", _library.HostBatch),
        ("lms_sampler_run_args", lmsample.opencl.Batch),
        ("lms_view", _library.View),
        ("lms_tables", _library.Tables),
        ("lms_slots_desc", _library.SlotsDesc),
        ("lms_slots_open_args", _library.SlotsOpen),
        ("lms_slots_append_host_args", _library.SlotsAppend),
        ("lms_beam_desc", _beam.BeamDesc),
        ("lms_beam_step_host_args", _beam.BeamStepArgs),
        ("lms_beam_results_host_args", _beam.BeamResultsArgs),
        ("lms_contrastive_desc", _contrastive.ContrastiveDesc),
        ("lms_contrastive_append_host_args", _contrastive.AppendArgs),
        ("lms_contrastive_propose_host_args", _contrastive.ProposeArgs),
        ("lms_contrastive_select_host_args", _contrastive.SelectArgs),
    ],
)
def test_structures(lines, name, record):
    expected = [(field, int(at)) for kind, field, at in lines if kind == name]
    assert [(field, getattr(record, field).offset) for field, *_ in record._fields_] == expected
    assert ["sizeof", name, str(ctypes.sizeof(record))] in lines


@pytest.mark.parametrize(
    "name, record",
    [
        ("lms_row_params", _library.ROW_PARAMS),
        ("lms_row_edits", _library.ROW_EDITS),
        ("lms_row_wants", _library.ROW_WANTS),
        ("lms_request", _searches.REQUEST),
        ("lms_beam_params", _beam.BEAM_PARAMS),
        ("lms_contrastive_params", _contrastive.CONTRASTIVE_PARAMS),
    ],
)
def test_records(lines, name, record):
    """The fields of a row's request and filters are fields of the row here."""
    if "filter_flags" in record.names:
        lines = [[line.replace("filters.flags", "filter_flags") for line in row] for row in lines]
    expected = [
        (field.replace("request.reserved", "request_reserved").rpartition(".")[2], int(at))
        for kind, field, at in lines
        if kind == name
    ]
    assert [(field, record.fields[field][1]) for field in record.names] == expected
    assert ["sizeof", name, str(record.itemsize)] in lines


_REQUEST_FLAGS = [
    "REPETITION_NOT_PROMPT",
    "REPETITION_NOT_OUTPUT",
    "FREQUENCY_PROMPT",
    "FREQUENCY_NOT_OUTPUT",
    "PRESENCE_PROMPT",
    "PRESENCE_NOT_OUTPUT",
    "ADDITIVE_FIRST",
    "ADDITIVE_TEMPERED",
    "GUIDANCE_LOGPROBS",
    "BAD_WORDS_PROMPT",
]
_LIBRARY_VALUES = [
    "REQUESTS_EDITS",
    "REQUESTS_DRY",
    "WANT_LOGITS",
    "WANT_RANK_FROM_0",
    "MASK_BITS",
    "MASK_BYTES",
    "MAX_TOP",
    "MAX_NAMED",
    "MAX_LISTS",
    "MAX_SLOTS",
    "MAX_SLOT_LENGTH",
    "SLOT_PAGE",
    "NO_TOKEN",
    "STEP_OF_SLOT",
]


def test_values(lines):
    value = {name: int(number) for kind, name, number in lines if kind == "value"}
    major, minor, patch = map(int, lmsample.__version__.split("."))
    assert major * 10000 + minor * 100 + patch == value["LMS_VERSION"]
    assert lmsample.SPECIFICATION == value["LMS_SPECIFICATION"]
    for name, number in _library.DTYPES.items():
        assert number == value[f"LMS_{name.upper()}"]
    for name, number in _library.TOKEN_DTYPES.items():
        assert number == value[f"LMS_{name.upper()}"]
    for name, bit in _library.OUTPUT_BITS.items():
        assert bit == value[f"LMS_OUT_{_outputs.FIELDS[name].upper()}"]
    assert _library.LIST_OUTPUT_BITS == {
        "top_logprobs": value["LMS_OUT_TOP"],
        "named_logprobs": value["LMS_OUT_NAMED"],
    }
    for name, flags in _requests.EDIT_PRESETS.items():
        assert flags == value["LMS_EDITS_" + name.upper().replace("-", "_").replace(".", "_")]
    for name in _REQUEST_FLAGS:
        assert getattr(lmsample, name) == value[f"LMS_{name}"]
    assert _requests._IGNORE_END == value["LMS_IGNORE_END"]
    assert _requests._PRESET_FLAGS | _requests._IGNORE_END == value["LMS_EDIT_FLAGS"]
    for name, flags in _library.WANTS.items():
        assert flags == value[f"LMS_WANT_{name.upper()}"]
    for name in _LIBRARY_VALUES:
        assert getattr(_library, name) % 2**64 == value[f"LMS_{name}"] % 2**64
    for name, flags in _params.PRESETS.items():
        key = name.upper().replace("-", "_").replace(".", "_")
        assert flags == value.get(f"LMS_PRESET_{key}", value.get(f"LMS_{key}"))
    for name in ("OK", "EMPTY", "SKIPPED", "UNIFORMS_SPENT", "NAN_SEEN", "INF_SEEN"):
        assert getattr(lmsample, f"ROW_{name}") == value[f"LMS_ROW_{name}"]
    assert _library.SKIP_ROW == value["LMS_SKIP_ROW"]
    for number, name in _devices._TYPES.items():
        assert number == value[f"CL_DEVICE_TYPE_{name.upper()}"]
    classes = _library._CLASSES
    for name in ("ARGUMENT", "BUFFER_SIZE", "ROW_PARAMS", "ROW_INDEX"):
        assert classes[value[f"LMS_E_{name}"]] is lmsample.ArgumentError
    assert classes[value["LMS_E_SLOT"]] is lmsample.SlotError
    assert classes[value["LMS_E_CONTEXT_FULL"]] is lmsample.SlotsFullError
    assert classes[value["LMS_E_NO_DEVICE"]] is lmsample.NoDeviceError
    assert classes[value["LMS_E_UNSUPPORTED"]] is lmsample.UnsupportedError
    assert classes[value["LMS_E_BUILD"]] is lmsample.BuildError
    for name in ("BEAM_PARAMS", "CONTRASTIVE_PARAMS"):
        assert classes[value[f"LMS_E_{name}"]] is lmsample.ArgumentError
    assert _library.E_SLOT == value["LMS_E_SLOT"]
    memory = ["LMS_E_MEMORY", "CL_MEM_OBJECT_ALLOCATION_FAILURE", "CL_OUT_OF_HOST_MEMORY"]
    for name in memory:
        assert classes[value[name]] is lmsample.OutOfMemoryError


def test_beam_values(lines):
    value = {name: int(number) for kind, name, number in lines if kind == "value"}

    def key(prefix, name):
        return value[f"LMS_BEAM_{prefix}{name.upper().replace('-', '_')}"]

    for name, number in _beam.BEAM_MODES.items():
        assert number == key("", name)
    for name, number in _beam.BEAM_LENGTHS.items():
        assert number == key("LENGTH_", name)
    for name, number in _beam.BEAM_EARLY.items():
        assert not isinstance(name, str) or number == key("EARLY_", name)
    for name, number in lmsample.BEAM_PRESETS.items():
        assert number == key("PRESET_", name)
    for name in ("KEEP_LIVE", "END_ANY_RANK", "LENGTH_WITHOUT_END", "RENORMALIZE",
                 "STOP_BY_CANDIDATE", "DONE", "EMPTY", "NOT_OPENED", "BAD_REQUEST",
                 "SCORE_ONE"):  # fmt: skip
        assert getattr(lmsample, f"BEAM_{name}") == key("", name)
    assert lmsample.BEAM_EARLY_STOPPED == key("", "EARLY")
    assert _beam._ALL_FLAGS == key("", "FLAGS")


def test_contrastive_values(lines):
    value = {name: int(number) for kind, name, number in lines if kind == "value"}
    for name in ("NONE", "BAD_CANDIDATE", "BAD_STATE", "EMPTY_STATE", "NOT_PROPOSED"):
        assert getattr(lmsample, f"CHOICE_{name}") == value[f"LMS_CHOICE_{name}"]
    assert _contrastive.MAX_K == value["LMS_MAX_CONTRASTIVE_K"]
    assert _contrastive.MAX_WIDTH == value["LMS_MAX_HIDDEN_WIDTH"]
    assert _contrastive.MAX_LENGTH == value["LMS_MAX_CONTEXT_LENGTH"]
