"""What the package declares, against what the C compiler makes of the headers."""

import ctypes
import os
import subprocess

import pytest

import lmsample
from lmsample import _devices, _library, _params, _requests, _sampler


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
        ("lms_view", _library.View),
        ("lms_tables", _library.Tables),
        ("lms_slots_desc", _library.SlotsDesc),
        ("lms_slots_open_args", _library.SlotsOpen),
        ("lms_slots_append_args", _library.SlotsAppend),
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
    ],
)
def test_records(lines, name, record):
    """The fields of a row's request and filters are fields of the row here."""
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
    for name, field in _sampler._FIELDS.items():
        assert _library.OUTPUT_BITS[name] == value[f"LMS_OUT_{field.upper()}"]
    assert set(_sampler._FIELDS) == set(_library.OUTPUT_BITS)
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
    assert _library.E_BUSY == value["LMS_E_BUSY"]
    assert classes[value["LMS_E_SLOT"]] is lmsample.SlotError
    assert classes[value["LMS_E_CONTEXT_FULL"]] is lmsample.SlotsFullError
    assert classes[value["LMS_E_NO_DEVICE"]] is lmsample.NoDeviceError
    assert classes[value["LMS_E_UNSUPPORTED"]] is lmsample.UnsupportedError
    assert classes[value["LMS_E_BUILD"]] is lmsample.BuildError
    memory = ["LMS_E_MEMORY", "CL_MEM_OBJECT_ALLOCATION_FAILURE", "CL_OUT_OF_HOST_MEMORY"]
    for name in memory:
        assert classes[value[name]] is lmsample.OutOfMemoryError
