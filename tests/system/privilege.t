#!/usr/bin/env bash
# Least privilege on the running suite: what the command line may not call, and
# what each service may not do when it is taken over (tests/system/aid/taken_over.c
# in its place). TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

BUILD=$PWD/build
vu=$BUILD/bin/jarvis-voice-unlock
work=$(mktemp -d "${TMPDIR:-/tmp}/vu-priv.XXXXXX")
unset VOICE_UNLOCK_MAX_MEMORY XDG_CONFIG_HOME
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml
# A command for alerts must not widen anything: it is the supervisor that runs it.
printf 'alerts:\n  command: "true"\n' >"$VOICE_UNLOCK_CONFIG"

out=$work/out
why() {
	tail -n 20 "$work/out"
}
within() { # SECONDS COMMAND…: waits until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT
bin=$work/bin
log_of() { echo "$VOICE_UNLOCK_HOME/log/$1.log"; }

# ---- the true suite: what the command line may not call ----

# METHOD: refused to the command line, which is told so
refused() {
	"$vu" call "$@" '{}' >"$work/out" 2>&1 && return 1
	grep -qE 'PERMISSION_DENIED.*unable to call .* as a client: it is for ' "$work/out"
}
check 'the suite starts' "$vu" start
for method in models/Score models/Enroll models/Identify models/ListUsers models/Remove models/SetPressure \
	models/Adapt features/Extract antispoof/Assess antispoof/Forget capture/Read models/Process.Reload; do
	check "the command line may not call $method" refused $method
done
check 'it may ask how models does' "$vu" call models/Stats
check 'and list the users' "$vu" list
check 'and reload' "$vu" call supervisor/Reload

# ---- what confines the processes ----

pid_of() { "$vu" status --json | python3 -c 'import json,sys; print([s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1]][0])' "$1"; }
# SERVICE: on every thread no new privileges, system calls filtered, no capability
confined() {
	local pid task
	pid=$(pid_of "$1")
	for task in "/proc/$pid/task"/*; do
		grep -E '^(NoNewPrivs|Seccomp|CapEff|CapPrm|CapInh|CapBnd):' "$task/status" >"$work/status"
		cat "$work/status"
		grep -qE '^NoNewPrivs:[[:space:]]*1$' "$work/status" || return 1
		grep -qE '^Seccomp:[[:space:]]*2$' "$work/status" || return 1
		! grep -E '^Cap(Eff|Prm|Inh):' "$work/status" | grep -qvE '0000000000000000$' || return 1
	done
}
# SERVICE: owned by root in /proc, which means that nobody may look into it or dump it; no key in its environment
sealed() {
	local pid
	pid=$(pid_of "$1")
	[ "$(id -u)" = 0 ] || [ "$(stat -c %U "/proc/$pid/mem")" = root ] || return 1
	grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits" || return 1
	[ "$(id -u)" != 0 ] || ! tr '\0' '\n' <"/proc/$pid/environ" | grep -qiE '(SECRET|PASSWORD|TOKEN)='
}
if [ "$(uname -s)" = Linux ]; then
	for service in capture features models antispoof orchestrator; do
		check "$service is confined" confined $service
		check "$service is sealed" sealed $service
	done
	check 'the supervisor is sealed' sealed supervisor
	check 'the doctor says what confines' bash -c '"$0" doctor | grep -q "^[a-z]* *confinement *[A-Z]"' "$vu"
	check 'nothing was kept from what it needs' bash -c '! grep -hE "Permission denied|not permitted|not for this service" "$0"/log/*.log' "$VOICE_UNLOCK_HOME"
fi
check 'the suite stops' "$vu" stop

# ---- a service that was taken over ----

mkdir -p "$bin"
for s in supervisor capture features models antispoof orchestrator; do cp "$BUILD/bin/vu-$s" "$bin"; done

# SERVICE WHAT RESULT: what came of a try
came() { grep -qE "tried $2: $3\"" "$(log_of "$1")"; }
# SERVICE PATTERN…: of all calls that it tried, these alone were not refused
only_calls() {
	local service=$1 allowed=$2
	grep -o 'tried [a-z]*/[A-Za-z0-9.]*: [A-Z_]*' "$(log_of "$service")" | sort -u >"$work/tried"
	[ "$(wc -l <"$work/tried")" -ge 50 ] || { echo "too few tries"; cat "$work/tried"; return 1; }
	! grep -vE ': PERMISSION_DENIED$' "$work/tried" | grep -vE "^tried ($allowed): "
}
tried_all() { grep -q '"tried all"' "$(log_of "$1")"; }

# As a matter of course each may ask whether another serves.
HEALTH='[a-z]*/grpc.health.v1.Health.Check'
P='voiceunlock\.v1'
for service in capture features models antispoof orchestrator; do
	case $service in
	features | antispoof) may="$HEALTH|capture/$P.Capture.Read" ;;
	orchestrator)
		may="$HEALTH|[a-z]*/$P.Process.(Info|Counters)|supervisor/$P.Supervisor.(Status|RunAlertCommand)"
		may+="|capture/$P.Capture.(OpenSession|GetSession|CloseSession)|features/$P.Features.Extract"
		may+="|antispoof/$P.Antispoof.(Assess|Forget|ReplayMemory)"
		may+="|models/$P.Models.(Enroll|Agreement|Score|ScoreMany|Identify|Adapt|Revert|ListUsers|Remove"
		may+="|RemoveNamespace|Observe|Expire|Phrases|CheckPhrases|CountGuess|ForgetGuesses|Preload|Stats|States)"
		;;
	*) may=$HEALTH ;;
	esac
	cp "$BUILD/tests/aid/taken_over" "$bin/vu-$service"
	check "the suite starts with $service taken over" "$bin/vu-supervisor" --detach
	check "$service tries all it can" within 60 tried_all "$service"
	check "$service reaches nothing that is not its business" only_calls "$service" "$may"
	check "and is heard where it is" came "$service" "$([ $service = capture ] && echo models || echo capture)/grpc.health.v1.Health.Check" OK
	check 'that suite stops' "$vu" stop
	rm -f "$bin/vu-$service"
	cp "$BUILD/bin/vu-$service" "$bin"
done

echo "1..$count"
exit $((failures > 0))
