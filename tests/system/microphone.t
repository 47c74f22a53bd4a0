#!/usr/bin/env bash
# The real capture process at a virtual microphone into which a real person's words are played.
cd "$(dirname "$0")/../.." || exit 1
sounds=$(mktemp -d /tmp/vu-words-XXXXXX)
trap 'rm -rf "$sounds"' EXIT
if ! build/tests/aid/utterances "$sounds" >"$sounds/log"; then
	echo "Bail out! no utterances could be made"
	exit 1
fi
# Not exec: the folder is removed afterwards.
listen() {
	build/tests/aid/check_microphone build/bin/vu-capture tests/system/virtual-mic \
		"$sounds/$(head -n 1 "$sounds/people.txt")/test-1.wav" >"$sounds/result" 2>&1
}
# Sound cannot wait: on a machine too busy PulseAudio skips some of it, so what fails is heard a second time.
listen || listen
status=$?
cat "$sounds/result"
exit $status
