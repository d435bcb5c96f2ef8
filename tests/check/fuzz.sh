#!/usr/bin/env bash
# fuzz.sh - libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer over what reads files:
# LMS_FUZZ_SECONDS (180) in all, from the corpora in tests/fuzz. Fails on the first finding, and
# prints the bytes that show it.
set -euo pipefail
folder=$LMS_CHECK_DIR/fuzz
targets=(npy params lists)
seconds=$((${LMS_FUZZ_SECONDS:-180} / ${#targets[@]}))
cmake -S . -B "$folder" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DLMS_BUILD_BENCH=OFF -DLMS_BUILD_{CLI,EXAMPLES,TESTS}=ON -DLMS_FUZZER=ON -DLMS_SANITIZE=fuzzer-no-link,address,undefined
cmake --build "$folder" --parallel 2 --target "${targets[@]/#/fuzz_}"
failed=0
for target in "${targets[@]}"; do
    grown=$folder/corpus/$target
    found=$folder/found-$target
    rm -rf -- "$grown" "$found"
    mkdir -p -- "$grown"
    echo "Fuzzing $target for $seconds s"
    "$folder/tests/fuzz_$target" -max_total_time="$seconds" -max_len=4096 -timeout=20 \
        -print_final_stats=1 -dict="tests/fuzz/$target.dict" -exact_artifact_path="$found" \
        "$grown" "tests/fuzz/$target" >"$folder/$target.log" 2>&1 || failed=1
    grep -E '^(Done|stat::(number|average)|SUMMARY)|DONE' "$folder/$target.log" || true
    if [[ -e $found ]]; then
        tail -n 40 -- "$folder/$target.log"
        od -A d -t x1z -- "$found" | head -n 40
    fi
done
exit $failed
