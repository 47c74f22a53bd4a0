#!/usr/bin/env bash
# The whole suite under ThreadSanitizer: people enrol and come while services
# are restarted, killed, stopped and told of a new configuration, and others
# watch status and alerts. Whatever race is seen in any process fails. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

bin=$PWD/build/thread/bin
vu=$bin/jarvis-voice-unlock
if [ ! -x "$bin/vu-supervisor" ] || [ ! -x "$vu" ]; then
	echo "1..0 # SKIP there are no programs under ThreadSanitizer; run make SAN=thread all"
	exit 0
fi
work=$(mktemp -d /tmp/vu-thr.XXXXXX)
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_CONFIG=$work/config.yaml LC_ALL=C.UTF-8
# Verbose, so that each process says that it is watched and where its reports would go.
export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp verbosity=1 atexit_sleep_ms=50"
printf 'http:\n  port: 0\nmonitoring:\n  interval_s: 1\nalerts:\n  cpu_percent: 1\nauthentication:\n  timeout_s: 60\n' >"$VOICE_UNLOCK_CONFIG"
chmod 600 "$VOICE_UNLOCK_CONFIG"
finish() {
	"$vu" stop >/dev/null 2>&1
	rm -rf "$work"
}
trap finish EXIT

out=$work/out
why() {
	head -n 40 "$out" | cut -c1-300
}
# What the command says goes where races are looked for as well.
check() { # NAME COMMAND…
	local name=$1
	shift
	"$@" >"$out" 2>&1
	ok $? "$name"
	cat "$out" >>"$work/said"
}
pid_of() { "$vu" status --json 2>>"$work/said" | python3 -c 'import json,sys; print([s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1]][0])' "$1"; }
is_new() { # SERVICE PID
	local pid
	pid=$(pid_of "$1")
	[ "${pid:-0}" -gt 1 ] && [ "$pid" != "$2" ]
}

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
read -r person _ <"$work/people/people.txt"
mine=$work/people/$person
come() { "$vu" test --user "$person" --from "$mine/test-$1.wav" --anti-spoofing "$2"; }
# Whether the voice fits is not asked here, but that there was a verdict of one who can be let in.
gets_a_verdict() {
	come "$@"
	[ $? -le 1 ]
}

# In the foreground its own reports are ours to read from the first line on.
"$bin/vu-supervisor" >"$work/supervisor" 2>&1 &
supervisor=$!
all_serve() { "$vu" status --json 2>>"$work/said" | grep -q '"ready": *true'; }
within 120 all_serve
ok $? 'the suite starts'
"$vu" alerts --follow >"$work/alerts" 2>>"$work/said" &
follower=$!
"$vu" status --watch >"$work/watched" 2>>"$work/said" &
watcher=$!

check 'somebody enrols' "$vu" enroll "$person" --from "$mine"/enroll-{1,2,3,4,5}.wav
check 'and comes' gets_a_verdict 1 high
check 'comes while services are restarted' bash -c '
	"$0" test --user "$1" --from "$2" --anti-spoofing off & comes=$!
	"$0" restart models && "$0" restart capture || exit 1
	wait $comes; [ $? -le 1 ]' "$vu" "$person" "$mine/test-1.wav"
features=$(pid_of features)
antispoof=$(pid_of antispoof)
kill -KILL "$features"
kill -STOP "$antispoof"
check 'comes while one is killed and one hangs' gets_a_verdict 2 high
within 60 is_new features "$features" && within 60 is_new antispoof "$antispoof"
ok $? 'which both are replaced'
check 'the configuration changes' "$vu" configure authentication.max_attempts 50
within 60 all_serve
ok $? 'and all go on'
check 'comes again, with others' bash -c '
	"$0" identify --from "$2" & other=$!
	"$0" report --json >/dev/null && "$0" list >/dev/null && "$0" history >/dev/null && "$0" cleanup --aggressive || exit 1
	"$0" test --user "$1" --from "$2" --anti-spoofing off; [ $? -le 1 ] || exit 1
	wait $other; [ $? -le 3 ]' "$vu" "$person" "$mine/test-3.wav"
told() { grep -q '"metric": *"cpu_percent"' "$work/alerts"; }
within 60 told
ok $? 'an alert is told to whoever follows'
kill "$follower" "$watcher"
wait "$follower" "$watcher" 2>/dev/null
grep -q models "$work/watched"
ok $? 'and the state to whoever watches'
check 'all stop' "$vu" stop
within 60 bash -c '! kill -0 "$0" 2>/dev/null' "$supervisor"
ok $? 'the supervisor too'

# ---- what ThreadSanitizer saw ----

reports=("$work/supervisor" "$work/said" "$VOICE_UNLOCK_HOME"/log/*)
watched=$(cat "${reports[@]}" 2>/dev/null | grep -oE 'Running under ThreadSanitizer v[0-9]+ \(pid [0-9]+\)' | sort -u | wc -l)
[ "$watched" -ge 20 ] && grep -q "ThreadSanitizer v[0-9]* (pid $supervisor)" "$work/supervisor"
ok $? "every process was watched ($watched)"
cat "${reports[@]}" 2>/dev/null | grep -A 40 'WARNING: ThreadSanitizer' >"$out"
! grep -q ThreadSanitizer "$out"
ok $? 'and none had a race'
echo "1..$count"
exit $((failures > 0))
