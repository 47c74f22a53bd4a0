#!/usr/bin/env bash
# vu-train, vu-model and vu-trial as a person uses them: a folder of (synthetic)
# people becomes a model, the same again gives the same bytes, files that cannot
# be used are named and counted, folders that cannot be trained on and damaged
# models are refused with the reason. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

BIN=$PWD/build/bin
work=$(mktemp -d "${TMPDIR:-/tmp}/vu-train.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

why() {
	head -n 20 out err | cut -c1-300
}
# run EXPECTED-STATUS NAME COMMAND…
run() {
	local expected=$1 name=$2 status
	shift 2
	"$@" >out 2>err
	status=$?
	[ "$status" -eq "$expected" ]
	ok $? "$name (status $status)"
}
said() { # TEXT NAME: standard error has it
	grep -qF -- "$1" err
	ok $? "$2"
}

for p in 1 2 3 4 5; do
	mkdir -p "people/p$p"
	for u in 1 2 3; do
		espeak-ng -v "en+m$p" -s $((140 + p * 5)) -w "people/p$p/$u.wav" \
			"Sentence number $u is spoken by voice $p, who likes to talk about the weather and about $((p * u)) other things."
	done
done

run 0 "trains from a folder of people" "$BIN/vu-train" --out a.vum --manifest a.json --corpus "made up: free" --set mixture=16 people
run 0 "trains again" "$BIN/vu-train" --out b.vum --set mixture=16 --corpus "made up: free" people
cmp -s a.vum b.vum
ok $? "the same files and seed give the same bytes"
run 0 "trains with another seed" "$BIN/vu-train" --out b.vum --set mixture=16 --seed 2 --corpus "made up: free" people
! cmp -s a.vum b.vum
ok $? "another seed gives other bytes"
run 0 "trains with corpora held apart" "$BIN/vu-train" --out b.vum --set mixture=16 --set corpus-weight=2 --corpus "made up: free" people
cmp -s a.vum b.vum
ok $? "which one corpus alone has nothing to do with"
mkdir -p here there && cp -r people/p[123] here/ && cp -r people/p[45] there/
run 0 "trains from two corpora" "$BIN/vu-train" --out b.vum --set mixture=16 here there
run 0 "and with them held apart" "$BIN/vu-train" --out c.vum --manifest c.json --set mixture=16 --set corpus-weight=2 here there
! cmp -s b.vum c.vum && grep -q '"corpus_weight": 2.0' c.json
ok $? "what sets corpora apart counts as asked for, and the manifest says so"
grep -q '"people": 5' a.json && grep -q '"made up: free"' a.json && grep -q '"files_skipped": 0' a.json
ok $? "the manifest says what it was made of"
run 0 "the model is good" "$BIN/vu-model" verify a.vum
run 0 "the model can be looked into" "$BIN/vu-model" info a.vum
grep -q 'background, format 1' out && grep -q 'ubm.mean' out && grep -q 'mfcc-stats' out
ok $? "kind, sections and extractor are shown"
hash=$(grep -oE 'hash [0-9a-f]{64}' out | cut -d' ' -f2)
grep -q "\"model\": \"$hash\"" a.json
ok $? "the manifest names the model by its hash"

printf 'user1\tpeople/p1/1.wav\nuser1\tpeople/p1/2.wav\nuser2\tpeople/p5/1.wav\nuser2\tpeople/p5/2.wav\n' >enroll.tsv
printf 'user1\tpeople/p1/3.wav\ttarget\nuser1\tpeople/p5/3.wav\tnontarget\nuser2\tpeople/p5/3.wav\ttarget\nuser2\tpeople/p1/3.wav\tnontarget\n' >trials.tsv
run 0 "a list can be scored with it" "$BIN/vu-trial" --background a.vum --enroll enroll.tsv --trials trials.tsv --out scores.tsv
[ "$(wc -l <scores.tsv)" -eq 5 ]
ok $? "every trial has a line"
printf 'nobody\tpeople/p1/3.wav\ttarget\n' >>trials.tsv
run 2 "a trial of a user who is not enrolled is refused" "$BIN/vu-trial" --background a.vum --enroll enroll.tsv --trials trials.tsv
said "'nobody' is not in the enrolment list" "and the user is named"

mkdir mixed && cp -r people/* mixed/
echo garbage >mixed/p1/broken.wav
sox -n -r 16000 -c 1 mixed/p2/silent.wav trim 0 2
run 0 "trains although files are bad" "$BIN/vu-train" --out c.vum --set mixture=16 mixed
said "broken.wav" "the broken file is named"
said "silent.wav" "the silent file is named"
said "2 of 17 files were skipped" "and they are counted"

mkdir -p one && cp -r people/p1 one/
run 4 "one person is not enough" "$BIN/vu-train" --out d.vum one
said "only one person" "and it says so"
[ ! -e d.vum ]
ok $? "and nothing is written"
mkdir nobody
run 4 "an empty folder is refused" "$BIN/vu-train" --out d.vum nobody
said "there is no sound file in it" "and it says so"
run 70 "a folder that does not exist is refused" "$BIN/vu-train" --out d.vum missing
run 70 "a result that cannot be kept is refused" "$BIN/vu-train" --out missing/d.vum people
said "unable to write missing/d.vum: folder missing: No such file or directory" "and it says where"
run 70 "as is a manifest" "$BIN/vu-train" --out d.vum --manifest people people
said "unable to write people: it is a folder" "and it says why"
[ ! -e d.vum ]
ok $? "before anything is trained"
run 2 "an unknown option is a usage error" "$BIN/vu-train" --colour red people
run 2 "no folder is a usage error" "$BIN/vu-train"

head -c 1000 a.vum >short.vum
run 1 "a truncated model is refused" "$BIN/vu-model" verify short.vum
said "truncated" "and it says so"
cp a.vum damaged.vum
printf 'x' | dd of=damaged.vum bs=1 seek=20000 conv=notrunc 2>/dev/null
run 1 "a damaged model is refused" "$BIN/vu-model" verify damaged.vum
said "damaged" "and it says so"
cp a.vum newer.vum
printf '\2' | dd of=newer.vum bs=1 seek=8 conv=notrunc 2>/dev/null
run 1 "a newer model is refused" "$BIN/vu-model" info newer.vum
said "newer" "and it says so"
run 1 "a file that is no model is refused" "$BIN/vu-model" info enroll.tsv
said "not a Voice Unlock model file" "and it says so"
run 2 "a verb that does not exist is a usage error" "$BIN/vu-model" paint a.vum

run 0 "a background can be stored in bytes" "$BIN/vu-model" convert i8 a.vum small.vum
run 0 "and is a good model" "$BIN/vu-model" verify small.vum
[ "$(stat -c %s small.vum)" -lt "$(stat -c %s a.vum)" ]
ok $? "and smaller"
sed -i '$d' trials.tsv
run 0 "and scores, with templates in bytes too" "$BIN/vu-trial" --background small.vum --enroll enroll.tsv --trials trials.tsv --element i8 --prune 0.3
run 2 "numbers of another kind are a usage error" "$BIN/vu-model" convert i4 a.vum none.vum

echo "1..$count"
[ "$failures" -eq 0 ]
