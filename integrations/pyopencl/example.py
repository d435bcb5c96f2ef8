"""Text from a model whose logits are on the device, and stay there: a table of which token follows
which, in an OpenCL kernel. Kernels and sampling go one behind the other; the host waits once.
"""

import numpy as np
import pyopencl as cl
import pyopencl.array as cla

import lmsample.opencl

TEXT = (
    "a sampler turns rows of logits into tokens. each row has its own temperature, its own seed, "
    "and its own step. a row does not know of the other rows, and a token does not depend on them. "
)
ROWS, STEPS = 4, 60
KERNELS = """
__kernel void follow(__global const float *table, __global const int *tokens, __global float *logits,
                     uint vocab)
{
    const size_t row = get_global_id(1), token = get_global_id(0);
    logits[row * vocab + token] = table[(size_t)tokens[row] * vocab + token];
}
__kernel void keep(__global const int *tokens, __global int *history, uint step, uint steps)
{
    history[get_global_id(0) * steps + step] = tokens[get_global_id(0)];
}
"""


def first_device():
    """That which lmsample would open."""
    chosen = next(str(device) for device in lmsample.devices() if device.chosen)
    for platform in cl.get_platforms():
        for device in platform.get_devices():
            if f"{platform.name}: {device.name}" == chosen:
                return device
    raise SystemExit(f"PyOpenCL has no device {chosen}")


def table_of(text):
    """The letters, and how often each follows each, as logits."""
    letters = sorted(set(text))
    counts = np.full((len(letters), len(letters)), 1e-3, np.float32)
    for one, other in zip(text, text[1:]):
        counts[letters.index(one), letters.index(other)] += 1
    return letters, np.log(counts / counts.sum(axis=1, keepdims=True))


def main():
    letters, table = table_of(TEXT)
    vocab = len(letters)
    queue = cl.CommandQueue(cl.Context([first_device()]))
    program = cl.Program(queue.context, KERNELS).build()
    follow, keep = program.follow, program.keep

    on_device = cla.to_device(queue, table)
    tokens = cla.zeros(queue, ROWS, np.int32)
    tokens.fill(letters.index(" "))
    logits = cla.empty(queue, (ROWS, vocab), np.float32)
    history = cla.empty(queue, (ROWS, STEPS), np.int32)
    out = {"tokens": tokens, "status": cla.empty(queue, ROWS, np.uint32)}

    sampler = lmsample.opencl.Sampler(queue, vocab, max_rows=ROWS, max_in_flight=STEPS)
    params = sampler.params(ROWS)
    params.temperature, params.top_p, params.seed = [0.3, 0.7, 1.0, 1.0], 0.95, [1, 2, 3, 3]
    for step in range(STEPS):
        follow(
            queue,
            (vocab, ROWS),
            None,
            on_device.data,
            tokens.data,
            logits.data,
            np.uint32(vocab),
        )
        sampler.run(logits, params=params, out=out)
        keep(queue, (ROWS,), None, tokens.data, history.data, np.uint32(step), np.uint32(STEPS))
        params.step += 1
    lines = ["".join(letters[token] for token in row) for row in history.get()]
    print("\n".join(lines))
    return lines


if __name__ == "__main__":
    main()
