"""What the package declares, against what the C compiler makes of the headers."""

import ctypes
import os
import subprocess

import pytest

import lmsample
from lmsample import _devices, _library, _params, _sampler


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
    ],
)
def test_structures(lines, name, record):
    expected = [(field, int(at)) for kind, field, at in lines if kind == name]
    assert [(field, getattr(record, field).offset) for field, *_ in record._fields_] == expected
    assert ["sizeof", name, str(ctypes.sizeof(record))] in lines


def test_row_params(lines):
    """The fields of the filters are fields of the row here."""
    expected = [
        (field.rpartition(".")[2], int(at)) for kind, field, at in lines if kind == "lms_row_params"
    ]
    fields = _library.ROW_PARAMS.fields
    assert [(name, fields[name][1]) for name in _library.ROW_PARAMS.names] == expected
    assert ["sizeof", "lms_row_params", str(_library.ROW_PARAMS.itemsize)] in lines


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
    assert classes[value["LMS_E_NO_DEVICE"]] is lmsample.NoDeviceError
    assert classes[value["LMS_E_UNSUPPORTED"]] is lmsample.UnsupportedError
    assert classes[value["LMS_E_BUILD"]] is lmsample.BuildError
    memory = ["LMS_E_MEMORY", "CL_MEM_OBJECT_ALLOCATION_FAILURE", "CL_OUT_OF_HOST_MEMORY"]
    for name in memory:
        assert classes[value[name]] is lmsample.OutOfMemoryError
