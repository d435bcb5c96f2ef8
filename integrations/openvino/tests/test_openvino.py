"""Against OpenVINO's own runtime, on the CPU."""

import os
import pathlib
import subprocess
import sys

import lmsample
import numpy as np
import openvino as ov
import pytest

HERE = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE))

import example  # noqa: E402

ROWS = 6


@pytest.fixture(scope="module")
def compiled():
    return ov.Core().compile_model(example.toy_model(), "CPU")


def asked():
    return dict(
        temperature=np.linspace(0.0, 1.4, ROWS), top_k=[0, 50, 0, 5, 1000, 3], top_p=0.9,
        seed=np.arange(ROWS),
    )  # fmt: skip


def test_tokens_are_those_of_a_copy(compiled):
    request = compiled.create_infer_request()
    tokens = np.arange(ROWS, dtype=np.int64)
    text = example.generate(compiled, tokens, 8, **asked())
    for step in range(8):
        request.infer({0: tokens})
        logits = np.array(request.get_output_tensor(0).data)
        tokens = lmsample.sample(logits, step=step, token_dtype="int64", **asked())
        assert (tokens == text[:, step]).all()
        assert tokens[0] == logits[0].argmax()
    assert len({tuple(row) for row in text.tolist()}) == ROWS


def test_logits_are_read_where_they_are(compiled):
    """What numpy sees is the runtime's memory: a second request with its own doesn't change it."""
    first, second = compiled.create_infer_request(), compiled.create_infer_request()
    first.infer({0: np.zeros(ROWS, np.int64)})
    view = first.get_output_tensor(0).data
    assert np.shares_memory(view, first.get_output_tensor(0).data) and not view.flags.owndata
    before = view.copy()
    second.infer({0: np.ones(ROWS, np.int64)})
    assert (view == before).all()
    first.infer({0: np.ones(ROWS, np.int64)})
    assert (view == second.get_output_tensor(0).data).all() and (view != before).any()


def test_a_request_writes_where_lmsample_reads(compiled):
    """An output tensor of the caller's: one array for good."""
    logits = np.empty((ROWS, example.VOCAB), np.float32)
    request = compiled.create_infer_request()
    request.set_output_tensor(0, ov.Tensor(logits, shared_memory=True))
    request.infer({0: np.arange(ROWS, dtype=np.int64)})
    expected = lmsample.sample(
        np.array(compiled({0: np.arange(ROWS, dtype=np.int64)})[0]),
        token_dtype="int64",
        **asked(),
    )
    assert (lmsample.sample(logits, token_dtype="int64", **asked()) == expected).all()


def test_three_dimensions(compiled):
    """Logits of all positions, as exported models give them: the last one's are read in place."""
    ids = np.arange(4 * ROWS, dtype=np.int64)
    whole = np.array(compiled({0: ids})[0]).reshape(ROWS, 4, example.VOCAB)
    found = lmsample.sample(whole[:, -1], token_dtype="int64", **asked())
    copied = lmsample.sample(np.ascontiguousarray(whole[:, -1]), token_dtype="int64", **asked())
    assert (found == copied).all()


def test_float16_outputs():
    model = example.toy_model()
    steps = ov.preprocess.PrePostProcessor(model)
    steps.output(0).tensor().set_element_type(ov.Type.f16)
    compiled = ov.Core().compile_model(steps.build(), "CPU")
    request = compiled.create_infer_request()
    request.infer({0: np.arange(ROWS, dtype=np.int64)})
    view = request.get_output_tensor(0).data
    assert view.dtype == np.float16
    expected = lmsample.sample(view.astype(np.float32), **asked())
    assert (lmsample.sample(view, **asked()) == expected).all()


def test_example_runs():
    done = subprocess.run(
        [sys.executable, HERE / "example.py", "--steps", "3", "--rows", "4"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert [len(line.split()) for line in done.stdout.splitlines()] == [3] * 4


def test_remote_program(tmp_path):
    """The C++ program compiles and links; on a GPU, it runs. Elsewhere it says there's none."""
    library = os.environ.get("ENGINE_LIBRARY")
    if library is None:
        pytest.skip("ENGINE_LIBRARY says where the C library was built")
    package = pathlib.Path(ov.__file__).parent
    (runtime,) = sorted((package / "libs").glob("libopenvino.so.*"))
    program = tmp_path / "remote"
    command = [
        "g++", "-std=c++17", "-Wall", "-Wextra", "-isystem", package / "include", "-DOV_GPU_USE_OPENCL_HPP",
        "-I", HERE.parents[1] / "include", HERE / "remote.cpp", "-o", program, runtime,
        f"-Wl,-rpath,{runtime.parent}", pathlib.Path(library) / "liblmsample.so",
        f"-Wl,-rpath,{library}", "-lOpenCL", "-pthread",
    ]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True)
    assert built.returncode == 0 and "remote.cpp" not in built.stderr, built.stderr
    ran = subprocess.run([program, "2"], capture_output=True, text=True)
    has_gpu = any(name.startswith("GPU") for name in ov.Core().available_devices)
    assert ran.returncode == (0 if has_gpu else 77), ran.stderr
