"""Prints the lines of the peers' programs as tables, one for each number of threads: table.py RUN.tsv
With --docs as the one table of docs/performance.md, threads side by side."""
import collections
import re
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


def ways(row):
    """Those of deeprec have rows of their own."""
    return [way for way in row if way.split("-")[0] == "deeprec"]


def fastest(row):
    """Time of each peer's fastest way, None where it has none."""
    return {p: min((ms for way, ms in row.items() if way.split("-")[0] == p), default=None) for p in peers}


def share(threads, workload, ms):
    return f"{100 * floor_ms(threads, workload) / ms:.0f}"


def print_table(threads):
    print(f"\n{threads} thread(s): {limits[threads, 'flops']:.0f} GFLOP/s; GB/s: {limits[threads, 'cache']:.0f} cache, "
          f"{limits[threads, 'update']:.0f} DRAM read and written, {limits[threads, 'read']:.0f} read, "
          f"{limits[threads, 'weights']:.0f} 256 KB read again and again. Milliseconds, the shortest of all runs.\n")
    print(f"| workload | deeprec | {' | '.join(peers)} | best peer / deeprec | % of the limit |")
    print("|---" * (len(peers) + 4) + "|")
    for (t, workload), row in times.items():
        if t != threads:
            continue
        best = fastest(row)
        cells = " | ".join(f"{best[p]:.3g}" if best[p] else "" for p in peers)
        rival = min((ms for ms in best.values() if ms), default=None)
        for way in ways(row):
            ratio = f"{rival / row[way]:.2f}" if rival else ""
            name = workload + way[len("deeprec"):].replace("-", ", ")
            print(f"| {name} | {row[way]:.3g} | {cells} | {ratio} | {share(t, workload, row[way])} |")


models = {"cnn": "CNN", "rnn": "RNN", "cnn2": "two-tower CNN", "rnn2": "two-tower RNN",
          "ecnn2": "embedding two-tower CNN", "ernn2": "embedding two-tower RNN"}
titles = {
    "conv1d_fwd": "Conv1D forward", "conv1d_fwdbwd": "Conv1D forward and backward", "lstm_fwd": "LSTM forward",
    "lstm_fwdbwd": "LSTM forward and backward", "lstm_fwd_b1": "LSTM forward, batch 1", "dense_fwd": "Dense forward",
    "dense_fwdbwd": "Dense forward and backward", "emb_gather_20k": "20,000 rows of 20,000 read",
    "emb_gather_1M": "20,000 rows of 1,000,000 read", "emb_sgd_1M": "row-sparse SGD step",
    "ew_exp": "exp, 1 million", "ew_sigmoid": "sigmoid, 1 million", "ew_tanh": "tanh, 1 million",
    "ew_relu": "relu, 1 million", "ew_softmax": "softmax, 1,000 rows of 1,000", "adam_10M": "Adam, 10 million weights",
    "full_softmax": "softmax cross-entropy over 12,102 items", "rank_1M": "top 100 of 1,000,000 items",
    "mlp_100k": "100,000 items through the head",
    "conv5_b100_fwd": "Conv1D(96, 5) forward, batch 100",
    "conv5_b100_fwdbwd": "Conv1D(96, 5) forward and backward, batch 100",
    "lstm256_b100_fwd": "LSTM(256) forward, batch 100",
    "lstm256_b100_fwdbwd": "LSTM(256) forward and backward, batch 100",
    "train_sequence_b256": "sequence model over 8,000 items, training step, batch 256",
    "train_fields_b256": "the same with four fields an event",
    "train_sampled_10k": "sequence model, 2,048 targets and negatives of 10,000 items, training step",
    "train_sampled_1M": "the same of 1,000,000 items"}
variants = {"": "", "-sparse": ", row-sparse Adam", "-int8": ", `QuantizedItems`"}
peer_names = {"libtorch": "libtorch", "onnxruntime": "ONNX Runtime", "onednn": "oneDNN", "eigen": "Eigen"}


def title(workload):
    if workload in titles:
        return titles[workload]
    model = re.fullmatch(r"(infer|train)_(\w+)_b(\d+)", workload)
    return f"{models[model[2]]} {'inference' if model[1] == 'infer' else 'training step'}, batch {model[3]}"


def print_docs():
    print("| workload | deeprec, 1 thread | best peer | peer/ours | % | deeprec, 2 threads | best peer | peer/ours "
          "| gain |")
    print("|---" * 9 + "|")
    for (t, workload), row in times.items():
        if t != 1:
            continue
        for way in ways(row):
            cells = [title(workload) + variants[way[len("deeprec"):]]]
            for threads in 1, 2:
                both = times[threads, workload]
                rivals = {p: ms for p, ms in fastest(both).items() if ms}
                rival = min(rivals, key=rivals.get)
                cells += [f"{both[way]:.3g}", f"{peer_names[rival]} {rivals[rival]:.3g}",
                          f"{rivals[rival] / both[way]:.2f}"]
                cells.append(share(1, workload, both[way]) if threads == 1 else f"{row[way] / both[way]:.1f}")
            print("| " + " | ".join(cells) + " |")


if "--docs" in sys.argv:
    print_docs()
else:
    for threads in sorted({t for t, _ in times}):
        print_table(threads)

wrong = 0
for (threads, workload), row in checks.items():
    row = {peer: value for peer, value in row.items() if value == value}  # some have nothing to compare
    if not row:
        continue
    usual = statistics.median(row.values())
    for peer, value in row.items():
        if abs(value - usual) > 2e-3 * max(abs(usual), 1e-3):
            wrong += 1
            print(f"DISAGREE {workload}, {threads} thread(s): {peer} has {value}, the median is {usual}")
print(f"\n{len(checks)} results compared, {wrong} differ by more than 0.2 %")
sys.exit(wrong > 0)
