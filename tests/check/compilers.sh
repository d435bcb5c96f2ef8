#!/usr/bin/env bash
# compilers.sh - the example model's arithmetic and the demo, by every gcc and clang that is
# installed: the same bits and texts, and none needs more than 2.5 times the CPU time of the fastest
# (gcc 14 once needed twelve times as much). The time is the least of some tries, in turns.
set -euo pipefail
readonly limit=250 tries=5 # per cent
folder=$LMS_CHECK_DIR/compilers
mkdir -p -- "$folder"
export LC_ALL=C.UTF-8
failed=0

# Every gcc and clang in PATH, once.
find_compilers() {
    local name version seen=$'\n'
    for name in gcc clang $(compgen -c | grep -xE '(gcc|clang)-[0-9]+' | sort -u); do
        command -v "$name" >/dev/null || continue
        version=$("$name" --version | sed 's/^[^ ]* //;q')
        [[ $seen != *$'\n'"$version"$'\n'* ]] || continue
        seen+=$version$'\n'
        printf '%s\n' "$name"
    done
}

# judge FILE: its lines are COMPILER WHAT TIME RESULT.
judge() {
    awk -v limit=$limit '
        !($2 in least) || $3 < least[$2] { least[$2] = $3 }
        !($2 in result) { result[$2] = $4 }
        { line[NR] = $1; what[NR] = $2; time[NR] = $3; got[NR] = $4 }
        END {
            for (i = 1; i <= NR; i++) {
                share = 100 * time[i] / least[what[i]]
                wrong = got[i] == result[what[i]] ? "" : ", another result"
                slow = share <= limit ? "" : ", too slow"
                printf "%s, %s: %d %% of the fastest%s%s\n", what[i], line[i], share, slow, wrong
                if (wrong slow != "") bad = 1
            }
            exit bad
        }' "$1"
}

# build COMPILER: the arithmetic by itself, and the demo.
build() {
    "$1" -std=c11 -O3 -DNDEBUG -ffp-contract=off -D_POSIX_C_SOURCE=200809L -Iexamples \
        -o "$folder/products-$1" tests/check/products.c examples/lm_math.c -lm
    cmake -S . -B "$folder/$1" -DCMAKE_C_COMPILER="$1" -DCMAKE_BUILD_TYPE=Release \
        -DLMS_BUILD_EXAMPLES=ON -DLMS_BUILD_{CLI,BENCH,TESTS}=OFF
    cmake --build "$folder/$1" --parallel 2 --target demo
}

# write COMPILER: a line for judge() with the CPU time of texts, in ms.
write() {
    local time sum TIMEFORMAT=%U
    local -a words=(--model examples/model --length 200 --compare 0)
    time=$({ time "$folder/$1/examples/demo" "${words[@]}" | sed '/tokens\/s/d' >"$folder/text-$1"; } 2>&1)
    sum=$(cksum <"$folder/text-$1" | cut -d' ' -f1)
    printf '%s text %s %s\n' "$1" "${time/./}" "$sum"
}

mapfile -t compilers < <(find_compilers)
for compiler in "${compilers[@]}"; do
    "$compiler" --version | head -n 1
    build "$compiler"
done
rm -f -- "$folder/products" "$folder/texts"
for ((i = 0; i < tries; i++)); do
    for compiler in "${compilers[@]}"; do
        "$folder/products-$compiler" | sed "s/^/$compiler /" >>"$folder/products"
        write "$compiler" >>"$folder/texts"
    done
done
for file in products texts; do
    # The least time of each compiler's tries; results that differ stay apart.
    sort -k1,2 -k4,4 -k3,3n "$folder/$file" | sort -s -u -k1,2 -k4,4 >"$folder/$file.least"
    judge "$folder/$file.least" || failed=1
done
exit $failed
