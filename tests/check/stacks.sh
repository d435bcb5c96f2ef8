#!/usr/bin/env bash
# stacks.sh - what edits and masks do to rows of logits, against the code of the stacks that presets
# are named after: Hugging Face's logits processors, vLLM's and SGLang's samplers, llama.cpp's
# chain, masks as xgrammar and llguidance apply them, all from PyPI; TensorRT-LLM and MLC-LLM as
# formulas. tests/stacks/ has the cases. The first run downloads gigabytes, PyTorch and others, and
# compiles llama.cpp; bench --peers shares the environment.
set -euo pipefail
folder=$LMS_CHECK_DIR/stacks
packages=${LMS_PACKAGES:-$LMS_CHECK_DIR/packages}
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DLMS_BUILD_{CLI,EXAMPLES,BENCH,TESTS}=OFF
cmake --build "$folder" --parallel 2 --target lmsample
export LMS_STACKS_WHEELS=$folder/wheels LMSAMPLE_LIBRARY=$folder/liblmsample.so.0 OMP_NUM_THREADS=1
modules=(torch transformers llama_cpp vllm sglang xgrammar llguidance)
python3 -B tests/stacks/install.py "$packages" "$LMS_STACKS_WHEELS" "${modules[@]}"
"$packages/bin/python" -B tests/stacks/stacks.py
