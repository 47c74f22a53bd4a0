#!/usr/bin/env bash
# The spoken challenge of level maximum, with the real suite, a virtual
# microphone and real voices: the phrases that are asked for are taken, others
# are not, and where none can be put nobody is let in. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

count=0
work=$(mktemp -d /tmp/vu-chal.XXXXXX)
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
export VOICE_UNLOCK_CONFIG=$work/config.yaml VOICE_UNLOCK_MAX_ATTEMPTS=50
: >"$VOICE_UNLOCK_CONFIG"
vu=$PWD/build/bin/jarvis-voice-unlock
clean_up() {
	"$vu" stop >/dev/null 2>&1
	tests/system/virtual-mic stop "$work/mic" >/dev/null 2>&1
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
ok() {
	count=$((count + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $count - $2"
	else
		echo "not ok $count - $2"
		tail -n 20 "$work/log" "$work/out" "$work/err" 2>/dev/null | sed 's/^/# /'
	fi
}

mkdir "$work/mic"
if ! command -v sox >/dev/null; then
	echo '1..0 # SKIP no sox to make another saying with'
	exit 0
fi
if ! exports=$(tests/system/virtual-mic start "$work/mic" 2>"$work/out"); then
	echo '1..0 # SKIP no virtual microphone here'
	exit 0
fi
eval "$exports"
build/tests/aid/utterances "$work/voices" >/dev/null || { echo 'Bail out! no utterances could be made'; exit 1; }
person=$work/voices/$(head -n 1 "$work/voices/people.txt")
play() { tests/system/virtual-mic play "$work/mic" "$1" >/dev/null 2>&1; }

"$vu" start >"$work/log" 2>&1 || { cat "$work/log"; echo 'Bail out! the suite does not start'; exit 1; }

# Waits until `grep -c PATTERN FILE` is at least COUNT; 1 when it never is.
appears() {
	local _
	for _ in $(seq 1 300); do
		[ "$(grep -c "$1" "$2")" -ge "$3" ] && return 0
		sleep 0.1
	done
	return 1
}

# Enrols by microphone, each sample with the phrase that is shown: which recording is which goes to $work/said.
: >"$work/said"
"$vu" enroll anna >"$work/out" 2>"$work/err" &
enrolling=$!
for take in 1 2 3 4 5 6 7 8; do
	while [ "$(grep -c '^Sample' "$work/out")" -lt "$take" ] && kill -0 $enrolling 2>/dev/null; do sleep 0.1; done
	kill -0 $enrolling 2>/dev/null || break
	sleep 0.5
	file=$person/enroll-$(((take - 1) % 5 + 1)).wav
	printf '%s\t%s\n' "$(grep '^    ' "$work/out" | sed -n "${take}s/^    //p")" "$file" >>"$work/said"
	play "$file"
done
wait $enrolling
ok $? 'enrols by microphone, with the phrases that are shown'

# The same words once more, as different from the recording as another saying is for the replay memory.
again() { sox -D -V1 "$1" -b 16 "$2" speed "$3" silence 1 0.05 0.5% reverse silence 1 0.05 0.5% reverse; }

# attempt PICK: starts an attempt at level maximum and answers it. PICK makes of the two recordings that are asked
# for, in $1 and $2, the one that is played, into $work/answer.wav.
attempt() {
	: >"$work/err"
	"$vu" test --user anna --anti-spoofing maximum --json >"$work/out" 2>"$work/err" &
	testing=$!
	appears '^    ' "$work/err" 2 || return 1
	first=$(awk -F'\t' -v p="$(grep '^    ' "$work/err" | sed -n '1s/^    //p')" '$1 == p {print $2; exit}' "$work/said")
	second=$(awk -F'\t' -v p="$(grep '^    ' "$work/err" | sed -n '2s/^    //p')" '$1 == p {print $2; exit}' "$work/said")
	"$1" "$first" "$second"
	play "$work/answer.wav"
	wait $testing
}
found() { tr -d ' \n' <"$work/out" | grep -oE "\"name\":\"challenge\"[^}]*\"verdict\":\"[a-z]*\"" | sed 's/.*"verdict":"\([a-z]*\)"/\1/'; }
join_two() {
	again "$1" "$work/a.wav" 1.10
	again "$2" "$work/b.wav" 0.91
	sox -D "$work/a.wav" "$work/b.wav" "$work/answer.wav"
}
as_asked() { join_two "$1" "$2"; }
reversed() { join_two "$2" "$1"; }
others() {
	local rest
	rest=$(cut -f2 "$work/said" | grep -vxF -e "$1" -e "$2" | head -n 2)
	join_two "$(sed -n 1p <<<"$rest")" "$(sed -n 2p <<<"$rest")"
}

attempt as_asked
status=$?
[ $status -eq 0 ] && [ "$(found)" = bonafide ]
ok $? 'what was asked for is taken for it'
attempt reversed
status=$?
[ $status -eq 3 ] && [ "$(found)" = spoof ]
ok $? 'in another order it is refused'
attempt others
status=$?
[ $status -eq 3 ] && [ "$(found)" = spoof ]
ok $? 'other enrolled phrases are refused'

"$vu" test --user anna --anti-spoofing maximum --from "$person/test-1.wav" >"$work/out" 2>"$work/err"
[ $? -eq 3 ] && grep -q 'challenge' "$work/out"
ok $? 'a file, which nobody asked for, is refused'
"$vu" enroll files --from "$person"/enroll-*.wav >"$work/out" 2>&1
"$vu" test --user files --anti-spoofing maximum --json >"$work/out" 2>"$work/err" &
testing=$!
sleep 1
play "$person/test-1.wav"
wait $testing
[ $? -eq 3 ] && ! grep -q '^    ' "$work/err" && grep -q 'enrolled with 0 of' "$work/out"
ok $? 'who enrolled without phrases is refused, and told to enrol again'
echo "1..$count"
