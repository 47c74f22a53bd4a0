#!/usr/bin/env bash
# SIGKILL of each service at different moments of real authentications. TAP.
#
# Every attempt must end within its deadline; nobody is let in who should not
# be; whoever is let in undisturbed is let in all the same, since the front
# repeats what was cut off; and what it repeats is not taken for a replay of a
# recording. Which recordings are accepted undisturbed is found out first by
# isolated trials, which the replay memory does not see. Each recording is then
# used once.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

bin=$PWD/build/bin
cli=$bin/jarvis-voice-unlock
ask=$PWD/build/tests/aid/ask_supervisor
SERVICES='capture features models antispoof orchestrator'
# authentication.timeout_s, and what a busy machine may add to start and end a command.
DEADLINE_S=10
SLACK_S=5

work=$(mktemp -d /tmp/vu-fault.XXXXXX)
export VOICE_UNLOCK_HOME=$work/state VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_CONFIG=$work/config.yaml
unset VOICE_UNLOCK_LEVEL VOICE_UNLOCK_ANTI_SPOOFING
printf 'http:\n  port: 0\nauthentication:\n  timeout_s: %s\n' "$DEADLINE_S" >"$work/config.yaml"
chmod 600 "$work/config.yaml"
finish() {
	"$cli" stop >/dev/null 2>&1
	rm -rf "$work"
}
trap finish EXIT

why() {
	:
}
bail() {
	echo "Bail out! $*"
	exit 1
}
field() { grep -oE "\"$1\": ?(\"[^\"]*\"|[^,}]*)" | head -n 1 | sed -E "s/\"$1\": ?//; s/^\"//; s/\"$//"; }
now_ms() { echo $(($(date +%s%N) / 1000000)); }
pid_of() { "$ask" status | awk -v s="$1" '$1 == s {print $2}'; }
# kill -9 of one process; a service that has none just now says 0, which would mean all of ours.
kill_hard() { [ "${1:-0}" -gt 1 ] && kill -9 "$1" 2>/dev/null; }
ready() { [ "$("$ask" status 2>/dev/null | tail -n 1)" = ready ]; }
wait_ready() { for _ in $(seq 200); do ready && return 0; sleep 0.05; done; return 1; }

build/tests/aid/utterances "$work/voices" >/dev/null || bail 'unable to make utterances; run scripts/bootstrap'
mapfile -t people <"$work/voices/people.txt"
"$cli" start >"$work/start.log" 2>&1 || bail "the suite did not start: $(cat "$work/start.log")"
for person in "${people[@]}"; do
	"$cli" enroll "$person" --from "$work/voices/$person"/enroll-*.wav >"$work/enroll.log" 2>&1 ||
		bail "unable to enrol $person: $(cat "$work/enroll.log")"
	for n in 1 2 3 4 5; do printf '%s\tvoices/%s/enroll-%s.wav\n' "$person" "$person" "$n"; done >>"$work/enroll.tsv"
	for n in 1 2 3; do printf '%s\tvoices/%s/test-%s.wav\ttarget\n' "$person" "$person" "$n"; done >>"$work/trials.tsv"
done
# Strangers try by voice alone, so that no detector hides a mistake.
for ((i = 0; i < ${#people[@]}; i++)); do
	for offset in 1 2 3; do
		printf '%s\tvoices/%s/test-%s.wav\tnontarget\n' "${people[$i]}" "${people[$(((i + offset) % ${#people[@]}))]}" \
			$((1 + (i + offset) % 3)) >>"$work/strangers.tsv"
	done
done
evaluate() { # LIST OPTION…: prints "user path verdict"
	local list=$1
	shift
	"$cli" evaluate --enroll "$work/enroll.tsv" --trials "$work/$list.tsv" --out "$work/$list.out" "$@" \
		>"$work/evaluate.log" 2>&1 && awk -F'\t' 'NR > 1 {print $1 "\t" $2 "\t" $4}' "$work/$list.out"
}
mapfile -t accepted < <(evaluate trials | grep 'accept$')
mapfile -t strangers < <(evaluate strangers --anti-spoofing off | grep 'reject$')
echo "# ${#people[@]} people enrolled; undisturbed ${#accepted[@]} recordings are accepted, ${#strangers[@]} strangers refused"
[ ${#accepted[@]} -ge 10 ] && [ ${#strangers[@]} -ge 10 ] ||
	bail "too few recordings for a test: $(tail -n 3 "$work/evaluate.log")"

# How long an attempt takes, so that the kills fall into it; kept up to date by those that the kill missed.
started=$(now_ms)
IFS=$'\t' read -r user recording _ <<<"${accepted[0]}"
"$cli" test --user "$user" --from "$work/$recording" --json >"$work/attempt.json" 2>&1
ok $? 'an undisturbed attempt is accepted'
usual_ms=$(($(now_ms) - started))
echo "# an undisturbed attempt takes $usual_ms ms"

# attempt USER RECORDING SERVICE DELAY_MS [OPTION…]: sets exit_code, verdict, elapsed_ms, killed.
attempt() {
	local user=$1 recording=$2 service=$3 delay=$4 victim running
	shift 4
	victim=$(pid_of "$service")
	started=$(now_ms)
	"$cli" test --user "$user" --from "$recording" --json "$@" >"$work/attempt.json" 2>"$work/attempt.err" &
	running=$!
	sleep "$(printf '%d.%03d' $((delay / 1000)) $((delay % 1000)))"
	kill_hard "$victim"
	killed=after
	kill -0 $running 2>/dev/null && killed=during
	wait $running
	exit_code=$?
	elapsed_ms=$(($(now_ms) - started))
	[ $killed = during ] || usual_ms=$elapsed_ms
	verdict=$(field verdict <"$work/attempt.json")
	: "${verdict:=none}"
}
show() { # USER RECORDING
	echo "# $1 with $2: exit $exit_code, verdict $verdict, $elapsed_ms ms, killed $killed the attempt"
	sed 's/^/#   /' "$work/attempt.json" "$work/attempt.err" | cut -c1-300
}

# ---- those who belong in ----

mapfile -t services < <(printf '%s\n' $SERVICES)
during=0
late=0
refused=0
replays=0
total=0
declare -A tried refused_of
for ((i = 1; i < ${#accepted[@]}; i++)); do
	service=${services[$((i % ${#services[@]}))]}
	IFS=$'\t' read -r user recording _ <<<"${accepted[$i]}"
	round=$((i / ${#services[@]}))
	delay=$((usual_ms * (1 + 2 * (round % 5)) / 10))
	attempt "$user" "$work/$recording" "$service" $delay
	total=$((total + 1))
	tried[$service]=$((${tried[$service]:-0} + 1))
	[ $killed = during ] && during=$((during + 1))
	[ $elapsed_ms -le $(((DEADLINE_S + SLACK_S) * 1000)) ] || { late=$((late + 1)); show "$user" "$recording"; }
	case $verdict in
	accept) [ $exit_code -eq 0 ] || { refused=$((refused + 1)); show "$user" "$recording"; } ;;
	*)
		grep -qi replay "$work/attempt.json" && replays=$((replays + 1))
		refused=$((refused + 1))
		refused_of[$service]=$((${refused_of[$service]:-0} + 1))
		echo "# killed: $service after $delay ms"
		show "$user" "$recording"
		;;
	esac
	wait_ready || { ok 1 "the suite is ready again after $service was killed"; exit 1; }
done
echo "# $total attempts, a service was killed during $during of them"
[ $((during * 2)) -ge $total ]; ok $? 'the kills fell into the attempts'
ok $late 'every attempt ended within its deadline'
ok $replays 'no repeated attempt was taken for a replay'
for service in $SERVICES; do
	ok "${refused_of[$service]:-0}" "whoever belongs in was let in though $service was killed (${tried[$service]:-0} attempts)"
done

# ---- those who do not ----

let_in=0
late=0
odd=0
total=0
for ((i = 0; i < ${#strangers[@]} && i < 20; i++)); do
	service=${services[$((i % ${#services[@]}))]}
	IFS=$'\t' read -r user recording _ <<<"${strangers[$i]}"
	attempt "$user" "$work/$recording" "$service" $((usual_ms * (1 + i % 9) / 10)) --anti-spoofing off
	total=$((total + 1))
	[ $elapsed_ms -le $(((DEADLINE_S + SLACK_S) * 1000)) ] || { late=$((late + 1)); show "$user" "$recording"; }
	case $exit_code-$verdict in
	0-* | *-accept) let_in=$((let_in + 1)) && show "$user" "$recording" ;;
	1-reject | 7-unavailable) ;;
	*) odd=$((odd + 1)) && show "$user" "$recording" ;;
	esac
	wait_ready || { ok 1 "the suite is ready again after $service was killed"; exit 1; }
done
echo "# $total attempts of strangers"
ok $let_in 'no stranger was let in'
ok $odd 'every stranger got a verdict that fits'
ok $late 'every attempt of a stranger ended within its deadline'

# ---- everything at once ----

started=$(now_ms)
"$cli" test --user "${people[0]}" --from "$work/voices/${people[1]}/test-1.wav" --anti-spoofing off --json >"$work/attempt.json" 2>&1 &
running=$!
for service in $SERVICES; do kill_hard "$(pid_of "$service")"; done
wait $running
exit_code=$?
elapsed_ms=$(($(now_ms) - started))
[ $exit_code -ne 0 ] && [ $elapsed_ms -le $(((DEADLINE_S + SLACK_S) * 1000)) ]
ok $? 'all services killed during the attempt of a stranger: not let in, and in time'
wait_ready; ok $? 'the suite is ready again'
[ "$("$ask" status | awk '$3 == "failed"' | wc -l)" -eq 0 ]; ok $? 'and no service was given up for being killed'

echo "1..$count"
[ $failures -eq 0 ]
