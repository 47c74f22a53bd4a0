#!/usr/bin/env bash
# Several machines: three network namespaces as three hosts, a suite on the
# first and model-servers on the others. Who may not in is kept out; links that
# are cut, certificates that are renewed and hosts that are revoked cost no
# request. TAP. VU_TLS_CUT_S=10: how long the link is cut (default 3).
set -uo pipefail
umask 077
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

bin=$PWD/build/bin
cli=$bin/jarvis-voice-unlock
host=$PWD/build/tests/aid/call_host
cut_s=${VU_TLS_CUT_S:-3}
work=$(mktemp -d /tmp/vu-tls.XXXXXX)
tag=vut$$
one=10.77.1.1 two=10.77.1.2 three=10.77.2.2 away=10.77.2.1
pids=()

finish() {
	for n in a c d; do on $n "$cli" stop >/dev/null 2>&1; done
	for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done
	for n in a b c; do ip netns del "$tag$n" 2>/dev/null; done
	rm -rf "$work"
}
trap finish EXIT
why() {
	tail -n 15 "$work/out" | cut -c1-300
}
bail() {
	echo "Bail out! $*"
	sed 's/^/# /' "$work/out" 2>/dev/null
	exit 1
}
wait_for() { # COMMAND…: until it succeeds, twenty seconds at most
	for _ in $(seq 200); do "$@" >"$work/waited" 2>&1 && return 0; sleep 0.1; done
	return 1
}
# A command as on a host; with become=exec in place of this shell. The host d has the addresses of a.
on() { # HOST COMMAND…
	local at=$1
	shift
	${become:-} ip netns exec "$tag${at/d/a}" env VOICE_UNLOCK_HOME="$work/$at/state" VOICE_UNLOCK_RUNTIME_DIR="$work/$at/run" \
		VOICE_UNLOCK_CONFIG="$work/config.yaml" VOICE_UNLOCK_HTTP_PORT=0 \
		${TEST_MAX_MEMORY:+VOICE_UNLOCK_MAX_MEMORY="$TEST_MAX_MEMORY"} "$@"
}
says() { # TEXT NAME COMMAND…
	local text=$1 name=$2
	shift 2
	"$@" >"$work/out" 2>&1
	grep -qF -- "$text" "$work/out"
	ok $? "$name"
}
serve() { # HOST: starts its model-server, whose pid is then in serving[HOST]
	mkdir -p "$work/$1/state" "$work/$1/run"
	: >"$work/$1.log"
	{ become='exec' on "$1" "$bin/vu-models"; } >>"$work/$1.log" 2>&1 </dev/null &
	pids+=($!)
	serving[$1]=$!
	wait_for grep -q 'listening on tls' "$work/$1.log"
}
give() { # NAME HOST: credentials to where they are used
	mkdir -p "$work/$2/state/tls"
	cp "$work/pki/issued/$1"/* "$work/$2/state/tls/"
}
declare -A serving

# ---- the hosts ----

link() { # HOST NETWORK
	ip -n "${tag}a" link add "to$1" type veth peer name toa netns "$tag$1" &&
		ip -n "${tag}a" addr add "$2.1/24" dev "to$1" && ip -n "$tag$1" addr add "$2.2/24" dev toa &&
		ip -n "${tag}a" link set "to$1" up && ip -n "$tag$1" link set toa up
}
make_hosts() {
	for n in a b c; do ip netns add "$tag$n" || return; done
	link b 10.77.1 && link c 10.77.2 && ip netns exec "${tag}a" true
}
# A container may not be allowed any of this, even to root.
if [ "$(id -u)" -ne 0 ] || ! make_hosts >"$work/out" 2>&1; then
	echo "ok 1 - hosts # SKIP unable to make network namespaces here: $(tail -n 1 "$work/out" 2>/dev/null)"
	echo '1..1'
	exit 0
fi
for n in a b c; do ip -n "$tag$n" link set lo up; done

printf 'services:\n  models:\n    endpoints: [tls+tcp://%s:8641, tls+tcp://%s:8641]\nauthentication:\n  timeout_s: 30\n' \
	$two $three >"$work/config.yaml"
chmod 600 "$work/config.yaml"
uri_b=tls+tcp://$two:8641
uri_c=tls+tcp://$three:8641
pki() { "$bin/vu-pki" "$@" --folder "$work/pki"; }
{
	pki init && pki issue suite --host $one --host $away --role orchestrator && pki issue models-b --host $two &&
		pki issue models-c --host $three && pki issue guest --host $one && pki issue lost --host $one &&
		"$bin/vu-pki" init --folder "$work/foreign" &&
		"$bin/vu-pki" issue suite --host $one --role orchestrator --folder "$work/foreign"
} >"$work/out" 2>&1
ok $? 'an authority issues what each host needs'
give suite a
give models-b b
give models-c c
build/tests/aid/utterances "$work/v" >"$work/out" 2>&1 || bail 'unable to make utterances; run scripts/bootstrap'
mapfile -t voices <"$work/v/people.txt"
mine=$work/v/${voices[0]}
other=$work/v/${voices[1]}

serve b
ok $? 'a model-server listens on its host'
on a "$cli" start >"$work/out" 2>&1
ok $? 'the suite starts with its models on another host'
says '"state": "remote"' 'status says so' on a "$cli" status --json
[ -z "$(ls "$work/a/state/log/models.log" 2>/dev/null)" ] || ! grep -q listening "$work/a/state/log/models.log"
ok $? 'and no model-server runs here'
on a "$cli" restart models >"$work/out" 2>&1
[ $? -ne 0 ] && grep -qF 'restart it there' "$work/out"
ok $? 'nor can it be restarted from here'
on a "$cli" enroll p --from "$mine"/enroll-*.wav >"$work/out" 2>&1
ok $? 'a voice is enrolled there'
[ -n "$(find "$work/b/state/templates" -name 'p.vut')" ] && [ -z "$(find "$work/a" -name 'p.vut')" ]
ok $? 'its template is there and nowhere else'
accepted() { # authenticates with whichever recording the levels take
	local n
	for n in 1 2 3; do
		on a "$cli" test --user p --from "$mine/test-$n.wav" --json && good=$n && return 0
	done
	return 1
}
accepted >"$work/out" 2>&1
ok $? 'and accepted'
good=${good:-1}
# The same recording again and again would be found out for what it is.
genuine() { on a "$cli" test --user p --from "$mine/test-$good.wav" --anti-spoofing off; }
on a "$cli" test --user p --from "$other/test-1.wav" >"$work/out" 2>&1
[ $? -eq 1 ]
ok $? 'another voice is rejected'

# ---- who may not ----

as() { # FOLDER METHOD [TIMEOUT_MS]
	ip netns exec "${tag}a" "$host" call "$1" "$uri_b" "$2" "${3:-1500}"
}
health=/grpc.health.v1.Health/Check
score=/voiceunlock.v1.Models/Score
issued=$work/pki/issued
says OK 'a host of the allow-list is let in' as "$issued/guest" $health 20000
says 'from host guest' 'without a role it may not score' as "$issued/guest" $score 20000
says 'from host suite' 'nor may an orchestrator list what is loaded' as "$issued/suite" /voiceunlock.v1.Models/Hot 20000
says 'from host suite' 'nor change the master key' as "$issued/suite" /voiceunlock.v1.Models/RotateKey 20000
cp -r "$work/foreign/issued/suite" "$work/foreigner"
cp "$issued/suite/ca.pem" "$issued/suite/crl.pem" "$work/foreigner"
says 'does not answer' 'a certificate of another authority is refused' as "$work/foreigner" $health
says refused 'no certificate is refused' ip netns exec "${tag}a" "$host" bare "$issued/guest" "$uri_b"
# The authority would not do this: a certificate of its own for last year.
cp -r "$issued/guest" "$work/expired"
(
	cd "$work" && mkdir ca && : >ca/index && echo 4242 >ca/serial && cat >ca/cnf <<-EOF
		[ca]
		default_ca = c
		[c]
		database = ca/index
		serial = ca/serial
		new_certs_dir = ca
		default_md = sha256
		policy = p
		[p]
		commonName = supplied
	EOF
	openssl req -new -key expired/key.pem -subj /CN=guest -out ca/request &&
		openssl ca -batch -config ca/cnf -cert pki/ca.pem -keyfile pki/ca.key -in ca/request -notext \
			-startdate 20240101000000Z -enddate 20240201000000Z -out expired/cert.pem
) >"$work/out" 2>&1
ok $? 'an expired certificate is made'
says 'does not answer' 'and refused' as "$work/expired" $health
ip netns exec "${tag}a" "$host" wire "$issued/guest" "$uri_b" >"$work/out" 2>&1
printf '%s\n' 'first: answered' 'replayed: refused' 'third: answered' 'overtaken: refused' 'edited: refused' \
	'as it was: answered' | cmp -s - "$work/out"
ok $? 'replayed, overtaken and edited frames are refused'

# ---- a host that is revoked, certificates that are renewed ----

touch "$work/go"
ip netns exec "${tag}a" "$host" loop "$issued/guest" "$uri_b" "$work/go" >"$work/loop" 2>&1 &
loop=$!
says OK 'a host that is to be revoked is let in' as "$issued/lost" $health 20000
cp -r "$issued/lost" "$work/lost"
cp -r "$issued/models-b" "$work/before"
{ pki revoke lost && pki issue models-b --host $two; } >"$work/out" 2>&1 || bail 'unable to revoke'
cp "$issued/suite"/{peers,crl.pem} "$work/a/state/tls/"
give models-b b
is_out() { ! as "$work/lost" $health; }
wait_for is_out
ok $? 'revoked, it is refused without a restart'
stop_server() {
	kill "${serving[$1]}"
	wait "${serving[$1]}" 2>/dev/null
}
stop_server b
serve b
! cmp -s "$work/before/cert.pem" "$work/b/state/tls/cert.pem"
ok $? 'a renewed certificate is shown by the next process'
genuine >"$work/out" 2>&1
ok $? 'and the voice accepted as before'

# ---- the only link is cut ----

ip -n "${tag}a" link set tob down
genuine >"$work/cut" 2>&1 &
attempt=$!
sleep "$cut_s"
ip -n "${tag}a" link set tob up
wait "$attempt"
status=$?
cp "$work/cut" "$work/out"
[ "$status" -eq 0 ]
ok $? "an attempt that begins while the link is cut is accepted after $cut_s s"
rm "$work/go"
wait "$loop"
status=$?
cp "$work/loop" "$work/out"
[ "$status" -eq 0 ] && [ "$(grep -oE '^[0-9]+' "$work/loop" | tail -n 1)" -gt 50 ]
ok $? "of calls before, during and after all this none is lost ($(tail -n 1 "$work/loop"))"

# ---- two model-servers ----

stop_server b
mkdir -p "$work/c/state"
cp -a "$work/b/state/templates" "$work/c/state/"
for key in "$work/b/state.key" "$work/b/state"/*.key; do
	[ -e "$key" ] && cp -a "$key" "${key/"$work/b"/"$work/c"}"
done
serve b && serve c
ok $? 'a second model-server has the same templates'
genuine >"$work/out" 2>&1
ok $? 'with both up the voice is accepted'
: >"$work/mid"
many() {
	for _ in $(seq 8); do genuine || return 1; done
}
many >"$work/mid" 2>&1 &
attempts=$!
wait_for grep -q . "$work/mid"
ip -n "${tag}a" link set tob down
wait "$attempts"
status=$?
cp "$work/mid" "$work/out"
ok $status 'with the first cut off in the midst of eight attempts all are accepted'
genuine >"$work/out" 2>&1
ok $? 'and so is the next'
grep -qF "models is asked at $uri_c" "$work/a/state/log/orchestrator.log"
ok $? 'by the second'
ip -n "${tag}a" link set tob up
back() { genuine; tail -n 20 "$work/a/state/log/orchestrator.log" | grep -F 'is asked at' | tail -n 1 | grep -qF "$uri_b"; }
wait_for back
ok $? 'when the first is back it is asked again'

# ---- guesses at several computers ----

pki issue second --host $one --role orchestrator >"$work/out" 2>&1
cp "$issued/second/peers" "$work/b/state/tls/"
give second d
{ on d "$cli" start && on d "$cli" enroll q --from "$other"/enroll-*.wav; } >"$work/out" 2>&1
ok $? 'a second suite enrols somebody there'
guess() { # HOST FILE: the verdict and for how long
	on "$1" "$cli" test --user q --from "$2" --anti-spoofing off --json >"$work/out" 2>&1
	local status=$?
	echo "# $1 $status" >>"$work/out"
	return $status
}
locked_at() { # HOST FILE
	guess "$1" "$2"
	grep -q '"verdict": "locked"' "$work/out"
}
for n in a a a d; do guess $n "$mine/test-1.wav"; done
grep -qF '1 attempt is left before a lockout' "$work/out"
ok $? 'failures at both are counted together'
guess d "$mine/test-2.wav"
[ $? -eq 1 ] && grep -qF 'try again in 300 s' "$work/out"
ok $? 'and lock out'
locked_at a "$other/test-1.wav"
ok $? 'the right voice at the one'
locked_at d "$other/test-1.wav"
ok $? 'and at the other'
stop_server b
serve b
still_locked() { locked_at a "$other/test-1.wav"; }
wait_for still_locked
ok $? 'over a restart of the model-server'
says 'q' 'an administrator unlocks at one of them' on d "$cli" unlock-user q
let_in() { guess a "$other/test-1.wav" || guess a "$other/test-2.wav"; }
wait_for let_in
ok $? 'and the voice is let in at the other'
on d "$cli" stop >/dev/null 2>&1

# ---- a certificate that is renewed under a supervisor ----

stop_server c
on c "$cli" start >"$work/out" 2>&1
ok $? 'on the third host a whole suite serves'
shown() { # the certificate that it shows, by its hash
	ip netns exec "${tag}a" python3 - "$issued/guest" $three <<-'EOF'
		import hashlib, socket, ssl, sys
		context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
		context.load_verify_locations(sys.argv[1] + "/ca.pem")
		context.check_hostname = False  # addresses stand in it as names do
		context.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
		with socket.create_connection((sys.argv[2], 8641), 5) as plain:
		    with context.wrap_socket(plain, server_hostname=sys.argv[2]) as link:
		        print(hashlib.sha256(link.getpeercert(True)).hexdigest())
	EOF
}
before=$(shown 2>"$work/out")
[ -n "$before" ]
ok $? 'and shows its certificate'
touch "$work/go"
ip netns exec "${tag}a" "$host" loop "$issued/guest" "$uri_c" "$work/go" >"$work/loop" 2>&1 &
loop=$!
pki issue models-c --host $three >"$work/out" 2>&1
echo 'no certificate' >"$work/c/state/tls/cert.pem"
wait_for grep -qF 'shown the certificate from before' "$work/c/state/log/supervisor.log"
status=$?
[ "$status" -eq 0 ] && [ "$(shown 2>"$work/out")" = "$before" ]
ok $? 'what is no certificate changes nothing'
give models-c c
renewed() {
	local now
	now=$(shown 2>"$work/out")
	[ -n "$now" ] && [ "$now" != "$before" ]
}
wait_for renewed
ok $? 'a renewed one is shown without anybody restarting anything'
rm "$work/go"
wait "$loop"
status=$?
cp "$work/loop" "$work/out"
[ "$status" -eq 0 ] && [ "$(grep -oE '^[0-9]+' "$work/loop" | tail -n 1)" -gt 10 ]
ok $? "and no call is lost ($(tail -n 1 "$work/loop"))"
on c "$cli" stop >/dev/null 2>&1
echo "1..$count"
