"""lmsample.opencl: on the contexts, queues, buffers, arrays and events of PyOpenCL. Without it
(pip install pyopencl) they are skipped; `./run test engines pyopencl` has it."""

import ctypes

import numpy as np
import pytest

import lmsample
import lmsample.opencl
from lmsample._dlpack import _Tensor

cl = pytest.importorskip("pyopencl")
import pyopencl.array as cla  # noqa: E402

VOCAB, ROWS = 700, 6
X = np.random.default_rng(31).normal(0, 3, (ROWS, VOCAB)).astype(np.float32)
COLUMNS = {
    "temperature": [0.0, 0.7, 1.0, 1.5, 0.9, 0.5],
    "top_k": [0, 5, 50, 0, 1, 0],
    "top_p": [1.0, 0.9, 0.5, 0.99, 1.0, 0.3],
    "seed": [1, 2, 3, 4, 5, 6],
    "step": 3,
}
OUTPUTS = ("logprobs", "raw_logprobs", "kept", "probs")
LISTS = ("edited_logprobs", "ranks", "entropies", "top_logprobs", "named_logprobs")
DOUBLE = """__kernel void twice(__global float *x) { x[get_global_id(0)] *= 2.0f; }"""


@pytest.fixture(scope="module")
def queue():
    device = next(d for d in lmsample.devices() if d.chosen)
    for platform in cl.get_platforms():
        for found in platform.get_devices():
            if f"{platform.name}: {found.name}" == str(device):
                return cl.CommandQueue(cl.Context([found]))
    pytest.skip("PyOpenCL does not see the device")


@pytest.fixture(scope="module")
def sampler(queue):
    return lmsample.opencl.Sampler(queue, VOCAB, max_rows=8, outputs=OUTPUTS)


@pytest.fixture(scope="module")
def expected():
    return lmsample.sample(X, outputs=OUTPUTS, **COLUMNS)


def kept(sampler, rows=ROWS):
    params = sampler.params(rows)
    for name, values in COLUMNS.items():
        setattr(params, name, values[:rows] if isinstance(values, list) else values)
    return params


def same(found, expected, rows=slice(None)):
    for name, one, other in zip(found._fields, found, expected):
        if name == "seed":
            continue
        assert (one is None) == (other is None), name
        if one is not None:
            np.testing.assert_array_equal(one.get(), other[rows], err_msg=name)


class Logged:
    """What was waited for on the host."""

    def __init__(self, monkeypatch):
        self.calls = []
        for owner, name in ((cl.Event, "wait"), (cl.CommandQueue, "finish")):
            real = getattr(owner, name)
            monkeypatch.setattr(
                owner,
                name,
                lambda *a, _real=real, _name=name: (self.calls.append(_name), _real(*a)),
            )


def test_behind_a_kernel_of_the_callers(queue, sampler, expected, monkeypatch):
    program = cl.Program(queue.context, DOUBLE).build()
    logits = cla.to_device(queue, X / 2)
    params = kept(sampler)
    unordered = cl.CommandQueue(
        queue.context, properties=cl.command_queue_properties.OUT_OF_ORDER_EXEC_MODE_ENABLE
    )
    queue.finish()
    waits = Logged(monkeypatch)
    gate = cl.UserEvent(queue.context)
    doubled = program.twice(unordered, (X.size,), None, logits.base_data, wait_for=[gate])
    found, event = sampler.run(logits, params=params, wait_for=[doubled], queue=unordered)
    params.temperature = 0.0  # what was enqueued has what there was
    states = cl.command_execution_status
    assert event.command_execution_status != states.COMPLETE and not waits.calls
    assert found.tokens.events == [event] and found.probs.events == [event]
    gate.set_status(states.COMPLETE)
    event.wait()
    same(found, expected)


def test_arrays_in_and_out(queue, sampler, expected):
    params = kept(sampler)
    pool = np.zeros((9, VOCAB + 12), np.float32)
    pool[2:8, 5 : VOCAB + 5] = X
    window = cla.to_device(queue, pool)[2:8, 5 : VOCAB + 5]
    positions = cla.to_device(queue, np.stack([X - 1, X], 1))[:, 1:]
    several = {
        "window": window,
        "positions": positions,
        "buffer": cla.to_device(queue, X).base_data,
    }
    for name, logits in several.items():
        out = {
            "tokens": cla.zeros(queue, (9, 1), np.int32)[1:],
            "status": cla.zeros(queue, ROWS, np.int32),
            "probs": cla.zeros(queue, (ROWS, VOCAB), np.float32),
        }
        for turn in range(3):
            found, event = sampler.run(logits, params=params, out=out)
        assert found.tokens is out["tokens"] and found.probs is out["probs"], name
        assert out["tokens"].get()[:ROWS, 0].tolist() == expected.tokens.tolist(), name
        np.testing.assert_array_equal(found.probs.get(), expected.probs, err_msg=name)
        np.testing.assert_array_equal(found.kept.get(), expected.kept, err_msg=name)
        assert out["tokens"].base_data.get_info(cl.mem_info.SIZE) == 36
    tokens = cla.empty(queue, ROWS, np.int32)
    found, _ = sampler.run(window, params=params, out=tokens)
    assert found.tokens is tokens and tokens.get().tolist() == expected.tokens.tolist()


def test_records_and_indices_on_the_device(queue, sampler):
    index = [5, -1, 0, 0, 3, 2, 1]
    params = sampler.params(7)
    params.seed = range(7)
    expected = lmsample.sample(X, seed=range(7), index=index, outputs=OUTPUTS)
    records = cla.to_device(queue, params.records)
    logits = cla.to_device(queue, X)
    for which in (index, np.array(index), cla.to_device(queue, np.array(index, np.int32))):
        for rows in (params, records):
            found, _ = sampler.run(logits, params=rows, index=which)
            assert found.tokens.get().tolist() == expected.tokens.tolist()
            assert found.status.get().tolist() == expected.status.tolist()
    words = np.random.default_rng(2).integers(0, 2**32, (ROWS, 9, 4), dtype=np.uint32)
    params.resize(ROWS)
    found, _ = sampler.run(logits, params=params, uniforms=cla.to_device(queue, words))
    expected = lmsample.sample(X, uniforms=words, outputs=())
    assert found.tokens.get().tolist() == expected.tokens.tolist()


def test_types(queue):
    for dtype in ("float16", "bfloat16"):
        bits = (X.view(np.uint32) >> 16).astype(np.uint16)
        x = bits if dtype == "bfloat16" else X.astype(np.float16)
        sampler = lmsample.opencl.Sampler(queue, VOCAB, dtype, ROWS, token_dtype="int64")
        found, _ = sampler.run(cla.to_device(queue, x), params=kept(sampler))
        assert found.tokens.dtype == np.int64
        assert (
            found.tokens.get().tolist() == lmsample.sample(x, dtype=dtype, **COLUMNS).tolist()
        )


def test_requests(queue):
    context = lmsample.opencl.context(queue)
    slots = lmsample.Slots(VOCAB, 16, 256, device=context)
    sampler = lmsample.opencl.Sampler(queue, VOCAB, max_rows=ROWS, outputs=LISTS, slots=slots)
    edits = lmsample.Edits(repetition=1.4, ngram=2, banned=[int(X[0].argmax())])
    mask = np.random.default_rng(3).integers(0, 2**31, (ROWS, 22)).astype(np.int32)
    params = kept(sampler)
    params.edits, params.mask = [edits, None] * 3, mask
    params.top_logprobs, params.named = [3, 0, 1, 0, 0, 5], [1, 2]
    prompts = [[row, 1, 2] for row in range(ROWS)]
    params.slot, params.step = slots.open(prompts), "slot"
    logits = cla.to_device(queue, X)
    histories = [list(prompt) for prompt in prompts]
    for step in range(3):
        found, _ = sampler.run(logits, params=params, append=True)
        wanted = {**COLUMNS, "step": step}
        expected = lmsample.sample(
            X, edits=[edits, None] * 3, mask=mask, top_logprobs=[3, 0, 1, 0, 0, 5], named=[1, 2],
            history=[(p, h[3:]) for p, h in zip(prompts, histories)], outputs=LISTS, **wanted,
        )  # fmt: skip
        same(found, expected)
        for history, token in zip(histories, expected.tokens.tolist()):
            history.append(token)
    assert [slots.length(name) for name in params.slot] == [6] * ROWS


class Exchanged:
    """An OpenCL buffer as DLPack has it: NumPy's tensor, with another place."""

    def __init__(self, array, buffer, byte_offset=0):
        self.array, self.buffer, self.byte_offset = array, buffer, byte_offset

    def __dlpack_device__(self):
        return 4, 0

    def __dlpack__(self, **options):
        capsule = self.array.__dlpack__()
        pointer = ctypes.pythonapi.PyCapsule_GetPointer
        pointer.restype = ctypes.c_void_p
        tensor = _Tensor.from_address(pointer(ctypes.py_object(capsule), b"dltensor"))
        tensor.device_type = self.__dlpack_device__()[0]
        tensor.data = self.buffer.int_ptr
        tensor.byte_offset = self.byte_offset
        return capsule


def test_dlpack(queue, sampler, expected):
    padded = cla.to_device(queue, np.concatenate([np.zeros(12, np.float32), X.reshape(-1)]))
    logits = Exchanged(X.copy(), padded.base_data, 48)
    tokens = cla.zeros(queue, ROWS, np.int32)
    out = Exchanged(np.zeros(ROWS, np.int32), tokens.base_data)
    found, event = sampler.run(logits, params=kept(sampler), out=out)
    event.wait()
    assert found.tokens is out and tokens.get().tolist() == expected.tokens.tolist()
    with pytest.raises(TypeError, match="logits: is on an OpenCL device, must be on the CPU"):
        lmsample.sample(logits)


class Unified(Exchanged):
    """The same of a pointer, as oneAPI's USM."""

    def __dlpack_device__(self):
        return 14, 0


def test_shared_virtual_memory(queue, sampler, expected):
    capabilities = queue.device.get_info(0x1053) if queue.device.version >= "OpenCL 2" else 0
    if not capabilities & 1:
        pytest.skip("the device has no shared virtual memory")
    memory = cl.tools.SVMAllocator(queue.context, alignment=0, queue=queue)
    padded = np.concatenate([np.zeros((1, VOCAB), np.float32), X])
    logits = cla.to_device(queue, padded, allocator=memory)[1:]
    index = cla.to_device(queue, np.arange(ROWS, dtype=np.int32), allocator=memory)
    out = {
        "tokens": cla.empty(queue, ROWS, np.int32, allocator=memory),
        "probs": cla.empty(queue, (ROWS, VOCAB), np.float32, allocator=memory),
    }
    assert logits.base_data.svm_ptr and out["probs"].base_data.svm_ptr
    for rows in (kept(sampler), cla.to_device(queue, kept(sampler).records, allocator=memory)):
        for _ in range(2):
            found, event = sampler.run(logits, params=rows, out=out, index=index)
        event.wait()
        same(found, expected)
        assert found.tokens is out["tokens"]

    class Pointer:
        int_ptr = logits.base_data.svm_ptr

    tokens = cla.zeros(queue, ROWS, np.int32)
    unified = Unified(X.copy(), Pointer, 4 * VOCAB)
    _, event = sampler.run(unified, params=kept(sampler), out=tokens)
    event.wait()
    assert tokens.get().tolist() == expected.tokens.tolist()


def test_what_is_on_the_host_is_sampled_on_it_too(queue, sampler, expected):
    found = sampler.sample(X, **COLUMNS)
    assert (found.tokens == expected.tokens).all()
    other = lmsample.Sampler(VOCAB, device=lmsample.opencl.context(queue.context, queue.device))
    assert (other.sample(X, **COLUMNS).tokens == expected.tokens).all()


def refused(queue):
    logits = cla.to_device(queue, X)
    narrow = cla.zeros(queue, (ROWS, VOCAB - 1), np.float32)
    return [
        (dict(logits=X), TypeError, "logits: is a ndarray, must be PyOpenCL's Array or Buffer"),
        (dict(logits=logits[:5]), ValueError, "params: has 6 rows, the call has 5"),
        (dict(logits=narrow), ValueError, r"logits: has shape \(6, 699\), must be \(rows, 700\)"),
        (dict(logits=logits.astype(np.float64)), TypeError, "logits: has values of type float64"),
        (dict(logits=logits[:, ::-1]), ValueError, "logits: has strides .* one piece each"),
        (dict(index=[9] * 6), ValueError, r"index\[0\]: is 9, must be a row of the logits, 0 to 5"),
        (dict(index=[0] * 5), ValueError, "index: has 5 rows, params has 6"),
        (dict(out=cla.zeros(queue, 5, np.int32)), ValueError, r"tokens: has shape \(5,\)"),
        (dict(out=cla.zeros(queue, 6, np.int64)), TypeError, "tokens: has values of type int64"),
        (dict(out={"ranks": logits}), ValueError, "out: has 'ranks', which the sampler does not"),
        (dict(params=logits[:, 0]), TypeError, "params: has values of type float32, must be rec"),
        (dict(append=True), ValueError, "append: needs a sampler made with slots"),
        (dict(wait_for=["now"]), TypeError, "wait_for: is a str, must be PyOpenCL's object"),
        (dict(out=cla.zeros(queue, 7, np.int32).base_data.get_sub_region(0, 4)),
         lmsample.ArgumentError, "tokens"),
    ]  # fmt: skip


def test_refused_by_type(queue, sampler):
    on_device = cla.to_device(queue, X)
    event = cl.enqueue_marker(queue)
    with pytest.raises(TypeError, match="wait_for: is an event, must be a list of them"):
        sampler.run(on_device, params=kept(sampler), wait_for=event)
    with pytest.raises(TypeError, match="table_bytes: 'x' is not a whole number"):
        lmsample.opencl.Sampler(queue, VOCAB, requests=True, table_bytes="x")
    with pytest.raises(ValueError, match="table_bytes: is -1, must be a whole number from 0"):
        lmsample.opencl.Sampler(queue, VOCAB, requests=True, table_bytes=-1)


def test_refused(queue, sampler):
    logits = cla.to_device(queue, X)
    for arguments, error, message in refused(queue):
        with pytest.raises(error, match=message):
            sampler.run(**{"logits": logits, "params": kept(sampler), **arguments})
    with pytest.raises(TypeError, match="queue: must be given"):
        alone = lmsample.opencl.Sampler(lmsample.opencl.context(queue), VOCAB)
        alone.run(logits, params=kept(alone))
    few = lmsample.opencl.Sampler(queue, VOCAB, max_in_flight=1)
    gate = cl.UserEvent(queue.context)
    found, event = few.run(logits, params=kept(few), wait_for=[gate])
    with pytest.raises(lmsample.Error, match="in flight|unfinished"):
        few.run(logits, params=kept(few))
    gate.set_status(cl.command_execution_status.COMPLETE)
    event.wait()
