#!/usr/bin/env bash
# Memory of the running suite: nothing loaded before it is needed, what is
# loaded is counted, cleanup gives back what it says, a background model that
# is bad is told of and left alone. TAP.
set -uo pipefail
cd "$(dirname "$0")/../.."
. tests/system/aid/tap.sh

vu=$PWD/build/bin/jarvis-voice-unlock
work=$(mktemp -d "${TMPDIR:-/tmp}/vu-mem.XXXXXX")
for name in $(compgen -e); do
	case $name in VOICE_UNLOCK_*) unset "$name" ;; esac
done
export VOICE_UNLOCK_HOME=$work/home VOICE_UNLOCK_RUNTIME_DIR=$work/run LC_ALL=C.UTF-8
[ -z "${TEST_MAX_MEMORY:-}" ] || export VOICE_UNLOCK_MAX_MEMORY=$TEST_MAX_MEMORY
export VOICE_UNLOCK_CONFIG=$work/config.yaml XDG_CONFIG_HOME=$work/none
model=$PWD/build/share/voice-unlock/background.vum
cat >"$VOICE_UNLOCK_CONFIG" <<END
ml:
  loaders:
    - kind: background
      path: $model
      sha256: $(python3 -c 'import hashlib,sys; print(hashlib.sha256(open(sys.argv[1],"rb").read()).hexdigest())' "$model")
END

out=$work/out
# NAME EXPRESSION METHOD [JSON]: holds for the JSON object d that the method answers
answer() {
	local name=$1 expression=$2
	shift 2
	"$vu" call "$@" >"$out" 2>&1
	python3 - "$out" "$expression" 2>>"$out" <<-'END'
		import json, sys
		d = json.load(open(sys.argv[1]))
		sys.exit(0 if eval("(" + sys.argv[2] + ")") else "does not hold: " + sys.argv[2])
	END
	ok $? "$name"
}
trap '"$vu" stop >/dev/null 2>&1; rm -rf "$work"' EXIT
pid_of() { "$vu" status --json | python3 -c 'import json,sys; print([s["pid"] for s in json.load(sys.stdin)["services"] if s["name"] == sys.argv[1]][0])' "$1"; }
# No process but models may ever map a model, and that one only when asked.
no_model_mapped() {
	local s pid
	for s in capture features models antispoof orchestrator; do
		pid=$(pid_of "$s")
		[ -r "/proc/$pid/maps" ] || continue
		if grep -E '\.(vum|vut)$' "/proc/$pid/maps"; then
			echo "$s has a model mapped"
			return 1
		fi
	done
}
# And they do, once they were asked: otherwise the former would say nothing.
models_mapped() {
	local pid
	[ -r "/proc/$(pid_of models)/maps" ] || return 0
	for s in features/background.vum models/background.vum antispoof/synthetic.vum antispoof/loudspeaker.vum; do
		pid=$(pid_of "${s%/*}")
		grep -q "/${s#*/}\$" "/proc/$pid/maps" || {
			echo "${s%/*} has not mapped ${s#*/}"
			return 1
		}
	done
}
NOTHING='all(int(c.get("bytes", 0)) == 0 and int(c.get("misses", 0)) == 0 for c in d["caches"]) and int(d.get("total_loaded", 0)) == 0'

build/tests/aid/utterances "$work/people" >"$out" 2>&1 || {
	echo "1..0 # SKIP utterances cannot be made"
	exit 0
}
person=$(head -n 1 "$work/people/people.txt")

check 'the suite starts' "$vu" start
answer 'nothing is loaded at start' "$NOTHING" models/Stats
check 'and no model is mapped' no_model_mapped
check 'the health page answers' python3 - "$work/run/http.port" <<'END'
import sys, urllib.request
port = int(open(sys.argv[1]).read())
for page in ("healthz", "readyz", "metrics", "status.json"):
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=20).status == 200
END
answer 'which loads nothing' "$NOTHING" models/Stats
check 'and maps no model' no_model_mapped

# Figures of the interface, by their names there and by Prometheus' convention.
check 'every metric is in /status.json and /metrics' python3 - "$work/run/http.port" <<'END'
import json, math, re, sys, urllib.request
port = int(open(sys.argv[1]).read())
page = lambda name: urllib.request.urlopen(f"http://127.0.0.1:{port}/{name}", timeout=20).read().decode()
names = """memory_system_percent memory_ml_mb memory_cache_mb cpu_percent model_load_time_ms inference_time_ms
    feature_time_ms antispoof_time_ms auth_time_ms cache_hit_percent auth_success_rate disk_read_bytes
    disk_write_bytes memory_capture_mb memory_features_mb memory_antispoof_mb memory_orchestrator_mb
    memory_supervisor_mb memory_cache_models_mb memory_cache_scalers_mb memory_cache_pca_mb""".split()
metrics = json.loads(page("status.json"))["metrics"]
assert sorted(metrics) == sorted(names), sorted(metrics)
assert all(sorted(m) == ["last", "p50", "p90", "p99"] for m in metrics.values()), metrics
text = page("metrics")
line = re.compile(r'([a-z_]+)\{service="([a-z]+)"(?:,([a-z]+)="([^"]*)")?\} (NaN|[-+0-9.eE]+)')
seen, families = {}, {}
for l in text.splitlines():
    if l.startswith("# TYPE "):
        _, _, name, kind = l.split()
        assert name not in families, name + " in two pieces"
        families[name] = kind
    elif not l.startswith("# HELP "):
        m = line.fullmatch(l)
        assert m, l
        seen[m.groups()[:4]] = float(m[5])
# Base units, and what only grows says so.
for name, kind in families.items():
    assert not re.search("_(ms|us|mb|kb|percent)$", name), name
    assert name.endswith("_total") == (kind == "counter"), (name, kind)
for name in names:
    name = re.sub("_ms$", "_seconds", re.sub("_mb$", "_bytes", re.sub("_(percent|rate)$", "_ratio", name)))
    for q in ("0.5", "0.9", "0.99"):
        assert ("voice_unlock_" + name, "orchestrator", "quantile", q) in seen, (name, q)
for cache in ("models", "scalers", "pca"):
    for what in ("bytes", "items", "hits_total", "misses_total"):
        assert seen["voice_unlock_cache_" + what, "models", "cache", cache] == 0, (cache, what)
for alert in ("memory_percent", "cpu_percent", "inference_time_ms", "cache_hit_percent", "unlocked_secret_bytes"):
    assert ("voice_unlock_alert_active", "orchestrator", "alert", alert) in seen, alert
for service in ("supervisor", "capture", "features", "models", "antispoof", "orchestrator"):
    for what in ("resident_bytes", "cpu_seconds_total", "unlocked_secret_bytes"):
        if (service, what) == ("supervisor", "unlocked_secret_bytes"):
            continue  # it has no secrets
        assert ("voice_unlock_process_" + what, service, None, None) in seen, (service, what)
END
answer 'which loads nothing either' "$NOTHING" models/Stats

check 'somebody enrols' "$vu" enroll anna --from "$work/people/$person"/enroll-{1,2,3,4,5}.wav
answer 'the template is there' 'd["states"][0]["state"] in ("NOT_LOADED", "LOADED")' models/States '{"keys":[{"user":"anna"}]}'
answer 'nobody else is' 'd["states"][0]["state"] == "NOT_FOUND" and d["states"][0]["reason"]' models/States '{"keys":[{"user":"bert"}]}'
"$vu" test --user anna --from "$work/people/$person/test-1.wav" >"$out" 2>&1
answer 'a test loads it' 'd["states"][0]["state"] == "LOADED" and int(d["states"][0]["bytes"]) > 0' models/States '{"keys":[{"user":"anna"}]}'
check 'after which models are mapped' models_mapped
answer 'and it is hot' '[k["user"] for k in d["keys"]] == ["anna"]' models/Hot
answer 'it can be preloaded' 'd["loaded"] == 1' models/Preload '{"keys":[{"user":"anna"}]}'

"$vu" cleanup --aggressive --json >"$out" 2>&1
python3 - "$out" 2>>"$out" <<'END'
import json, sys
services = {s["name"]: s for s in json.load(open(sys.argv[1]))["services"]}
assert len(services) == 6, services.keys()
m = services["models"]
back = m["rss_before_bytes"] - m["rss_after_bytes"]
assert m["freed_bytes"] > 0, "nothing was freed"
# What was mapped or freed is gone from the process; of a mapping, the system may have taken pages before.
assert back >= m["freed_bytes"] * 0.5 - 524288, f"freed {m['freed_bytes']}, given back {back}"
END
ok $? 'cleanup gives back what it says'
check 'cleanup speaks to people' bash -c '"$0" cleanup | grep -qE "^models +[0-9.]+ MB now, +[0-9.]+ MB given back$"' "$vu"
check 'what was freed is loaded again' bash -c '"$0" test --user anna --from "$1" --json; [ $? -le 3 ]' "$vu" "$work/people/$person/test-1.wav"

answer 'a listed model is activated' 'int(d["bytes"]) > 0 and d["path"].endswith(".vum")' models/Activate '{"kind":"background"}'
answer 'and is the one in use' 'd["background"].endswith("/loaded-background.vum")' models/Stats
check 'with which people are recognized' bash -c '"$0" test --user anna --from "$1" --json; [ $? -le 3 ]' "$vu" "$work/people/$person/test-1.wav"
check 'what is not listed is not' bash -c '! "$0" call models/Activate "{\"kind\":\"detector\"}"' "$vu"
check 'the supervisor alone may say that loads are to be refused' \
	bash -c '! "$0" call models/SetPressure "{\"refuse_loads\":true}" && ! "$0" call models/Stats | grep -q refusing_loads.*true' "$vu"

check 'the suite stops' "$vu" stop
echo "1..$count"
exit $((failures > 0))
