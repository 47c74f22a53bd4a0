#!/usr/bin/env bash
# What the switches of the configuration turn off is off: lazy and predictive
# loading, quantization, mapping, monitoring; and what they leave on stays on.
# With monitoring, alerts run their command. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
ask=$PWD/build/tests/aid/ask_supervisor

work=$(mktemp -d /tmp/vu-sw.XXXXXX)
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0 LC_ALL=C.UTF-8
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
# Plain templates, so that what is in them can be looked at.
export VOICE_UNLOCK_ENCRYPT=off
export VOICE_UNLOCK_CONFIG=$work/config.yaml XDG_CONFIG_HOME=$work/none
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT

out=$work/out
is_expected() { "$vu" status --json | grep -q '"user": *"anna"'; }
is_ready() { "$vu" call models/States "{\"keys\":[{\"user\":\"$1\"}]}" | grep -q '"state": *"LOADED"'; }
within() { # SECONDS COMMAND…: waits until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@" >"$out" 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
pid_of() { "$ask" status | awk -v s="$1" '$1 == s {print $2}'; }
# Models and detectors that a service has mapped, by their files' names.
mapped() { grep -oE '[^/]+\.vum$' "/proc/$(pid_of "$1")/maps" | sort -u; }
has_mapped() { mapped "$1" | grep -qx "$2.vum"; } # SERVICE MODEL
none_mapped() { local s; for s in models features antispoof; do [ -z "$(mapped "$s")" ] || return 1; done; }
loaded() { "$vu" call models/Stats | python3 -c 'import json,sys; print(int(json.load(sys.stdin).get("total_loaded", 0)))'; }
numbers_of() { build/bin/vu-model info "$VOICE_UNLOCK_HOME/templates/users/$1.vut" | awk '$1 == "voice" {print $2}'; }
points() { # METRIC: how many there are
	"$vu" metrics "$1" --since 600 --json | python3 -c 'import json,sys; print(len(json.load(sys.stdin)["points"]))'
}
some_points() { [ "$(points memory_ml_mb)" -gt 0 ]; }
try() { "$vu" test --user "$1" --from "$mine/test-1.wav"; }
with_maps=false
[ -r /proc/self/maps ] && with_maps=true

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
mine=$work/people/$(head -n 1 "$work/people/people.txt")

# ---- everything on ----

cat >"$work/told" <<END
#!/bin/sh
printf '%s\n' "\$1" >>"$work/alerts"
END
chmod 700 "$work/told"
cat >"$VOICE_UNLOCK_CONFIG" <<END
monitoring:
  interval_s: 1
alerts:
  memory_percent: 1
  command: $work/told
END
check 'a habit is written down' bash -c 'umask 077; mkdir -p "$0/models"; build/tests/aid/seed_habits "$0/models/prediction.db" anna 28' "$VOICE_UNLOCK_HOME"
check 'the suite starts' "$vu" start
check 'someone enrols' "$vu" enroll anna --from "$mine"/enroll-{1,2,3,4,5}.wav
[ "$(numbers_of anna)" = f16 ]; ok $? 'with quantization a voice is kept in numbers of 16 bits'
within 20 is_expected; ok $? 'who always comes at this time is expected'
"$vu" cleanup --aggressive >/dev/null
within 20 is_ready anna; ok $? 'and loaded before anybody asked'
try anna >"$out" 2>&1
if $with_maps; then
	has_mapped models background && has_mapped antispoof synthetic && has_mapped antispoof loudspeaker
	ok $? 'models and detectors are mapped once they were needed'
fi
within 20 some_points; ok $? 'monitoring keeps history'
told() { grep -q '"metric": *"memory_percent"' "$work/alerts"; }
within 20 told; ok $? 'an alert runs alerts.command'
python3 - "$work/alerts" >"$out" 2>&1 <<'END'
import json, sys
alert = json.loads(open(sys.argv[1]).readline())
assert alert["value"] > alert["threshold"] == 1, alert
assert alert["severity"] in ("warning", "critical") and alert["since"], alert
END
ok $? 'with the alert as one JSON object'
check "which 'alerts' shows as well" bash -c '"$0" alerts | grep -q memory_percent' "$vu"
"$vu" stop >/dev/null 2>&1

# ---- lazy loading off ----

check 'the suite starts without lazy loading' env VOICE_UNLOCK_LAZY_LOADING=off "$vu" start
[ "$(loaded)" -gt 0 ]; ok $? 'something is loaded before anybody asked'
if $with_maps; then
	for s in models features; do has_mapped $s background; ok $? "the background in $s"; done
	has_mapped antispoof synthetic && has_mapped antispoof loudspeaker; ok $? 'and the detectors'
fi
"$vu" stop >/dev/null 2>&1

# ---- the others off, lazy loading on ----

rm -f "$work/alerts"
check 'the suite starts with everything else off' env VOICE_UNLOCK_QUANTIZATION=off VOICE_UNLOCK_MMAP=off VOICE_UNLOCK_PREDICTIVE_LOADING=off \
	VOICE_UNLOCK_BACKGROUND=off VOICE_UNLOCK_MAX_MEMORY=100 "$vu" start
[ "$(loaded)" -eq 0 ]; ok $? 'lazily'
before=$("$vu" metrics memory_ml_mb --since 86400 --json 2>&1)
check 'someone enrols' "$vu" enroll bert --from "$mine"/enroll-{1,2,3,4,5}.wav
[ "$(numbers_of bert)" = f32 ]; ok $? 'without quantization in numbers of 32'
try bert >"$out" 2>&1
[ $? -le 3 ] && [ "$(loaded)" -gt 0 ]; ok $? 'people are recognized with it'
try anna >"$out" 2>&1
[ $? -le 3 ]; ok $? 'and with one that was quantized'
if $with_maps; then
	none_mapped; ok $? 'without mapping no model is mapped'
fi
# As long as an alert took before, and history would have grown several times over.
sleep 4
[ "$("$vu" metrics memory_ml_mb --since 86400 --json 2>&1)" = "$before" ]; ok $? 'without monitoring history does not grow'
! is_expected; ok $? 'without prediction nobody is expected'
[ ! -e "$work/alerts" ]; ok $? 'and no alert is raised'
"$vu" report >"$out" 2>&1
grep -q 'monitoring is off' "$out"; ok $? 'which the report says'
[ "$("$ask" status | awk '$1 == "models" {print $7}')" -eq $((100 << 20)) ]; ok $? 'while the memory ceiling stays'

echo "1..$count"
exit $((failures > 0))
