#!/usr/bin/env bash
# The place of the master key: sealed by a credential of systemd's, it opens with
# that credential alone; without it or with another nothing is let in, nothing is
# made anew and nothing is changed. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

cli=$PWD/build/bin/jarvis-voice-unlock
work=$(mktemp -d /tmp/vu-place.XXXXXX)
export VOICE_UNLOCK_HOME=$work/state VOICE_UNLOCK_RUNTIME_DIR=$work/run VOICE_UNLOCK_HTTP_PORT=0
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml
printf 'security:\n  anti_spoofing: "off"\n' >"$VOICE_UNLOCK_CONFIG"
unset VOICE_UNLOCK_KEY_FILE XDG_CONFIG_HOME CREDENTIALS_DIRECTORY
trap '"$cli" stop >/dev/null 2>&1; rm -rf "$work"' EXIT

why() {
	cat "$work/out"
	tail -n 3 "$VOICE_UNLOCK_HOME/log/models.log" | sed 's/^/models: /'
}
bail() {
	echo "Bail out! $*"
	sed 's/^/# /' "$work/out" 2>/dev/null
	exit 1
}
doctor_says() { # TEXT
	"$cli" doctor >"$work/out" 2>&1
	grep 'master key' "$work/out" | grep -qF -- "$1"
}
# What must not change where a key cannot be opened.
sums() { (cd "$work" && find state/templates state.key state.key.place -type f | sort | xargs sha256sum); }
key_holds() { [ "$(head -c 8 "$work/state.key" | tail -c 1 | od -An -tx1 | tr -d ' ')" = "$1" ]; }
accepted() { "$cli" test --user ada --from "$work/v/${voices[0]}/live-1.wav" >"$work/out" 2>&1; }
all_verified() {
	"$cli" list --json >"$work/out" 2>&1
	grep -q '"verified": *true' "$work/out" && ! grep -q '"verified": *false' "$work/out"
}

build/tests/aid/utterances "$work/v" >"$work/out" 2>&1 || bail 'unable to make utterances; run scripts/bootstrap'
mapfile -t voices <"$work/v/people.txt"
mkdir -m 700 "$work/credentials"
head -c 32 /dev/urandom >"$work/credentials/voice-unlock-key"
chmod 400 "$work/credentials/voice-unlock-key"
place() { printf '%s\n' "$1" >"$work/state.key.place"; }

# ---- from the file to the credential ----

"$cli" start >"$work/out" 2>&1 || bail 'the suite did not start'
"$cli" enroll ada --from "$work/v/${voices[0]}"/enroll-*.wav >"$work/out" 2>&1 || bail 'unable to enrol'
key_holds 1a && doctor_says 'not against who takes this disk'
ok $? 'without a choice the file holds the key, and doctor says what that does not protect against'
"$cli" stop >/dev/null 2>&1
place systemd-creds+host
export CREDENTIALS_DIRECTORY=$work/credentials
"$cli" start >"$work/out" 2>&1 || bail 'the suite did not start with a credential'
key_holds 1b && all_verified && grep -q 'sealed the master key .* anew' "$VOICE_UNLOCK_HOME/log/models.log"
ok $? 'a key that there was is sealed by the chosen place, and opens its templates'
doctor_says 'without a TPM'
ok $? 'doctor says that no TPM holds the credential'
place systemd-creds+tpm2
doctor_says 'that a TPM of this machine holds'
ok $? 'or that one does'
accepted
ok $? 'the person is accepted'
"$cli" enroll bea --from "$work/v/${voices[1]}"/enroll-*.wav >"$work/out" 2>&1 &&
	"$cli" restart models >"$work/out" 2>&1 && all_verified && accepted
ok $? 'another can be enrolled, and all are read after a restart'
"$cli" rotate-key >"$work/out" 2>&1 && grep -q '2 templates' "$work/out" && key_holds 1b && all_verified
ok $? 'the key under the credential can be exchanged'
python3 - "$work/credentials/voice-unlock-key" "$work" >"$work/out" 2>&1 <<'EOP'
import os, sys
secret = open(sys.argv[1], "rb").read()
found = []
for folder, _, files in os.walk(sys.argv[2]):
    for name in files:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and secret in open(path, "rb").read():
            found.append(path)
print(found)
sys.exit(found != [sys.argv[1]])
EOP
ok $? 'the credential is in none of the files of the suite'
"$cli" stop >/dev/null 2>&1
sums >"$work/before"

# ---- without it, and with another ----

refuses() { # NAME TEXT
	"$cli" start >"$work/out" 2>&1
	"$cli" test --user ada --from "$work/v/${voices[0]}/live-1.wav" >"$work/out" 2>&1
	[ $? -eq 7 ]
	ok $? "$1: an attempt is unavailable"
	! "$cli" enroll cleo --from "$work/v/${voices[2]}"/enroll-*.wav >"$work/out" 2>&1
	ok $? "$1: nobody can be enrolled"
	grep -qF -- "$2" "$VOICE_UNLOCK_HOME/log/models.log"
	ok $? "$1: the log names the remedy"
	"$cli" stop >/dev/null 2>&1
	rm -f "$VOICE_UNLOCK_HOME/log/models.log"
	sums >"$work/after"
	cmp "$work/before" "$work/after" >"$work/out" 2>&1
	ok $? "$1: key and templates are untouched"
}
unset CREDENTIALS_DIRECTORY
refuses 'without a credential' 'start the suite by its unit, with LoadCredentialEncrypted='
mkdir -m 700 "$work/others"
head -c 32 /dev/urandom >"$work/others/voice-unlock-key"
chmod 400 "$work/others/voice-unlock-key"
export CREDENTIALS_DIRECTORY=$work/others
refuses 'with another credential' 'its place has another secret than the one it was sealed with'

# ---- back ----

export CREDENTIALS_DIRECTORY=$work/credentials
"$cli" start >"$work/out" 2>&1 && all_verified && accepted
ok $? 'with the right one all is as it was'
place nowhere
doctor_says 'holds none of file'
ok $? 'doctor finds a word that is no place'
place file
"$cli" restart models >"$work/out" 2>&1 && all_verified && key_holds 1a
ok $? 'the file, when it is chosen by name, has the key again'

echo "1..$count"
[ "$failures" -eq 0 ]
