#!/usr/bin/env bash
# grammars.sh - masks of real grammars: a JSON schema and a regular expression, compiled by xgrammar
# and by llguidance (PyPI) over the example model's vocabulary. Their words go into the sampler as
# they are, and each text of a thousand seeds must be valid. LMS_SEEDS has another number of seeds.
# The first run installs PyTorch (gigabytes), which xgrammar needs, and bench --peers shares.
set -euo pipefail
folder=$LMS_CHECK_DIR/grammars
packages=${LMS_PACKAGES:-$LMS_CHECK_DIR/packages}
cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DLMS_BUILD_{CLI,EXAMPLES,BENCH,TESTS}=OFF
cmake --build "$folder" --parallel 2 --target lmsample
# The model's products are small: more threads would wait for each other.
export LMSAMPLE_LIBRARY=$folder/liblmsample.so.0 OMP_NUM_THREADS=1
modules=(torch xgrammar llguidance jsonschema)
python3 -B tests/stacks/install.py "$packages" "$folder/wheels" "${modules[@]}"
for module in "${modules[@]}"; do
    "$packages/bin/python" -c "import $module" && continue
    echo "SKIP: $module is not installed: see $packages/$module.log"
    exit
done
"$packages/bin/python" -B tests/stacks/grammars.py --seeds "${LMS_SEEDS:-1000}"
