#!/usr/bin/env bash
# The clock of the wall jumps days ahead and years back under the running suite:
# a lockout lasts as long as it was to last, nobody is refused or let in for it,
# and nothing is lost. A library put into the services turns their clock; clocks that
# only run on are left alone, as a person who sets the clock leaves them. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
ask=$PWD/build/tests/aid/ask_supervisor
shift=$PWD/build/tests/clock_shift.so
[ -e "$shift" ] || {
	echo "1..0 # SKIP the clock can be turned on Linux only"
	exit 0
}

work=$(mktemp -d /tmp/vu-clock.XXXXXX)
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export XDG_CONFIG_HOME=$work/none VOICE_UNLOCK_HTTP_PORT=0
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT

out=$work/out
ends_with() { # STATUS NAME COMMAND…
	local wanted=$1 name=$2 got
	shift 2
	"$@" >"$out" 2>&1
	got=$?
	[ $got -eq "$wanted" ]
	ok $? "$name (exit $got)"
}
pids() { "$ask" status | awk 'NF > 2 {print $1, $2}'; }
undisturbed() { [ "$(pids)" = "$before" ]; }
# What the services take for the time of day is so many days away.
turn_clock() {
	perl -e 'print pack("q", $ARGV[0] * 86400)' -- "$1" | dd of="$work/clock" conv=notrunc status=none
}
lets_in() { "$vu" test --user anna --from "$mine/test-$1.wav" --anti-spoofing off; }
stranger() { "$vu" test --user anna --from "$work/people/$other/test-1.wav" --anti-spoofing off; }
seconds_locked() { "$vu" status --json | python3 -c 'import json,sys
print(int(json.load(sys.stdin)["lockouts"][0]["remaining_s"]))'; }
# The newest attempt bears the date that was set: the clock is really turned.
written_on() { "$vu" history -l 1 >"$out" 2>&1 && grep -q "^$1 " "$out"; }

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
other=$(sed -n 2p "$work/people/people.txt")
mine=$work/people/$(head -n 1 "$work/people/people.txt")

turn_clock 0
check 'the suite starts with a clock that can be turned' env LD_PRELOAD="$shift" CLOCK_SHIFT_FILE="$work/clock" "$vu" start
check 'someone enrols' "$vu" enroll anna --from "$mine"/enroll-{1,2,3,4,5}.wav
before=$(pids)

for jump in +400 -3000 +9000 -2; do
	turn_clock "$jump"
	check "the clock jumps to $jump days: she is let in" lets_in 1
	ends_with 1 'and nobody else is' stranger
	written_on "$(date -d "$jump days" +%Y-%m-%d)"
	ok $? 'it is written under the time that it is'
done
turn_clock 0
check 'back at the right time she is let in' lets_in 1

for _ in 1 2 3 4 5 6; do stranger >/dev/null 2>&1; done
ends_with 6 'after too many failures nobody is let in' lets_in 1
left=$(seconds_locked)
for jump in +30 -30 +3650 0; do
	turn_clock "$jump"
	ends_with 6 "nor after the clock jumped to $jump days" lets_in 1
	now=$(seconds_locked)
	[ -n "$left" ] && [ -n "$now" ] && [ "$now" -le "$left" ] && [ "$now" -gt $((left - 120)) ]
	ok $? "the lockout is neither longer nor shorter for it ($left s, then $now s)"
done

undisturbed
ok $? 'no service ended over it'
check 'the audit log is whole' "$vu" audit verify
"$vu" history -l 100 >"$out" 2>&1
[ "$(grep -c authenticate "$out")" -ge 14 ]
ok $? 'all attempts are remembered'
"$vu" list --json >"$out" 2>&1 && grep -q '"verified": true' "$out"
ok $? 'and so is her voice'

echo "1..$count"
[ $failures -eq 0 ]
