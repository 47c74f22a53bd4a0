#!/usr/bin/env bash
# scripts/deploy: a laptop and two model-servers, each a network namespace with an sshd of its own,
# and a machine that is not there. What a dry run says, a first run does and a second leaves alone;
# a voice is then accepted with its template on another host, and after it was brought to the
# standby and the first host is gone, by that. TAP.
set -uo pipefail
umask 077
cd "$(dirname "$0")/../.." || exit 1
. tests/system/aid/tap.sh

work=$(mktemp -d /tmp/vu-fleet.XXXXXX)
tag=vuf$$
# shellcheck disable=SC2329 # by the trap
finish() {
	local n
	for n in a b c; do
		[ ! -e "$work/$n/home" ] || on $n "jarvis-voice-unlock stop" >/dev/null 2>&1
		[ ! -e "$work/$n/sshd.pid" ] || kill "$(cat "$work/$n/sshd.pid")" 2>/dev/null
	done
	for n in a b c; do ip netns del "$tag$n" 2>/dev/null; done
	rm -rf "$work"
}
trap finish EXIT
why() {
	tail -n 25 "$work/out" | cut -c1-300
}
skip_rest() {
	echo "ok $((count + 1)) - machines # SKIP $*"
	echo "1..$((count + 1))"
	exit 0
}
says() { # STATUS TEXT NAME COMMAND…
	local status=$1 text=$2 name=$3
	shift 3
	"$@" >"$work/out" 2>&1
	[ $? -eq "$status" ] && grep -qE -- "$text" "$work/out"
	ok $? "$name"
}
# What machines pack is as of somebody with another number than who unpacks it.
deploy() { # ARGUMENT…: on the laptop
	ip netns exec "${tag}a" env TAR_OPTIONS=--owner=4321 VU_DEPLOY_SSH="ssh -F $work/ssh" scripts/deploy "$work/hosts" --pki "$work/pki" "$@"
}
row() { # NAME STEPS RESULT: whether the table has it
	grep -qE "^$1 +$2 +$3\$" "$work/out"
}
on() { # HOST COMMAND
	ip netns exec "${tag}a" ssh -F "$work/ssh" "$1" "$2" </dev/null
}

# ---- what it refuses, without any machine ----

says 2 'which machines' 'no machines is wrong usage' scripts/deploy
says 2 'no machine serves' 'nor are machines without a model-server' scripts/deploy --host one
says 2 'is there twice' 'nor is one named twice' scripts/deploy --host 'one - serve=x' --host one
says 2 "unable to understand 'sreve=x'" 'nor what is misspelt' scripts/deploy --host 'one - sreve=x'
# shellcheck disable=SC2016 # it is not to be expanded
says 2 'is no name' 'nor a name that a shell would take apart' scripts/deploy --host '$(id) - serve=x'
says 2 'is no destination' 'nor an option of ssh for a machine' scripts/deploy --host 'one -oProxyCommand=id serve=x'
says 2 "no machine 'three'" 'nor a standby that is not listed' scripts/deploy --host 'one - serve=x' --standby one three

# ---- the machines ----

link() { # HOST NETWORK
	ip -n "${tag}a" link add "to$1" type veth peer name toa netns "$tag$1" &&
		ip -n "${tag}a" addr add "$2.1/24" dev "to$1" && ip -n "$tag$1" addr add "$2.2/24" dev toa &&
		ip -n "${tag}a" link set "to$1" up && ip -n "$tag$1" link set toa up &&
		ip -n "$tag$1" route add default via "$2.1"
}
make_machines() {
	local n
	for n in a b c; do ip netns add "$tag$n" && ip -n "$tag$n" link set lo up || return; done
	link b 10.78.1 && link c 10.78.2 && ip netns exec "${tag}a" sysctl -qw net.ipv4.ip_forward=1
}
[ "$(id -u)" -eq 0 ] || skip_rest 'making network namespaces needs root'
make_machines >"$work/out" 2>&1 || skip_rest "unable to make network namespaces here: $(tail -n 1 "$work/out")"
if [ ! -x /usr/sbin/sshd ] || ! command -v ssh >/dev/null; then skip_rest 'there is no sshd; run scripts/bootstrap'; fi

mkdir -p /run/sshd
chmod 755 "$work"
ssh-keygen -q -t ed25519 -N '' -f "$work/user" && ssh-keygen -q -t ed25519 -N '' -f "$work/machine"
listen() { # HOST ADDRESS PATH: an sshd, whose sessions have a home of their own
	local at=$work/$1
	mkdir -p "$at/home" "$at/run"
	cat >"$at/sshd_config" <<-END
		ListenAddress $2
		Port 2222
		HostKey $work/machine
		PidFile $at/sshd.pid
		AuthorizedKeysFile $work/user.pub
		StrictModes no
		PermitRootLogin yes
		PasswordAuthentication no
		UsePAM no
		SetEnv TAR_OPTIONS=--owner=4321 HOME=$at/home XDG_RUNTIME_DIR=$at/run VOICE_UNLOCK_HTTP_PORT=0 PATH=$3/usr/sbin:/usr/bin:/sbin:/bin
	END
	ip netns exec "$tag$1" /usr/sbin/sshd -f "$at/sshd_config" -E "$at/sshd.log"
	printf 'Host %s\n\tHostName %s\n' "$1" "$2" >>"$work/ssh"
}
listen a 10.78.1.1 "$PWD/build/bin:"
listen b 10.78.1.2 "$work/b/home/.local/bin:"
listen c 10.78.2.2 "$PWD/build/bin:"
cat >>"$work/ssh" <<END
Host gone
	HostName 10.78.9.9
Host *
	Port 2222
	User root
	IdentityFile $work/user
	IdentitiesOnly yes
	UserKnownHostsFile $work/known
	StrictHostKeyChecking accept-new
	LogLevel ERROR
END
reachable() {
	local n
	for n in a b c; do
		for _ in $(seq 100); do on $n true 2>"$work/out" && continue 2; sleep 0.1; done
		return 1
	done
}
reachable || skip_rest "no sshd answers here: $(tail -n 1 "$work/out")"
cat >"$work/hosts" <<END
# three that are there and one that is not
laptop  a     install=none
studio  b     serve=10.78.1.2 install=tree
mini    c     serve=10.78.2.2:8641 install=none role=none
away    gone
END
mkdir -p "$work/a/home/.config/voice-unlock"
printf 'authentication:\n  timeout_s: 30 # slow machines\n' >"$work/a/home/.config/voice-unlock/config.yaml"

# ---- dry, first and second run ----

deploy --dry-run >"$work/out" 2>&1
[ $? -eq 1 ] && row laptop 'issue certificate, copy certificates, set model-servers, start' 'not done: dry run' &&
	row studio 'issue certificate, install programs \(tree\), copy.*' 'not done: dry run'
ok $? 'a dry run says what it would do'
row away - 'FAILED: ssh: connect to host .*'
ok $? 'and names the machine that is not there'
[ ! -e "$work/pki" ] && [ -z "$(find "$work"/{a,b,c}/home -name tls -o -name .local)" ] &&
	! grep -q endpoints "$work/a/home/.config/voice-unlock/config.yaml"
ok $? 'it changes nothing, there and here'
deploy >"$work/out" 2>&1
[ $? -eq 1 ] && row laptop 'issue certificate, copy certificates, set model-servers, start' 'ready.*' &&
	row studio 'issue certificate, install programs \(tree\), copy certificates, set model-servers, start' 'ready.*' &&
	row mini '.*start' 'ready.*'
ok $? 'a first run sets up what is there'
row away - 'FAILED: ssh: connect to host .*' && [ ! -e "$work/pki/issued/away" ]
ok $? 'in spite of what is not'
[ -x "$work/b/home/.local/bin/vu-models" ] && on b 'command -v jarvis-voice-unlock' | grep -q "^$work/b/home/"
ok $? 'programs were sent where they are to be'
tls=.local/state/voice-unlock/tls
[ -z "$(find "$work"/{a,b,c}/home/$tls -type f ! -perm 600)" ] && [ "$(stat -c %a "$work/b/home/$tls")" = 700 ] &&
	cmp -s "$work/b/home/$tls/key.pem" "$work/pki/issued/studio/key.pem" &&
	[ "$(find "$work"/{a,b,c}/home -name identity.key | wc -l)" -eq 3 ] && [ -z "$(find "$work"/{a,b,c}/home ! -user 0)" ]
ok $? 'each has its own certificate, open to nobody else'
grep -q 'timeout_s: 30 # slow machines' "$work/a/home/.config/voice-unlock/config.yaml" &&
	grep -q '10.78.1.2:8641.*10.78.2.2:8641' "$work/a/home/.config/voice-unlock/config.yaml"
ok $? 'the list of model-servers is added to the settings that were there'
on a 'jarvis-voice-unlock doctor' >"$work/out" 2>&1
grep -qE '^ok +models +ready on another machine' "$work/out"
ok $? 'doctor there says that models is on another machine'
on c 'jarvis-voice-unlock doctor' >"$work/out" 2>&1
grep -qE '^ok +models +ready as process' "$work/out"
ok $? 'and on the second model-server that it is there'
grep -q ' none$' <<<"$(grep '^mini ' "$work/pki/issued/laptop/peers")"
ok $? 'a role is as the list says'
sed -i '/^away/d' "$work/hosts"
touch "$work/mark"
deploy >"$work/out" 2>&1
[ $? -eq 0 ] && row laptop 'nothing to do' 'ready.*' && row studio 'nothing to do' 'ready.*' && row mini 'nothing to do' 'ready.*'
ok $? 'a second run has nothing to do'
[ -z "$(find "$work"/{a,b,c}/home "$work/pki" \( -path '*/tls/*' -o -name 'config.yaml' -o -path '*/.local/bin/*' -o -name index \) -newer "$work/mark")" ]
ok $? 'and does nothing'
! grep -rlE 'PRIVATE KEY' "$work" /tmp/vu-deploy.* --include='*log*' --include='said*' --include='reason*' >"$work/out" 2>/dev/null
ok $? 'no key is left in a log or a temporary folder'

# ---- a voice ----

build/tests/aid/utterances "$work/v" >"$work/out" 2>&1 || skip_rest 'there are no voices; run scripts/bootstrap'
mine=$work/v/$(head -n 1 "$work/v/people.txt")
on a "jarvis-voice-unlock enroll p --from $mine/enroll-1.wav $mine/enroll-2.wav $mine/enroll-3.wav $mine/enroll-4.wav $mine/enroll-5.wav" >"$work/out" 2>&1 &&
	[ -n "$(find "$work/b/home" -name p.vut)" ] && [ -z "$(find "$work/a/home" "$work/c/home" -name p.vut)" ]
ok $? 'a voice is enrolled on the first model-server'
genuine() {
	local n
	for n in 1 2 3; do
		on a "jarvis-voice-unlock test --user p --from $mine/test-$n.wav --anti-spoofing off" && return
	done
}
genuine >"$work/out" 2>&1
ok $? 'and accepted'

# ---- certificates that end, and a connection that is lost ----

# What this ssh sends to a machine breaks off.
cat >"$work/cutting-ssh" <<'END'
#!/bin/sh
case $* in
*"agent 'tls'"* | *"agent 'take' 'templates'"*) head -c 3000 | ssh "$@" ;;
*) exec ssh "$@" ;;
esac
END
chmod 755 "$work/cutting-ssh"
cut_off() { # ARGUMENT…: deploy over it
	ip netns exec "${tag}a" env VU_DEPLOY_SSH="$work/cutting-ssh -F $work/ssh" scripts/deploy "$work/hosts" --pki "$work/pki" "$@"
}
cp -r "$work/b/home/$tls" "$work/before"
cut_off --renew-days 60 >"$work/out" 2>&1
[ $? -eq 1 ] && row studio 'renew certificate, copy certificates' 'FAILED: .*unable to write .*tls.new.*' &&
	diff -r "$work/before" "$work/b/home/$tls" >>"$work/out"
ok $? 'a copy that breaks off leaves the certificates that were there'
genuine >"$work/out" 2>&1
ok $? 'with which the voice is accepted'
deploy >"$work/out" 2>&1
[ $? -eq 0 ] && row laptop 'copy certificates' 'ready.*' && row studio 'copy certificates, restart model-server' 'ready.*' &&
	! cmp -s "$work/before/cert.pem" "$work/b/home/$tls/cert.pem" && [ ! -e "$work/b/home/$tls.new" ]
ok $? 'the next run takes the renewed ones there, and model-servers show them'
# Until the laptop has found it again the standby is asked, where the voice has yet to be brought.
within 60 genuine >"$work/out" 2>&1
ok $? 'the voice is accepted as before'
build/bin/vu-pki init --folder "$work/foreign" >/dev/null
deploy --pki "$work/foreign" --dry-run >"$work/out" 2>&1
[ $? -eq 1 ] && row laptop - 'FAILED: it has certificates of another authority.*'
ok $? 'another authority does not take machines over unasked'

# ---- the standby ----

says 0 'would get 1 templates and the master key of studio' 'a dry run says what the standby would get' \
	deploy --standby studio mini --dry-run
[ -z "$(find "$work/c/home" -name p.vut)" ]
ok $? 'which it has not got then'
says 1 'unable to copy from studio to mini' 'a connection that is lost is told' cut_off --standby studio mini
[ -z "$(find "$work/c/home" -name p.vut -o -name '*.new')" ]
ok $? 'and nothing of what came over it stays'
says 0 'mini: copied 1 templates and the master key of studio' 'the standby gets them' deploy --standby studio mini
there=$work/c/home/.local/state/voice-unlock
[ "$(find "$there/templates" -name p.vut -perm 600 | wc -l)" -eq 1 ] && [ "$(stat -c %a "$there/templates")" = 700 ] &&
	[ "$(stat -c %a "$work/c/home/.config/voice-unlock-keys/master.key")" = 600 ] &&
	cmp -s "$work"/{b,c}/home/.config/voice-unlock-keys/master.key &&
	[ -z "$(find "$work/c/home" ! -user 0)" ] &&
	[ -z "$(find "$work/a/home" "$work/pki" /tmp/vu-deploy.* -name '*.vut' -o -name master.key 2>/dev/null)" ]
ok $? 'for its own eyes, and nobody else does'
says 0 'mini: nothing to do' 'a second time there is nothing to do' deploy --standby studio mini
ip -n "${tag}a" link set tob down
genuine >"$work/out" 2>&1
ok $? 'with the first model-server gone the voice is accepted by the standby'
says 1 'unable to look at the templates of studio' 'what is gone cannot be copied' deploy --standby studio mini
ip -n "${tag}a" link set tob up
on c "printf x >>$there/templates/users/p.vut"
says 1 'has templates that studio has not, or newer ones: p;' 'templates that changed on the standby are not overwritten' \
	deploy --standby studio mini
says 0 'mini: copied 1 .*; lost: p' 'but by force' deploy --standby studio mini --force
key=$work/b/home/.config/voice-unlock-keys/master.key
cp "$key" "$work/key" && printf 'VUKEY\r\n\033 sealed' >"$key"
says 1 'its master key is sealed by what only that machine has' 'a key that is of no use elsewhere is not copied' \
	deploy --standby studio mini
cp "$work/key" "$key"
on b "rm $work/b/home/.local/state/voice-unlock/templates/users/p.vut"
says 1 'nobody is enrolled on studio' 'an empty server is no source' deploy --standby studio mini

# ---- a machine that is shut out ----

build/bin/vu-pki revoke laptop --folder "$work/pki" >/dev/null
deploy >"$work/out" 2>&1
[ $? -eq 1 ] && row laptop - 'FAILED: it was revoked.*' && row studio 'copy certificates' 'ready.*' &&
	! grep -q '^laptop ' "$work/b/home/$tls/peers"
ok $? 'who was revoked is not taken in again, and the others are told'
echo "1..$count"
