#!/usr/bin/env bash
# scripts/evaluate on lists of its own, against the real suite: conditions,
# figures, plots, lists that are odd, and what it says when there is nothing to
# do. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

work=$(mktemp -d "${TMPDIR:-/tmp}/vu-evaluate.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export EVALUATION_OUT=$work/out VOICE_UNLOCK_DATA=$work/data
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
out=$work/log

why() {
	tail -n 20 "$out" | cut -c1-300
}
check() { # NAME COMMAND…
	local name=$1
	shift
	"$@" >>"$out" 2>&1
	ok $? "$name"
}
figures() { # NAME LIST EXPRESSION: holds for d, the figures of the list, with c its conditions by name
	python3 - "$EVALUATION_OUT/$2.json" "$3" >>"$out" 2>&1 <<-'END'
		import json, sys
		d = json.load(open(sys.argv[1]))
		c = {x["condition"]: x for x in d["conditions"]}
		sys.exit(0 if eval("(" + sys.argv[2] + ")") else "does not hold: " + sys.argv[2])
	END
	ok $? "$1"
}

scripts/evaluate >"$out" 2>&1
[ $? -eq 2 ] && grep -q "no lists in $work/data/lists; set VOICE_UNLOCK_DATA" "$out"
ok $? 'without lists it says where it looked'

build/tests/aid/utterances "$work/voices" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
# Four people, in a folder whose name has a space; noises and a room made by sox.
mkdir -p "$work/data/lists" "$work/data/the voices" "$work/data/noise" "$work/data/rir"
mapfile -t people < <(head -n 4 "$work/voices/people.txt")
for person in "${people[@]}"; do
	cp -r "$work/voices/$person" "$work/data/the voices/"
	for i in 1 2 3 4 5; do
		printf '%s\t../the voices/%s/enroll-%d.wav\n' "$person" "$person" $i
	done >>"$work/data/lists/people.enroll.tsv"
	for other in "${people[@]}"; do
		[ "$other" = "$person" ] || [ "$other" = "${people[0]}" ] || continue
		for i in 1 2 3; do
			printf '%s\t../the voices/%s/test-%d.wav\t%s\n' "$other" "$person" $i \
				"$([ "$other" = "$person" ] && echo target || echo nontarget)"
		done
	done >>"$work/data/lists/people.trials.tsv"
done
sox -R -n -r 16000 "$work/data/noise/pink.wav" synth 3 pinknoise vol 0.3
sox -R -n -r 16000 "$work/data/rir/room.wav" synth 0.3 whitenoise fade 0 0.3 0.3 vol 0.1
{
	cat "$work/data/lists/people.trials.tsv"
	printf '%s\t%s\tspoof:copied\r\n' "${people[0]}" "$work/data/the voices/${people[1]}/live-1.wav"
	printf '%s\t../the voices/%s/test-1.wav\tspoof:other\n' "${people[1]}" "${people[2]}"
	printf '%s\t../nowhere.wav\ttarget\n' "${people[0]}"
} | grep -v "${people[2]}/test-1.wav.*target" >"$work/data/lists/attacked.trials.tsv"
cp "$work/data/lists/people.enroll.tsv" "$work/data/lists/attacked.enroll.tsv"

scripts/evaluate nobody >"$out" 2>&1
[ $? -eq 2 ] && grep -q "there is no list 'nobody'" "$out"
ok $? 'a list that is not there'

check 'evaluates people' scripts/evaluate people
figures 'all conditions are there' people '{"given", "full", "2s", "2s-20dB", "2s-10dB", "2s-room"} <= set(c)'
figures 'as given is the list' people 'c["given"]["trials"]["total"] == 21 and c["given"]["trials"]["target"] == 12'
figures 'full is everybody against everybody' people 'c["full"]["trials"]["total"] == 48 and c["full"]["trials"]["nontarget"] == 36'
figures 'nothing is without a score' people 'all(x["trials"]["without_score"] == x["trials"]["unanswered"] == 0 for x in c.values())'
figures 'three levels, the last extrapolated' people 'all([l["extrapolated"] for l in x["levels"]] == [False, False, True] for x in c.values())'
figures 'people can be told apart' people 'c["full"]["speaker"]["eer"] < 0.2 and c["full"]["speaker"]["eer_low"] <= c["full"]["speaker"]["eer"] <= c["full"]["speaker"]["eer_high"]'
check 'the paths are those of the list' diff <(cut -f1-3 "$work/data/lists/people.trials.tsv") \
	<(tail -n +2 "$EVALUATION_OUT/people.scores.tsv" | cut -f1-3)
check 'noise changes scores' bash -c '! cmp -s "$0/2s.scores.tsv" "$0/2s-10dB.scores.tsv"' "$EVALUATION_OUT/people"
check 'the plot is well-formed' python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$EVALUATION_OUT/people.svg"
grep -qE '^people +2s-room ' "$out" && grep -q '^  CONDITION' "$out"
ok $? 'tables are printed'
cp "$EVALUATION_OUT/people.json" "$work/first.json"
check 'once more' scripts/evaluate people
check 'gives the same figures' cmp "$work/first.json" "$EVALUATION_OUT/people.json"

check 'evaluates attacks, and goes on after a file that is missing' scripts/evaluate attacked
figures 'without conditions' attacked 'list(c) == ["given"]'
figures 'kinds of attacks' attacked '[k["kind"] for k in c["given"]["attacks"]["kinds"]] == ["copied", "other"]'
figures 'both scores together' attacked '0 <= c["given"]["both"]["sasv_eer"] <= 1 and 0 <= c["given"]["both"]["min_a_dcf"] <= 1'
grep -q '1 files unreadable' "$out"
ok $? 'says that a file is missing'

rm -r "$work/data/noise" "$work/data/rir"
check 'without noises and rooms' scripts/evaluate people
figures 'only the lengths are left' people '"2s" in c and not any("-" in x for x in c)'

echo "1..$count"
exit $((failures > 0))
