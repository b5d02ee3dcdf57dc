"""Prints the lines of the peers' programs as tables: table.py RUN.tsv"""
import collections
import statistics
import sys

limits, cost = {}, {}
times, checks = collections.defaultdict(dict), collections.defaultdict(dict)  # of (threads, workload): by peer
for line in open(sys.argv[1]):
    fields = line.rstrip("\n").split("\t")
    if fields[0] == "limit":
        limits[int(fields[2]), fields[1]] = max(float(fields[3]), limits.get((int(fields[2]), fields[1]), 0))
        continue
    workload, peer, threads, ms, flops, size, traffic, check = fields
    row = int(threads), workload
    times[row][peer] = min(float(ms), times[row].get(peer, float("inf")))
    checks[row][peer] = float(check)
    cost[row] = float(flops), float(size), traffic


def floor_ms(threads, workload):
    flops, size, traffic = cost[threads, workload]
    arithmetic = flops / limits[threads, "flops"] / 1e6
    return max(arithmetic, size / limits[threads, traffic] / 1e6 if size else 0)


peers = sorted({p.split("-")[0] for row in times.values() for p in row} - {"deeprec"})
for threads in sorted({t for t, _ in times}):
    print(f"\n{threads} thread(s): {limits[threads, 'flops']:.0f} GFLOP/s; GB/s: {limits[threads, 'cache']:.0f} cache, "
          f"{limits[threads, 'update']:.0f} DRAM read and written, {limits[threads, 'read']:.0f} read. "
          "Milliseconds, the shortest of all runs.\n")
    print(f"| workload | deeprec | {' | '.join(peers)} | best peer / deeprec | % of the limit |")
    print("|---" * (len(peers) + 4) + "|")
    for (t, workload), row in times.items():
        if t != threads:
            continue
        # A peer shows its fastest way; ways of deeprec have rows of their own.
        best = {p: min((v for n, v in row.items() if n.split("-")[0] == p), default=None) for p in peers}
        cells = " | ".join(f"{best[p]:.3g}" if best[p] else "" for p in peers)
        rival = min((v for v in best.values() if v), default=None)
        for way in [n for n in row if n.split("-")[0] == "deeprec"]:
            ratio = f"{rival / row[way]:.2f}" if rival else ""
            share = 100 * floor_ms(t, workload) / row[way]
            name = workload + way[len("deeprec"):].replace("-", ", ")
            print(f"| {name} | {row[way]:.3g} | {cells} | {ratio} | {share:.0f} |")

wrong = 0
for (threads, workload), row in checks.items():
    usual = statistics.median(row.values())
    for peer, value in row.items():
        if abs(value - usual) > 2e-3 * max(abs(usual), 1e-3):
            wrong += 1
            print(f"DISAGREE {workload}, {threads} thread(s): {peer} has {value}, the median is {usual}")
print(f"\n{len(checks)} results compared, {wrong} differ by more than 0.2 %")
sys.exit(wrong > 0)
