#!/usr/bin/env bash
# run.sh - the adapter with llama.cpp itself and a real model of 262,144 tokens. integrations/test.sh
# calls it, with ENGINE_PYTHON (requirements.txt is installed), ENGINE_BUILD (a folder to build in) and
# ENGINE_LIBRARY (where lmsample was built). LLAMA_PREFIX: another llama.cpp than llama-cpp-python's.
set -euo pipefail
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
model=$ENGINE_BUILD/model.gguf out=$ENGINE_BUILD/out
steps=20 sequences=16
packages=$("$ENGINE_PYTHON" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-passive}

"$ENGINE_PYTHON" -B "$here/tests/model.py" "$model"
cmake --install "$ENGINE_LIBRARY" --prefix "$ENGINE_BUILD/prefix" >/dev/null
cmake -S "$here" -B "$ENGINE_BUILD/build" -DCMAKE_PREFIX_PATH="$ENGINE_BUILD/prefix;${LLAMA_PREFIX:-$packages}" \
    -DCMAKE_C_FLAGS=-Werror >"$ENGINE_BUILD/cmake.log" || { cat "$ENGINE_BUILD/cmake.log" >&2; exit 1; }
cmake --build "$ENGINE_BUILD/build" >"$ENGINE_BUILD/make.log" 2>&1 ||
    { cat "$ENGINE_BUILD/make.log" >&2; exit 1; }

# serve WAY NAME: a text for each of 16 sequences, each with other parameters.
serve() { "$ENGINE_BUILD/build/llama_lms_serve" "$model" "$1" $sequences $steps "$out-$2" >"$out-$2.txt"; }
same() { cmp "$out-batch.tokens" "$out-$1.tokens" || { echo "llama.cpp: the tokens of \"$1\" differ" >&2; exit 1; }; }

"$ENGINE_BUILD/build/llama_lms_checks" "$model"
"$ENGINE_BUILD/build/llama_lms_threads" "$model"
serve batch batch
cat "$out-batch.txt"
serve batch again
same again
for way in one plain graph graph-batch; do
    status=0
    serve $way $way || status=$?
    if ((status == 77)); then cat "$out-$way.txt"; continue; fi
    ((status == 0)) && same $way
    rm -f -- "$out-$way.logits"
done
"$ENGINE_PYTHON" -B "$here/tests/check_tokens.py" "$out-batch" $sequences $steps "$model"
"$ENGINE_PYTHON" -B "$here/tests/check_text.py" "$out-batch.txt"
if [[ -x $ENGINE_BUILD/build/llama_lms_example ]]; then
    "$ENGINE_BUILD/build/llama_lms_example" "$model" >"$out-example.txt"
    [[ -s $out-example.txt ]]
fi
rm -f -- "$out"-*.logits
echo "llama.cpp: tokens of all ways are the same, and as sampled alone"
