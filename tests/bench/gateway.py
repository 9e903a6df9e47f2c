"""Measures credvend-gateway beside nginx, HAProxy, Apache and a gateway in Python: `scripts/bench gateway`.

All of them stand in front of one nginx that answers from memory, on the cores that load and upstream use as well. Each
figure is the median of rounds in which they take turns, so that a busy machine is busy for all of them.
"""

import os
import pathlib
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from gateway_setting import BIG, FIRST, PEERS, PYTHON, Setting

ROUNDS = 5
SECONDS = 3
CONNECTIONS = 32
IDLE = 10_000
MANY = 200_000


def wrk(url: str, script: pathlib.Path, connections: int, seconds: int, before: tuple[str, ...] = ()) -> tuple[float, float, float]:
    """Requests a second, p50 and p99 in milliseconds."""
    command = [*before, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(script), url]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    figures = dict(line.split() for line in said.splitlines() if line.startswith(("rps\t", "p50\t", "p99\t", "bad\t")))
    if float(figures["bad"]) > 0:
        sys.exit(f"bench: {url}: {figures['bad']} responses were not 200")
    return float(figures["rps"]), float(figures["p50"]), float(figures["p99"])


def wrk_script(folder: pathlib.Path, name: str, tokens: list[str]) -> pathlib.Path:
    listed = ",".join(f'"Bearer {token}"' for token in tokens)
    path = folder / f"{name}.lua"
    path.write_text(f"""
local tokens = {{{listed}}}
local requests, n = {{}}, 0
init = function() for i, t in ipairs(tokens) do requests[i] = wrk.format("GET", nil, {{["Authorization"] = t}}) end end
request = function() n = n % #requests + 1; return requests[n] end
done = function(summary, latency)
  local e = summary.errors
  print("rps", summary.requests / (summary.duration / 1e6))
  print("p50", latency:percentile(50) / 1000)
  print("p99", latency:percentile(99) / 1000)
  print("bad", e.status + e.read + e.connect + e.timeout)
end""")
    return path


def throughput(setting: Setting, script: pathlib.Path) -> dict[str, float]:
    seen: dict[str, list[float]] = {name: [] for name in (*PEERS, "gateway")}
    for _ in range(ROUNDS):
        for name, values in seen.items():
            values.append(wrk(setting.url(name), script, CONNECTIONS, SECONDS)[0])
    return {name: statistics.median(values) for name, values in seen.items()}


def latency(setting: Setting, script: pathlib.Path, before: tuple[str, ...] = ()) -> dict[str, tuple[float, float]]:
    """What each adds to the upstream's p50 and p99."""
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ("upstream", *PEERS, "gateway")}
    for _ in range(ROUNDS):
        for name, values in seen.items():
            values.append(wrk(setting.url(name), script, 1, SECONDS, before)[1:])
    medians = {name: [statistics.median(column) for column in zip(*values, strict=True)] for name, values in seen.items()}
    direct = medians.pop("upstream")
    return {name: (median[0] - direct[0], median[1] - direct[1]) for name, median in medians.items()}


def transfer(setting: Setting, name: str, token: str, *, upload: bool) -> float:
    """Bytes a second."""
    more = ["-T", str(setting.folder / "big")] if upload else []
    path = "/take" if upload else "/big"
    command = ["curl", "-sS", "-o", "/dev/null", "-H", f"Authorization: Bearer {token}", "-H", "Expect:", *more]
    begun = time.monotonic()
    said = subprocess.run([*command, "-w", "%{http_code}", setting.url(name, path)], check=True, capture_output=True, text=True)
    if said.stdout != "200":
        sys.exit(f"bench: {name}: {path} answered {said.stdout}")
    return BIG / (time.monotonic() - begun)


def idle_memory(setting: Setting, token: str) -> tuple[int, float]:
    """Connections that have had a response, and wait."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(IDLE, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count + 100), hard))
    request = f"GET /x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    connections = []
    for _ in range(count):
        connection = socket.create_connection(("127.0.0.1", setting.ports["gateway"]))
        connection.sendall(request)
        connection.recv(4096)
        connections.append(connection)
    time.sleep(3)
    memory = setting.memory()
    for connection in connections:
        connection.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return count, memory


def cache_hit(setting: Setting) -> float:
    """Microseconds, from the gateway's own histogram."""
    text = subprocess.run(["curl", "-sS", setting.url("metrics", "/metrics")], check=True, capture_output=True, text=True).stdout
    name = "credvend_gateway_token_validation_duration_seconds"
    value = lambda kind: float(next(l for l in text.splitlines() if l.startswith(f'{name}_{kind}{{cache="hit"}}')).split()[1])  # noqa: E731, E741
    return value("sum") / value("count") * 1e6


def row(what: str, ours: str, reach: str, beside: str, *, reached: bool) -> str:
    return f"| {what} | {ours} | {reach} | {'yes' if reached else '**no**'} | {beside} |"


def latency_row(what: str, added: dict[str, tuple[float, float]]) -> str:
    beside = ", ".join(f"{title} +{added[name][0]:.3f} / +{added[name][1]:.3f} ms" for name, title in PEERS.items())
    p50, p99 = added["gateway"]
    return row(what, f"{p50:.3f} / {p99:.3f} ms", "≤ 0.1 / ≤ 0.5 ms", beside, reached=p50 <= 0.1 and p99 <= 0.5)


def measure(setting: Setting) -> list[str]:
    one = setting.keys.token("agent")
    scripts = {
        "one valid token": wrk_script(setting.folder, "one", [one]),
        "500 different tokens": wrk_script(setting.folder, "many", [setting.keys.token(f"agent-{n}") for n in range(500)]),
    }
    rows = []
    for (what, script), least in zip(scripts.items(), ((0.6, 1.3), (0.0, 1.0)), strict=True):
        print(f"bench: gateway: {what}", file=sys.stderr)
        rps = throughput(setting, script)
        of_nginx, of_haproxy = rps["gateway"] / rps["nginx"], rps["gateway"] / rps["haproxy"]
        reach = f"≥ {least[0]} × nginx, ≥ {least[1]} × HAProxy" if least[0] else f"≥ {least[1]} × HAProxy"
        beside = ", ".join(f"{title} {rps[name]:,.0f} (× {rps[name] / rps['nginx']:.2f})" for name, title in PEERS.items())
        ours = f"{rps['gateway']:,.0f}: × {of_nginx:.2f} nginx, × {of_haproxy:.2f} HAProxy"
        rows.append(row(f"requests/s, {CONNECTIONS} connections, {what}", ours, reach, beside, reached=of_nginx >= least[0] and of_haproxy >= least[1]))
    under_load = setting.memory("VmHWM")
    rows.append(row("memory under that load, at most", f"{under_load:.1f} MiB", "≤ 20 MiB", "–", reached=under_load <= 20))
    hit = cache_hit(setting)
    rows.append(row("a verified token found, on loaded cores", f"{hit:.1f} µs", "≤ 2 µs", "–", reached=hit <= 2))

    print("bench: gateway: latency", file=sys.stderr)
    rows.append(latency_row("p50 / p99 added, 1 connection", latency(setting, scripts["one valid token"])))
    if setting.goes_first():
        # Nothing else on the machine has a part in these.
        added = latency(setting, scripts["one valid token"], FIRST)
        rows.append(latency_row("the same, before all other programs (`chrt -f`)", added))
        setting.takes_turns()

    print("bench: gateway: transfers", file=sys.stderr)
    for what, upload in (("download", False), ("upload", True)):
        speeds = {name: statistics.median(transfer(setting, name, one, upload=upload) for _ in range(3)) for name in ("nginx", "gateway")}
        ratio = speeds["gateway"] / speeds["nginx"]
        rows.append(row(f"200 MiB {what}", f"{speeds['gateway'] / 1e6:,.0f} MB/s: × {ratio:.2f} nginx", "≥ 0.6 × nginx", f"nginx {speeds['nginx'] / 1e6:,.0f} MB/s", reached=ratio >= 0.6))
    peak = setting.memory("VmHWM")
    rows.append(row("memory of all that, at most", f"{peak:.1f} MiB", "bounded", "–", reached=peak <= 64))

    print("bench: gateway: many requests", file=sys.stderr)
    # The pool may have been ended meanwhile, and connections that were closed are counted until they are noticed.
    wrk(setting.url("gateway"), scripts["one valid token"], CONNECTIONS, SECONDS)
    time.sleep(2)
    before = (setting.memory(), setting.descriptors())
    done = 0
    while done < MANY:
        done += int(wrk(setting.url("gateway"), scripts["one valid token"], CONNECTIONS, SECONDS)[0] * SECONDS)
    time.sleep(2)
    after = (setting.memory(), setting.descriptors())
    # The pool of connections to the upstream may grow to one for each of the load.
    flat = after[0] - before[0] <= 2 and after[1] <= before[1] + CONNECTIONS
    rows.append(row(f"{done:,} requests", f"{before[0]:.1f} → {after[0]:.1f} MiB, {before[1]} → {after[1]} descriptors", "flat", "–", reached=flat))

    print("bench: gateway: idle connections", file=sys.stderr)
    count, memory = idle_memory(setting, one)
    rows.append(row(f"memory with {count:,} idle connections", f"{memory:.1f} MiB", "≤ 120 MiB", "–", reached=memory <= 120))
    return rows


def main() -> None:
    binary = pathlib.Path(sys.argv[1]).resolve()
    os.environ["PATH"] += ":/usr/sbin"
    for program in ("nginx", "haproxy", "apache2", "wrk", "curl", str(PYTHON)):
        if not shutil.which(program):
            sys.exit(f"bench: {program} is missing; run scripts/setup --bench")
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        setting = Setting(pathlib.Path(name), binary)
        try:
            rows = measure(setting)
        finally:
            setting.stop()
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} cores, load {load} at the end; medians of {ROUNDS} rounds of {SECONDS} s, taking turns.\n")
    print("| what | measured | reach | reached | beside, in the same run |")
    print("|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    main()
