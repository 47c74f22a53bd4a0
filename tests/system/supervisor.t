#!/usr/bin/env bash
# The supervisor with real processes. First with services that misbehave on
# demand (tests/system/aid/odd_service.c), then with the true ones. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

BUILD=$PWD/build
ask=$BUILD/tests/aid/ask_supervisor
SERVICES='capture features models antispoof orchestrator'

work=$(mktemp -d "${TMPDIR:-/tmp}/vu-sup.XXXXXX")
bin=$work/bin
mkdir -p "$bin"
cp "${SUPERVISOR:-$BUILD/bin/vu-supervisor}" "$bin"
for s in $SERVICES; do cp "$BUILD/tests/aid/odd_service" "$bin/vu-$s"; done

unset VOICE_UNLOCK_MAX_MEMORY XDG_CONFIG_HOME
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
export VOICE_UNLOCK_CONFIG=$work/config.yaml
: >"$VOICE_UNLOCK_CONFIG"
odd=$VOICE_UNLOCK_HOME/odd

why() {
	"$ask" status 2>&1
	tail -n 5 "$VOICE_UNLOCK_HOME/log/supervisor.log"
}
check() { # NAME COMMAND…: ok when the command succeeds
	local name=$1
	shift
	"$@" >"$work/out" 2>&1
	local status=$?
	[ $status -eq 0 ] || sed 's/^/# /' "$work/out"
	ok $status "$name"
}

# ---- what status says: name pid state health restarts rss limit reason ----

line() { "$ask" status | grep "^$1 "; }
field() { line "$1" | cut -d' ' -f"$2"; }
pid_of() { field "$1" 2; }
reason_of() { line "$1" | cut -d' ' -f8-; }
serves() { [ "$(field "$1" 3)" = running ] && [ "$(field "$1" 4)" = SERVING ]; }
failed() { [ "$(field "$1" 3)" = failed ]; }
ready() { [ "$("$ask" status | tail -n 1)" = ready ]; }
all_pids() { "$ask" status | awk 'NF > 2 && $2 > 0 {print $2}'; }
others() { "$ask" status | awk -v skip="$1" 'NF > 2 && $1 != skip {print $1, $2}'; }
alive() { [ -n "$(ps -o pid= -p "$1" 2>/dev/null)" ] && [ "$(ps -o stat= -p "$1" | cut -c1)" != Z ]; }
none_alive() { local p; for p in "$@"; do ! alive "$p" || return 1; done; }
within() { # SECONDS COMMAND…: waits until it succeeds
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}
new_pid() { local now; now=$(pid_of "$1") && [ -n "$now" ] && [ "$now" != 0 ] && [ "$now" != "$2" ] && serves "$1"; }

# signal NAME PID; a service without a process says 0, which would mean all of ours.
signal() { [ "${2:-0}" -gt 1 ] && kill "-$1" "$2"; }
start() { "$bin/vu-supervisor" --detach; }
stop_suite() {
	local pids
	pids=$("$ask" status 2>/dev/null | awk 'NF > 2 && $2 > 0 {print $2}')
	"$ask" stop >/dev/null 2>&1
	# shellcheck disable=SC2086
	within 15 none_alive $pids
}
clean_up() {
	local p
	for p in $("$ask" status 2>/dev/null | awk 'NF > 2 && $2 > 0 {print $2}'); do kill -CONT "$p"; done 2>/dev/null
	stop_suite
	rm -rf "$work"
}
trap clean_up EXIT
mischief() { mkdir -p "$odd" && echo "$2" >"$odd/$1"; }
no_mischief() { rm -f "$odd/$1"; }

# ---- the command line ----

check 'help' grep -q 'usage: vu-supervisor' <("$bin/vu-supervisor" --help)
check 'version' grep -q '^vu-supervisor [0-9]' <("$bin/vu-supervisor" --version)
"$bin/vu-supervisor" --nonsense >/dev/null 2>&1
[ $? -eq 2 ]; ok $? 'an unknown option is a usage error'
"$bin/vu-supervisor" nonsense >/dev/null 2>&1
[ $? -eq 2 ]; ok $? 'an argument is a usage error'

# ---- start ----

start
ok $? 'start returns when all serves'
[ $failures -eq 0 ] || { echo 'Bail out! nothing else can work'; exit 1; }
check 'all services serve' ready
check 'the supervisor comes first' grep -q '^supervisor ' <("$ask" status | head -n 1)
[ "$("$ask" status | wc -l)" -eq 7 ]; ok $? 'status lists the supervisor and five services'
[ "$(stat -c %a "$VOICE_UNLOCK_RUNTIME_DIR" 2>/dev/null || stat -f %Lp "$VOICE_UNLOCK_RUNTIME_DIR")" = 700 ]
ok $? 'the runtime folder is private'
[ "$(stat -c %a "$VOICE_UNLOCK_HOME" 2>/dev/null || stat -f %Lp "$VOICE_UNLOCK_HOME")" = 700 ]
ok $? 'the state folder is private'
[ "$(stat -c %a "$VOICE_UNLOCK_HOME/log/models.log" 2>/dev/null || stat -f %Lp "$VOICE_UNLOCK_HOME/log/models.log")" = 600 ]
ok $? 'logs are private'
check 'what services write is in their log' grep -q 'listening on' "$VOICE_UNLOCK_HOME/log/models.log"
[ "$(field models 7)" -eq $((400 << 20)) ]; ok $? 'models may hold performance.max_memory_mb'
bad=0
for s in $SERVICES; do
	[ "$(field "$s" 6)" -gt 500000 ] && [ "$(field "$s" 7)" -gt 0 ] && [ "$(field "$s" 5)" -eq 0 ] || bad=1
	[ "$(ps -o sess= -p "$(pid_of "$s")" | tr -d ' ')" = "$(pid_of "$s")" ] || bad=2
done
ok $bad 'every service has memory, a limit, no restarts and a session of its own'
[ "$("$ask" whois "$(pid_of antispoof)")" = antispoof ]; ok $? 'whois knows a service by its pid'
[ "$("$ask" whois "$(pid_of supervisor)")" = supervisor ]; ok $? 'whois knows the supervisor'
[ -z "$("$ask" whois $$)" ]; ok $? 'whois knows nobody else'
if [ -d /proc/self/fd ]; then
	ls -l "/proc/$(pid_of models)/fd" >"$work/fds"
	! grep -qE 'rings|supervisor|log/' "$work/fds"; ok $? 'models inherits neither rings nor descriptors of the supervisor'
	grep -q rings <(ls -l "/proc/$(pid_of capture)/fd"); ok $? 'capture inherits the rings'
fi

# ---- one instance ----

before=$(others none)
message=$(start 2>&1)
[ $? -eq 75 ]; ok $? 'a second start exits with 75'
[[ $message == *"already running (pid $(pid_of supervisor))"* ]]; ok $? 'and names the pid that runs'
message=$("$bin/vu-supervisor" 2>&1)
[ $? -eq 75 ]; ok $? 'in the foreground as well'
[ "$before" = "$(others none)" ] && ready; ok $? 'the first is not disturbed'

# ---- death ----

slowest=0
for s in $SERVICES; do
	before=$(others "$s")
	old=$(pid_of "$s")
	ms=$("$ask" kill "$s")
	within 10 new_pid "$s" "$old"; ok $? "$s serves again after SIGKILL (after $ms ms)"
	[ "$before" = "$(others "$s")" ] && [ "$(field "$s" 5)" = 1 ]; ok $? "$s: one restart, and the others keep their pids"
	slowest=$(printf '%s\n%s\n' "$slowest" "$ms" | sort -n | tail -n 1)
done
echo "# slowest kill to serving: $slowest ms"
[ "$(reason_of models)" = 'killed from outside' ]; ok $? 'the reason says that it was killed'

old=$(pid_of models)
signal ABRT "$old"
within 10 new_pid models "$old"; ok $? 'models serves again after a crash'
[[ $(reason_of models) == 'died by signal 6'* ]]; ok $? 'the reason names the signal'

old=$(pid_of features)
signal STOP "$old"
within 10 new_pid features "$old"; ok $? 'a service that hangs is replaced'
for _ in 1 2 3 4 5 6; do
	old=$(pid_of features)
	signal STOP "$old"
	within 20 new_pid features "$old" || break
done
! failed features && serves features; ok $? 'and never given up for being stopped'
[[ $(reason_of features) == *'hung'* ]]; ok $? 'the reason says that it hung'

# ---- restart ----

before=$(others models)
old=$(pid_of models)
answer=$("$ask" restart models)
[[ $answer == "models "*" running SERVING "* ]]; ok $? 'restart answers when the service serves'
[ "$(pid_of models)" != "$old" ] && [[ $answer == "models $(pid_of models) "* ]]; ok $? 'under a new pid'
[ "$before" = "$(others models)" ]; ok $? 'and leaves the others alone'
answer=$("$ask" restart modles)
[ $? -eq 5 ] && [[ $answer == *"did you mean 'models'"* ]]; ok $? 'restart of a misspelt service says which it could be'
answer=$("$ask" restart everything)
[ $? -eq 5 ] && [[ $answer == *capture*orchestrator* ]]; ok $? 'restart of an unknown service lists them'
answer=$("$ask" restart supervisor)
[ $? -eq 9 ]; ok $? 'the supervisor does not restart itself'
mischief features no-stop
"$ask" restart features >/dev/null
old=$(pid_of features)
no_mischief features
"$ask" restart features >/dev/null && [ "$(pid_of features)" != "$old" ]; ok $? 'a service that does not stop is killed'
[[ $(reason_of features) == *'did not stop by itself'* ]]; ok $? 'and the reason says so'

# ---- crash loop ----

mischief models 'abort-after 20'
signal KILL "$(pid_of models)"
within 20 failed models; ok $? 'a service that keeps crashing is given up'
[[ $(reason_of models) == 'died 5 times within a minute; the last time: died by signal 6'* ]]
ok $? 'the reason says how often and how'
sleep 1
failed models && ! ready; ok $? 'it is left alone'
no_mischief models
"$ask" restart models >/dev/null && serves models; ok $? 'restart gives it another chance'
mischief antispoof 'exit 8'
answer=$("$ask" restart antispoof)
[ $? -eq 9 ] && [[ $answer == *'unable to go on: the test said 8'* ]]
ok $? 'restart of a service that refuses its configuration fails with what it said'
no_mischief antispoof
"$ask" restart antispoof >/dev/null && ready; ok $? 'and succeeds when that is mended'

# ---- memory ----

printf 'performance:\n  max_memory_mb: 100\n  cache_size_mb: 50\n' >"$VOICE_UNLOCK_CONFIG"
before=$(others none)
check 'reload' "$ask" reload
[ "$(field models 7)" -eq $((100 << 20)) ]; ok $? 'the new limit holds'
[ "$before" = "$(others none)" ]; ok $? 'nobody was restarted for it'
mischief models 'hold 85'
"$ask" restart models >/dev/null
old=$(pid_of models)
gave_back() { [ "$(field models 6)" -lt $((60 << 20)) ]; }
within 10 gave_back; ok $? 'at 80 % a service is asked to give memory back, and does'
[ "$(pid_of models)" = "$old" ]; ok $? 'by the same process'
mischief models 'keep 130'
"$ask" restart models >/dev/null
no_mischief models
killed_for_memory() { [[ $(reason_of models) == 'killed: it held '* ]] && serves models; }
within 20 killed_for_memory; ok $? 'above its limit it is killed and started again'
[[ $(reason_of models) == 'killed: it held '*' MB of memory, its limit is 100 MB' ]]; ok $? 'the reason says how much it held'
mischief models 'gulp 1024'
"$ask" restart models >/dev/null
old=$(pid_of models)
no_mischief models
within 20 grep -q gulped "$VOICE_UNLOCK_HOME/log/models.log"; ok $? 'a service allocates 1 GB as fast as it can'
if [ -r "/proc/$old/status" ]; then
	highest=$(awk '/VmHWM/ {print $2}' "/proc/$old/status")
	[ "$highest" -gt $((50 << 10)) ] && [ "$highest" -lt $((100 << 10)) ]; ok $? "and does not get past its limit ($highest KB of 102400)"
fi
sleep 1
[ "$(pid_of models)" = "$old" ] && serves models; ok $? 'and goes on serving'
"$ask" restart models >/dev/null

# ---- configuration ----

echo 'performance: [' >"$VOICE_UNLOCK_CONFIG"
answer=$("$ask" reload)
[ $? -eq 3 ] && [[ $answer == *config.yaml* ]]; ok $? 'a bad configuration is refused by reload'
ready && [ "$(field models 7)" -eq $((100 << 20)) ]; ok $? 'and the old one stays'
: >"$VOICE_UNLOCK_CONFIG"
mischief features refuse-reload
"$ask" restart features >/dev/null
old=$(pid_of features)
check 'reload with a service that cannot change while it runs' "$ask" reload
within 10 new_pid features "$old"; ok $? 'that service is restarted'
no_mischief features
signal HUP "$(pid_of supervisor)"
read_again() { [ "$(grep -c 'was read again' "$VOICE_UNLOCK_HOME/log/supervisor.log")" -ge 3 ]; }
within 10 read_again; ok $? 'SIGHUP reads the configuration as well'

# ---- stop ----

pids=$(all_pids)
check 'stop answers' "$ask" stop
# shellcheck disable=SC2086
within 10 none_alive $pids; ok $? 'no process is left'
"$ask" status >/dev/null
[ $? -eq 14 ]; ok $? 'nobody serves any more'
start; ok $? 'it starts again right after'
"$ask" stop
start; ok $? 'a start while it stops waits for that'
stop_suite

# ---- starts that fail ----

echo 'performance: [' >"$VOICE_UNLOCK_CONFIG"
message=$(start 2>&1)
[ $? -eq 8 ] && [[ $message == *config.yaml* ]]; ok $? 'a bad configuration: exit 8 and where'
: >"$VOICE_UNLOCK_CONFIG"
chmod 777 "$VOICE_UNLOCK_RUNTIME_DIR"
message=$(start 2>&1)
[ $? -eq 9 ] && [[ $message == *'chmod 700'* ]]; ok $? 'a runtime folder that others can write to: exit 9 and the remedy'
chmod 755 "$VOICE_UNLOCK_RUNTIME_DIR"
mischief capture 'exit 8'
message=$(start 2>&1)
[ $? -eq 8 ] && [[ $message == *'unable to start capture'*'the test said 8'* ]]
ok $? 'a service refuses its configuration: exit 8 and what it said'
! "$ask" status >/dev/null; ok $? 'and nothing is left running'
no_mischief capture
mv "$bin/vu-models" "$work/vu-models"
message=$(start 2>&1)
[ $? -eq 7 ] && [[ $message == *'unable to start models'*'No such file'* ]]; ok $? 'a missing program: exit 7 and which'
mv "$work/vu-models" "$bin/vu-models"

# ---- the supervisor dies ----

start
pids=$(all_pids)
stopped=$(pid_of antispoof)
signal STOP "$stopped"
old=$(pid_of supervisor)
guardian=$(ps -o ppid= -p "$old" | tr -d ' ')
signal KILL "$old"
# shellcheck disable=SC2046
within 5 none_alive $(echo "$pids" | grep -vx "$stopped"); ok $? 'services end when the supervisor is killed'
within 20 new_pid supervisor "$old"; ok $? 'the guardian starts another supervisor'
within 20 ready; ok $? 'which brings everything up again'
! alive "$stopped"; ok $? 'and replaces a service that could not end, being stopped'
[ "$(ps -o ppid= -p "$(pid_of supervisor)" | tr -d ' ')" = "$guardian" ]; ok $? 'under the same guardian'
pids=$(all_pids)
stop_suite
# shellcheck disable=SC2086
within 5 none_alive $pids "$guardian"; ok $? 'stop ends it all, the guardian included'
start
pids=$(all_pids)
old=$(pid_of supervisor)
signal KILL "$(ps -o ppid= -p "$old" | tr -d ' ')"
ready; ok $? 'nothing depends on the guardian'
signal KILL "$old"
# shellcheck disable=SC2086
within 5 none_alive $pids; ok $? 'without one, a supervisor that is killed is not followed by another'
start; ok $? 'a start finds the place free'
stop_suite

# ---- foreground ----

"$bin/vu-supervisor" 2>"$work/foreground.log" &
foreground=$!
within 10 ready; ok $? 'it runs in the foreground'
check 'and shows what services write' within 5 grep -q '"service":"models"' "$work/foreground.log"
pids=$(all_pids)
kill -TERM $foreground
wait $foreground
[ $? -eq 0 ]; ok $? 'SIGTERM stops it with exit 0'
# shellcheck disable=SC2086
none_alive $pids; ok $? 'and every service with it'

# ---- the true services ----

true_services() { for s in $SERVICES; do [ -x "$BUILD/bin/vu-$s" ] || return 1; done; }
if true_services; then
	bin=$BUILD/bin
	started=$(date +%s%N)
	start; ok $? 'the true services start'
	echo "# start of the true suite: $((($(date +%s%N) - started) / 1000000)) ms"
	for s in $SERVICES; do
		before=$(others "$s")
		old=$(pid_of "$s")
		ms=$("$ask" kill "$s")
		within 10 new_pid "$s" "$old" && [ "$before" = "$(others "$s")" ]
		ok $? "true $s serves again after SIGKILL, the others undisturbed (after $ms ms)"
	done
	bad=0
	for s in $SERVICES; do
		"$ask" restart "$s" >/dev/null || bad=1
	done
	ready || bad=1
	ok $bad 'each restarts on request'
	pids=$(all_pids)
	"$ask" stop
	# shellcheck disable=SC2086
	within 10 none_alive $pids; ok $? 'and all stop'
else
	echo "# the true services are not all built: not tried"
fi

echo "1..$count"
[ $failures -eq 0 ]
