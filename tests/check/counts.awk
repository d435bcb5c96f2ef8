# counts.awk - sums up what Oclgrind counted for each row (counts.c) and compares it with the limits
# of counts.txt, which comes first: awk -f counts.awk -v team=256 counts.txt OUTPUT

# Bytes of a call such as _Z6vload8mPU3AS1Kf: Oclgrind does not count what builtins load.
function vector_bytes(name,    lanes, type) {
    if (name !~ /^_Z[0-9]+vload/ || name !~ /PU3AS1/) return 0
    lanes = name
    sub(/^_Z[0-9]+vloada?(_half)?/, "", lanes)
    type = name
    sub(/.*PU3AS1K?/, "", type)
    sub(/\(\).*/, "", type)
    return (lanes + 0) * (type ~ /^[lm]/ ? 8 : type ~ /^[fij]/ ? 4 : type ~ /^[ac]/ ? 1 : 2)
}

FNR == NR {
    if (/^#/ || NF != 6) next
    key = $1 " " $2
    order[++strategies] = key
    limit[key, "barriers"] = $3; limit[key, "each"] = $4; limit[key, "atomics"] = $5; limit[key, "reads"] = $6
    next
}

function end_row() {
    if (!row) return
    ++rows[row]
    meetings /= team; barriers /= team
    if (barriers > most[row, "barriers"]) most[row, "barriers"] = barriers
    if (meetings > most[row, "meetings"]) most[row, "meetings"] = meetings
    if (meetings && barriers / meetings > most[row, "each"]) most[row, "each"] = barriers / meetings
    if (atomics > most[row, "atomics"]) most[row, "atomics"] = atomics
    sum[row] += bytes
}

/^ROW / { end_row(); row = $2 " " $3; meetings = barriers = atomics = bytes = 0; is_row_pass = 0 }
/^Instructions executed/ { is_row_pass = row && !/lms_tile_maxima/ }
!is_row_pass { next }
$3 == "load" && $4 == "global" { sub(/\(/, "", $5); bytes += $5 }
$3 == "call" && $4 ~ /barrier/ { barriers += $1 }
$3 == "call" && $4 ~ /^_Z[0-9]+atom/ { atomics += $1 }
$3 ~ /^(atomicrmw|cmpxchg)/ { atomics += $1 }
$3 == "call" && $4 ~ /^lms_meet(_more)?\(\)$/ { meetings += $1 }
$3 == "call" { bytes += $1 * vector_bytes($4) }

function shown(key, what, value,    text) {
    text = sprintf(what == "barriers" || what == "atomics" ? "%d" : "%.2f", value)
    if (limit[key, what] == "-" || value <= limit[key, what] + 0) return text
    ++bad
    return text " > " limit[key, what]
}

END {
    end_row()
    printf "%-12s %-8s %10s %14s %12s %16s %14s\n", "strategy", "outputs", "meetings", "barriers",
           "a meeting", "atomics", "reads"
    for (i = 1; i <= strategies; ++i) {
        key = order[i]
        split(key, words, " ")
        if (!rows[key]) { print "FAIL: nothing was counted for " key; ++bad; continue }
        met = most[key, "meetings"]
        if (!met) { print "FAIL: no calls of lms_meet() for " key; ++bad }
        printf "%-12s %-8s %10d %14s %12s %16s %14s\n", words[1], words[2], met,
               shown(key, "barriers", most[key, "barriers"]), shown(key, "each", most[key, "each"]),
               shown(key, "atomics", most[key, "atomics"]),
               shown(key, "reads", sum[key] / rows[key] / (4 * 128256))
    }
    print bad ? "FAIL: " bad " figures are above the limits of tests/check/counts.txt" : "all within limits"
    exit bad > 0
}
