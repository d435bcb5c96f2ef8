"""What stacks do to a row of logits before they sample, and lmsample under the preset that says it
does the same: random rows and histories, and edge cases. Of each stack its own code is run where a
package has some that runs here; what is not installed gets a line that begins with SKIP."""

import importlib

import compare
import numpy as np

STACKS = {
    "hugging_face": "transformers",
    "vllm_cases": "vllm",
    "sglang_cases": "sglang",
    "llama_cpp_cases": "llama-cpp-python",
    "masks": "xgrammar or llguidance",
    "formulas": None,
}


def run(module):
    print(module.VERSION)
    for name, function in list(vars(module).items()):
        if not name.startswith("case_"):
            continue
        compare.changes.clear()
        for case in range(compare.CASES):
            function(np.random.default_rng([case, len(name)]), case)
        assert any(compare.changes) or not compare.changes, f"{name} edits nothing"
        print(f"  {name[5:]}: {' '.join(function.__doc__.split())}", flush=True)


if __name__ == "__main__":
    for name, package in STACKS.items():
        try:
            stack = importlib.import_module(name)
        except (ImportError, FileNotFoundError) as error:
            if package is None:
                raise
            print(f"SKIP: {package} is not installed: {error}")
        else:
            run(stack)
