#!/usr/bin/env bash
# How the suite says how it does: metrics and their history, alerts in all their
# ways, the report and the diagnostics of a running suite. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
work=$(mktemp -d "${TMPDIR:-/tmp}/vu-mon.XXXXXX")
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
# In a folder without keys: services may see it change there, and need no restart.
mkdir -m 700 "$work/etc"
export VOICE_UNLOCK_CONFIG=$work/etc/config.yaml XDG_CONFIG_HOME=$work/none VOICE_UNLOCK_HTTP_PORT=0
cat >"$work/on-alert" <<END
#!/bin/sh
{ grep -E '^(NoNewPrivs|Seccomp|SigBlk):' /proc/self/status; ls -l /proc/\$\$/fd; } >"$work/as-it-runs" 2>/dev/null
printf '%s\n' "\$1" >>"$work/alerts"
END
cat >"$work/hangs" <<END
#!/bin/sh
sleep 600 &
echo \$! \$\$ >"$work/hanging"
wait
END
printf '#!/bin/sh\necho it did not work >&2\nexit 3\n' >"$work/fails"
chmod 700 "$work/on-alert" "$work/hangs" "$work/fails"
cat >"$VOICE_UNLOCK_CONFIG" <<END
monitoring:
  interval_s: 0.2
alerts:
  command: $work/on-alert
  cpu_percent: 100
  inference_ms: 60000
  cache_hit_percent: 0
END

out=$work/out
# NAME EXPRESSION FILE: holds for the JSON object d in the file
holds() {
	python3 - "$3" "$2" >"$out" 2>&1 <<-'END'
		import json, re, sys
		d = json.load(open(sys.argv[1]))
		sys.exit(0 if eval("(" + sys.argv[2] + ")") else "does not hold: " + sys.argv[2])
	END
	ok $? "$1"
}
follower=
trap '[ -z "$follower" ] || kill "$follower" 2>/dev/null; "$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT
has_points() { "$vu" metrics memory_ml_mb --json >"$work/metric" 2>&1 && [ "$(grep -c '"value"' <(python3 -m json.tool "$work/metric"))" -ge "$1" ]; }
says() { grep -q "$1" "$2" 2>/dev/null; }

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
person=$(head -n 1 "$work/people/people.txt")

check 'the suite starts' "$vu" start
"$vu" alerts --follow >"$work/followed" 2>"$work/follow.err" &
follower=$!
check 'somebody enrols' "$vu" enroll zaphod --from "$work/people/$person"/enroll-{1,2,3,4,5}.wav
check 'and comes' "$vu" test --user zaphod --anti-spoofing off --from "$work/people/$person/test-1.wav"

# ---- metrics ----

within 20 has_points 2; ok $? 'memory has a history'
holds 'with the time between points and quantiles' 'd["step_s"] == 5 and 1 < d["p50"] <= d["p90"] <= d["p99"] < 400' "$work/metric"
was_measured() { "$vu" metrics "$1" --json >"$work/metric" 2>&1 && says '"value"' "$work/metric"; }
for name in auth_time_ms inference_time_ms feature_time_ms model_load_time_ms cache_hit_percent auth_success_rate \
	cpu_percent memory_system_percent memory_cache_mb disk_read_bytes disk_write_bytes memory_capture_mb \
	memory_features_mb memory_antispoof_mb memory_orchestrator_mb memory_supervisor_mb memory_cache_models_mb \
	memory_cache_scalers_mb memory_cache_pca_mb; do
	within 20 was_measured $name; ok $? "$name was measured"
done
check 'for people' bash -c '"$0" metrics cpu_percent | tail -n 1 | grep -E "^p50 [0-9.e+-]+, p90 [0-9.e+-]+, p99 [0-9.e+-]+$"' "$vu"
"$vu" metrics cpu_percnt >"$out" 2>&1
[ $? -eq 2 ] && says 'did you mean cpu_percent' "$out"; ok $? 'a wrong name gets the nearest'

# ---- alerts ----

# Of memory: a busy machine may raise those of time.
check 'no alert is active' bash -c '! "$0" alerts | grep memory_percent' "$vu"
check 'a threshold below what is used' "$vu" configure alerts.memory_percent 1
within 20 says memory_percent "$work/followed"; ok $? 'raises an alert for whoever follows'
grep -m 1 memory_percent "$work/followed" >"$work/first"
holds 'as the interface has it' 'sorted(d) == ["metric", "severity", "since", "threshold", "value"] and d["metric"] == "memory_percent" and d["value"] > d["threshold"] == 1 and d["severity"] in ("warning", "critical")' "$work/first"
within 20 says memory_percent "$work/alerts"; ok $? 'for the command'
within 20 says 'alert (.*): memory_percent is' "$VOICE_UNLOCK_HOME/log/orchestrator.log"; ok $? 'in the log'
check 'and in the list' bash -c '"$0" alerts | grep -q memory_percent' "$vu"
check 'the threshold is set back' "$vu" configure alerts.memory_percent 80
within 20 says 'alert over: memory_percent' "$VOICE_UNLOCK_HOME/log/orchestrator.log"; ok $? 'and the alert ends'
check 'no alert is active any more' bash -c '! "$0" alerts | grep memory_percent' "$vu"
[ "$(grep -c memory_percent "$work/followed")" -eq 1 ] && [ "$(grep -c memory_percent "$work/alerts")" -eq 1 ]
ok $? 'it was told once'
kill -INT "$follower" && wait "$follower"
ok $((($? == 130 || $? == 0) ? 0 : 1)) 'whoever follows can leave'
follower=

if [ -d /proc/self ]; then
	grep -qE '^NoNewPrivs:[[:space:]]*0$' "$work/as-it-runs" && grep -qE '^Seccomp:[[:space:]]*0$' "$work/as-it-runs" &&
		grep -qE '^SigBlk:[[:space:]]*0+$' "$work/as-it-runs" || cp "$work/as-it-runs" "$out"
	ok $? 'the command may do what its owner may'
	! grep -E ' -> ' "$work/as-it-runs" | grep -vE '(/dev/null|/on-alert|/supervisor\.log|/as-it-runs|/proc/[0-9]*/fd)$' >"$out"
	ok $? 'and inherits no open file of the suite'
fi

# One that hangs is killed, and the one that waits behind it is run then: looked at below.
orchestrator_pid() { "$vu" status --json | python3 -c 'import json,sys; print([s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == "orchestrator"][0])'; }
before=$(orchestrator_pid)
rm -f "$work/hanging"
check 'a command that hangs' "$vu" configure alerts.command "$work/hangs"
check 'an alert again' "$vu" configure alerts.memory_percent 1
within 20 says . "$work/hanging"; ok $? 'runs it'
check 'set back' "$vu" configure alerts.memory_percent 80
over() { [ "$(grep -c 'alert over: memory_percent' "$VOICE_UNLOCK_HOME/log/orchestrator.log")" -ge "$1" ]; }
within 20 over 2; ok $? 'it is over'
check 'a command that fails' "$vu" configure alerts.command "$work/fails"
check 'and an alert' "$vu" configure alerts.memory_percent 1
raised() { [ "$(grep -c 'alert (.*): memory_percent is' "$VOICE_UNLOCK_HOME/log/orchestrator.log")" -ge "$1" ]; }
within 20 raised 3; ok $? 'while the other still hangs'
check 'set back once more' "$vu" configure alerts.memory_percent 80
[ "$(orchestrator_pid)" = "$before" ]; ok $? 'another command restarts nobody'

# ---- report and diagnostics ----

"$vu" report --json >"$work/report" 2>&1
holds 'the report is as the interface has it' 'set(d) >= {"ml_performance", "auth", "recommendations"} and set(d["ml_performance"]) >= {"memory", "models", "cache"} and d["auth"]["count"] >= 1 and d["auth"]["p50_ms"] > 0 and d["ml_performance"]["models"]["total_loaded"] >= 1 and 0 <= d["ml_performance"]["cache"]["hit_rate"] <= 100' "$work/report"
check 'the report speaks to people' bash -c '"$0" report | grep -qE "^attempts [0-9]+, "' "$vu"
check 'diagnostics are written' "$vu" diagnostics "$work/diagnostics"
[ "$(stat -c %a "$work/diagnostics" 2>/dev/null || stat -f %Lp "$work/diagnostics")" = 600 ]; ok $? 'for the owner alone'
holds 'with report, configuration, status, metrics, log and versions' 'd["performance_report"]["auth"]["count"] >= 1 and d["configuration"]["alerts.memory_percent"] == "80" and d["status"]["ready"] and len(d["metrics"]) == 21 and all("points" in m for m in d["metrics"].values()) and len(d["log"]["models"]) > 0 and all(v.get("version") for k, v in d["versions"].items())' "$work/diagnostics"
holds 'and no error' '"PERMISSION_DENIED" not in json.dumps(d) and all("error" not in c for c in d["counters"].values())' "$work/diagnostics"
key=$(od -An -v -tx1 -N 32 -j 16 "$work/home.key" 2>/dev/null | tr -d ' \n')
[ -n "$key" ] && ! says "$key" "$work/diagnostics"; ok $? 'and without the key'
check 'names are to be left out' "$vu" configure security.anonymize_logs true
check 'diagnostics without names' "$vu" diagnostics "$work/anonymous"
! says zaphod "$work/anonymous"; ok $? 'have none'

# ---- off ----

check 'monitoring is switched off' "$vu" configure performance.background_monitoring false
has_advice() { "$vu" report >"$out" 2>&1 && says 'monitoring is off' "$out"; }
within 20 has_advice; ok $? 'which the report says'
sleep 0.5
ring=$(find "$VOICE_UNLOCK_HOME" -name metrics.ring)
before=$(md5sum <"$ring")
sleep 1.5
[ "$before" = "$(md5sum <"$ring")" ]; ok $? 'and no history is written'
check 'the suite serves all the same' "$vu" test --user zaphod --anti-spoofing off --from "$work/people/$person/test-2.wav"

# ---- the command that hung, and the one behind it ----

log=$VOICE_UNLOCK_HOME/log/supervisor.log
within 60 says 'alerts.command has not ended after 15 s: killed' "$log"; ok $? 'the command that hangs is killed'
gone() {
	local pid
	for pid in $(cat "$work/hanging"); do ! kill -0 "$pid" 2>/dev/null || return 1; done
}
within 20 gone; ok $? 'with what it had started'
within 20 says 'alerts.command ended with status 3' "$log"; ok $? 'the one that fails is run then, and its status logged'
says '^it did not work' "$log"; ok $? 'with what it said'
[ "$(grep -c memory_percent "$work/alerts")" -eq 1 ]; ok $? 'and neither was the first one run again'

check 'the suite stops' "$vu" stop
# ---- secrets that cannot be locked in memory ----

# The address sanitizer makes mlock() succeed always.
if [ -d /proc/self ] && ! grep -qa __asan_init build/bin/vu-models; then
	"$vu" configure performance.background_monitoring true >"$out" 2>&1
	"$vu" configure alerts.command "$work/on-alert" >"$out" 2>&1
	check 'the suite starts where nothing can be locked in memory' bash -c 'ulimit -l 0 && exec "$0" start' "$vu"
	check 'it serves all the same' "$vu" test --user zaphod --anti-spoofing off --from "$work/people/$person/test-3.wav"
	unlocked() { "$vu" alerts 2>&1 | grep unlocked_secret_bytes; }
	within 20 unlocked >"$out"; ok $? 'and raises an alert'
	within 20 says unlocked_secret_bytes "$work/alerts"; ok $? 'for the command, too'
	says 'unable to lock secrets in memory.*LimitMEMLOCK' "$VOICE_UNLOCK_HOME/log/models.log"; ok $? 'the log names the remedy'
	check 'the suite stops' "$vu" stop
fi

echo "1..$count"
exit $((failures > 0))
