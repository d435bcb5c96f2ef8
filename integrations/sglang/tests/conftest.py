import os
import types

import pytest

os.environ.setdefault("SGLANG_DISABLE_REQUEST_LOGGING", "1")


@pytest.fixture(autouse=True, scope="session")
def sglang_process():
    """What a worker of SGLang has when it makes its sampler: the published configuration, and a
    group of one process (a stand-in: no process group is opened)."""
    from sglang.srt.runtime_context import get_context, get_parallel

    group = types.SimpleNamespace(device_group=None)
    with get_context().override_server_args(sampling_backend="lmsample", device="cpu"):
        with get_parallel().override(tp_group=group):
            yield
