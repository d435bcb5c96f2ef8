"""tests/check/layers.py finds what it is for: one fault planted in a small checkout that has none."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RUN = "".join(f"    step_{i}(value);\n" for i in range(6))
CLEAN = {
    "include/lmsample.h": "/* lmsample.h - all. */\n",
    "host/base/status.h": "/* status.h - statuses. */\n#include \"lmsample.h\"\n",
    "host/op/shape.h": "/* shape.h - shapes. */\n#include \"base/status.h\"\n#include \"row/records.h\"\n",
    "host/beam/beam.c": "/* beam.c - beams. */\n#include \"op/shape.h\"\n",
    "host/sampler/sampler.h": "/* sampler.h - samplers. */\n",
    "kernels/numeric/keys.cl": "/* numeric/keys.cl - keys. */\n" + RUN,
    "kernels/row/records.h": "/* row/records.h - records. */\n",
    "kernels/row/row.cl": "/* row/row.cl - rows. */\n#include \"numeric/keys.cl\"\n",
    "kernels/beam/offer.cl": "/* beam/offer.cl - offers. */\n#include \"row/row.cl\"\n",
    "cli/main.c": "#include <lmsample.h>\n#include \"main.h\"\n" + RUN,
    "cli/main.h": "/* main.h */\n",
    "cli/CMakeLists.txt": "target_include_directories(cli PUBLIC ${CMAKE_CURRENT_SOURCE_DIR})\n",
    "tests/inside/test_inside.c": "#include \"op/shape.h\"\n",
}
FAULTS = {
    "a host folder of a user": ("host/base/status.h", '#include "op/shape.h"', "host/base may not include"),
    "one user of another": ("host/beam/beam.c", '#include "sampler/sampler.h"', "host/beam may not include"),
    "code of a kernel": ("host/op/shape.h", '#include "row/row.cl"', "host/op may not include"),
    "a kernels' folder of a user": ("kernels/numeric/keys.cl", '#include "beam/offer.cl"',
                                    "kernels/numeric may not include"),
    "the command line": ("cli/main.c", '#include "op/shape.h"', "only public headers"),
    "a way round": ("cli/main.c", '#include "../kernels/row/records.h"', "only public headers"),
    "an include path": ("cli/CMakeLists.txt",
                        "target_include_directories(cli PRIVATE ${PROJECT_SOURCE_DIR}/host)",
                        "on the include path of cli"),
    "lines twice": ("kernels/row/row.cl", "{\n" + RUN.replace(";\n", ";\n\n") + "}",
                    "6 lines as at kernels/numeric/keys.cl:2"),
}


def run(tmp_path, changes):
    for name, text in {**CLEAN, **changes}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return subprocess.run([sys.executable, "-B", ROOT / "tests/check/layers.py", tmp_path],
                          capture_output=True, text=True, timeout=60, check=False)


def test_nothing_is_wrong(tmp_path):
    done = run(tmp_path, {})
    assert (done.returncode, done.stdout) == (0, "all in order\n"), done.stderr


@pytest.mark.parametrize("fault", FAULTS)
def test_one_fault(tmp_path, fault):
    name, line, says = FAULTS[fault]
    done = run(tmp_path, {name: f"{CLEAN[name]}{line}\n"})
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout.count("\n") == 1 and done.stdout.startswith(f"{name}:"), done.stdout
    assert says in done.stdout


@pytest.mark.parametrize("first", ["#include \"lmsample.h\"", "/* what it is */", "/* shape.h - x */"])
def test_a_first_line_that_does_not_say_what_it_is(tmp_path, first):
    done = run(tmp_path, {"host/beam/beam.c": first + "\n"})
    assert done.returncode == 1 and done.stdout.startswith("host/beam/beam.c:1: does not begin")
