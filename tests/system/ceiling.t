#!/usr/bin/env bash
# performance.max_memory_mb: too little is refused with the reason and the least
# value that is accepted; at that value, and at others below the default, the
# suite does all it does. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
built_in=$PWD/build/share/voice-unlock/background.vum
LEAST=32

work=$(mktemp -d /tmp/vu-ceil.XXXXXX)
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0 LC_ALL=C.UTF-8
export VOICE_UNLOCK_CONFIG=$work/config.yaml XDG_CONFIG_HOME=$work/none
: >"$VOICE_UNLOCK_CONFIG"
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT

out=$work/out
gives() { # CODE NAME COMMAND…
	local code=$1 name=$2
	shift 2
	"$@" >"$out" 2>&1
	[ $? -eq "$code" ]
	ok $? "$name"
}
start_with() { VOICE_UNLOCK_MAX_MEMORY=$1 "$vu" start; }
# SERVICES' FIELD of models, as status has it.
of_models() { "$vu" status --json | python3 -c 'import json,sys; print([s[sys.argv[1]] for s in json.load(sys.stdin)["services"] if s["name"] == "models"][0])' "$1"; }
least() { grep -oE 'set it to [0-9]+ or more' "$out" | grep -oE '[0-9]+' | head -n 1; }

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
mapfile -t people <"$work/people/people.txt"
mine=$work/people/${people[0]}
other=$work/people/${people[1]}/test-1.wav

# ---- too little ----

gives 8 'less than can be served with is refused: exit 8' start_with $((LEAST - 1))
grep -q "performance.max_memory_mb is \"$((LEAST - 1))\", but must be $LEAST to .*cannot serve" "$out"
ok $? 'with the reason and the least value'
cp "$built_in" "$work/large.vum"
# Never read: its size is what counts.
truncate -s $((90 << 20)) "$work/large.vum" 2>/dev/null || python3 -c 'import os,sys; os.truncate(sys.argv[1], 90 << 20)' "$work/large.vum"
export VOICE_UNLOCK_BACKGROUND_MODEL=$work/large.vum
gives 8 'a ceiling too low for the background model is refused: exit 8' start_with 64
needed=$(least)
[ "${needed:-0}" -gt 90 ] && grep -q "unable to start models.*unable to serve within performance.max_memory_mb 64.*set it to $needed or more" "$out"
ok $? "with the reason and the least value (${needed:-none})"
gives 8 'one less than that is refused' start_with $((${needed:-1} - 1))
gives 0 'that is accepted' start_with "${needed:-1}"
"$vu" stop >/dev/null 2>&1
gives 8 'read into memory it needs more' env VOICE_UNLOCK_MMAP=off VOICE_UNLOCK_MAX_MEMORY="$needed" "$vu" start
[ "$(least)" -gt "$needed" ] && grep -q 'ml.enable_mmap has read' "$out"
ok $? "and says so ($(least))"
unset VOICE_UNLOCK_BACKGROUND_MODEL

# ---- little, yet enough ----

# All that models does, within MB; its process lives through it and stays below.
serves_within() { # MB
	local pid rss n
	gives 0 "$1 MB: the suite starts" start_with "$1"
	pid=$(of_models pid)
	[ "$(of_models limit_bytes)" -eq $(($1 << 20)) ]; ok $? "$1 MB: and status tells the ceiling"
	check "$1 MB: somebody enrols" "$vu" enroll anna --replace --from "$mine"/enroll-{1,2,3,4,5}.wav
	check "$1 MB: and somebody else" "$vu" enroll bert --replace --from "$work/people/${people[1]}"/enroll-{1,2,3,4,5}.wav
	for n in 1 2 3; do
		"$vu" test --user anna --from "$mine/test-$n.wav" --anti-spoofing off >"$out" 2>&1 && break
	done
	grep -q '^accept: anna' "$out"; ok $? "$1 MB: who is enrolled is let in"
	gives 1 "$1 MB: another is not" "$vu" test --user anna --from "$other" --anti-spoofing off
	"$vu" identify --from "$mine/test-1.wav" --json >"$out" 2>&1
	[ $? -le 3 ] && grep -q '"candidates"' "$out"; ok $? "$1 MB: a voice is searched for"
	check "$1 MB: users are listed" bash -c '"$0" list --json | grep -q "\"anna\""' "$vu"
	check "$1 MB: memory is given back" "$vu" cleanup --aggressive
	check "$1 MB: what was given back is loaded again" bash -c '"$0" test --user bert --from "$1" --anti-spoofing off; [ $? -le 1 ]' "$vu" "$other"
	rss=$(of_models rss_bytes)
	[ "$(of_models pid)" = "$pid" ] && [ "$rss" -lt $(($1 << 20)) ]
	ok $? "$1 MB: all of it in one process that holds $((rss >> 20)) MB"
	"$vu" stop >/dev/null 2>&1
}
serves_within $LEAST
gives 0 'a ceiling of 300 MB is one as well' start_with 300
[ "$(of_models limit_bytes)" -eq $((300 << 20)) ]; ok $? 'which status tells'
"$vu" test --user anna --from "$mine/test-1.wav" --anti-spoofing off >"$out" 2>&1
[ $? -le 1 ]; ok $? 'and with which people are recognized'

echo "1..$count"
exit $((failures > 0))
