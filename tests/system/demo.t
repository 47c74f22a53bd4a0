#!/usr/bin/env bash
# The demonstration as a test: real people are let in, others and a synthetic
# voice are kept out, once through the virtual microphone too.
cd "$(dirname "$0")/../.." || exit 1
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
echo 1..1
if scripts/demo 2>&1 | sed 's/^/# /'; [ "${PIPESTATUS[0]}" -eq 0 ]; then
	echo "ok 1 - demo"
else
	echo "not ok 1 - demo"
fi
