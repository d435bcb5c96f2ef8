# sources.sh - for the other scripts: lists the C files, each with a NUL behind it.
# shellcheck shell=bash
c_files() {
    find include host cli examples bench tests -name '*.[ch]' -type f -print0 | sort -z
}
