#!/usr/bin/env bash
# All our C compiles for macOS on Apple silicon.
cd "$(dirname "$0")/../.." || exit 1
echo 1..1
if scripts/check-darwin 2>&1 | sed 's/^/# /'; [ "${PIPESTATUS[0]}" -eq 0 ]; then
	echo "ok 1 - all C compiles for aarch64-macos"
else
	echo "not ok 1 - all C compiles for aarch64-macos"
fi
