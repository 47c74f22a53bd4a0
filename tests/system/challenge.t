#!/usr/bin/env bash
# The spoken challenge of level maximum, with the real suite, a virtual
# microphone and real voices: the phrases that are asked for are taken, others
# are not, and where none can be put nobody is let in. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

work=$(mktemp -d /tmp/vu-chal.XXXXXX)
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml VOICE_UNLOCK_MAX_ATTEMPTS=50 VOICE_UNLOCK_MIN_SAMPLES=1
: >"$VOICE_UNLOCK_CONFIG"
vu=$PWD/build/bin/jarvis-voice-unlock
clean_up() {
	"$vu" stop >/dev/null 2>&1
	tests/system/virtual-mic stop "$work/mic" >/dev/null 2>&1
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 1' INT TERM
why() {
	tail -n 20 "$work/log" "$work/out" "$work/err"
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

said() { awk -F'\t' -v p="$1" '$1 == p {print $2; exit}' "$work/said"; }

# Files that are known to say the phrases: what reading out does by microphone, in less time.
phrases=("the first of five" "another one" "what else there is" "nearly the last" "and this is the end")
pairs=()
for i in 0 1 2 3 4; do
	file=$work/short-$i.wav
	sox -D "$person/enroll-$((i + 1)).wav" "$file" trim 0 2.6
	printf '%s\t%s\n' "${phrases[i]}" "$file" >>"$work/said"
	pairs+=("${phrases[i]}" "$file")
done
build/tests/aid/enroll_phrases anna "${pairs[@]}" >"$work/out" 2>"$work/err"
ok $? 'enrols with phrases'

# The same words once more, as different from the recording as another saying is for the replay memory.
again() { sox -D -V1 "$1" -b 16 "$2" speed "$3" silence 1 0.05 0.5% reverse silence 1 0.05 0.5% reverse; }

# attempt PICK: starts an attempt at level maximum and answers it. PICK makes of the two recordings that are asked
# for, in $1 and $2, the one that is played, into $work/answer.wav.
attempt() {
	: >"$work/err"
	"$vu" test --user anna --anti-spoofing maximum --json >"$work/out" 2>"$work/err" &
	testing=$!
	appears '^    ' "$work/err" 2 || return 1
	first=$(said "$(grep '^    ' "$work/err" | sed -n '1s/^    //p')")
	second=$(said "$(grep '^    ' "$work/err" | sed -n '2s/^    //p')")
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
attempt as_asked
status=$?
[ $status -eq 0 ] && [ "$(found)" = bonafide ]
ok $? 'what was asked for is taken for it'
attempt reversed
status=$?
[ $status -eq 3 ] && [ "$(found)" = spoof ]
ok $? 'in another order it is refused'

"$vu" test --user anna --anti-spoofing maximum --from "$person/test-1.wav" >"$work/out" 2>"$work/err"
[ $? -eq 3 ] && grep -q 'challenge' "$work/out"
ok $? 'a file, which nobody asked for, is refused'

# refused_at_once WORDS COMMAND…: with the words, before anybody has to speak.
refused_at_once() {
	local words=$1 status
	shift
	timeout 8 "$@" >"$work/out" 2>"$work/err"
	status=$?
	[ $status -eq 3 ] && grep -q "$words" "$work/out" && ! grep -qE '^    |speech  ' "$work/out" "$work/err"
}
"$vu" enroll files --from "$person"/enroll-*.wav >"$work/out" 2>&1
refused_at_once 'enrolled with 0 of the 3 .* enroll files --replace' "$vu" test --user files --anti-spoofing maximum --timeout 30
ok $? 'who enrolled without phrases is refused at once, and told to enrol again'

# By microphone, where enrolment is done after one sample: the phrase that is shown is kept with it.
for _ in 1 2 3; do
	"$vu" enroll bea --samples 1 >"$work/out" 2>"$work/err" &
	enrolling=$!
	appears '^Sample' "$work/out" 1 && sleep 0.3 && play "$work/short-0.wav"
	wait $enrolling && break
done
refused_at_once 'enrolled with 1 of the 3' "$vu" test --user bea --anti-spoofing maximum --timeout 30
ok $? 'a phrase that was read out to the microphone is kept; one is too few'
echo "1..$count"
