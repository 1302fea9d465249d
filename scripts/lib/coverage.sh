#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later WITH cryptsetup-OpenSSL-exception
#
# coverage.sh BUILD: lines that the unit tests ran, by gcov, for each part and each file. Each of
# src/core, src/store, src/fetch and src/volume must be above 85 %.
set -uo pipefail
build=$1
status=0

# "FILE LINES RUN" for each source file; a file in several programs counts its best-run copy.
lines_of() {
    find "$build/src/$1" -name '*.gcno' -exec gcov -n -o {} {} \; 2>/dev/null |
        awk -v part="src/$1/" '
            /^File/ { file = $0; gsub(/^File .|.$/, "", file) }
            /^Lines executed/ && index(file, part) {
                split($0, field, /[:%]/); n = $NF
                sub(/.*src\//, "src/", file)
                if (!(file in best) || field[2] + 0 > best[file] + 0) best[file] = field[2]
                total[file] = n
            }
            END { for (name in total) print name, total[name], best[name] }' | sort
}

for part in core store fetch volume; do
    table=$(lines_of "$part")
    awk '{ printf "  %6.2f %%  of %4d lines  %s\n", $3, $2, $1 }' <<<"$table"
    percent=$(awk '{ n += $2; run += $2 * $3 / 100 } END { printf "%.1f", n ? 100 * run / n : 0 }' <<<"$table")
    echo "figure src/$part: $percent % of lines"
    if awk -v p="$percent" 'BEGIN { exit !(p > 85) }'; then
        echo "ok - src/$part: more than 85 % of the lines run in unit tests"
    else
        echo "not ok - src/$part: more than 85 % of the lines run in unit tests"
        status=1
    fi
done
exit $status
