#!/usr/bin/env python3
"""Copies the group `models` without its two largest cases, the RNNs of 128 units (2.6 of 3 MB).

usage: copy_models.py FROM TO     (folders with models.json and models.safetensors)
"""
import json
import struct
import sys

LEFT_OUT = {"rnn_full_single", "rnn_full_two_tower"}

source, target = sys.argv[1:]
with open(f"{source}/models.json") as file:
    manifest = json.load(file)
manifest["cases"] = [case for case in manifest["cases"] if case["config"]["name"] not in LEFT_OUT]
manifest["count"] = len(manifest["cases"])
ids = {case["id"] for case in manifest["cases"]}

with open(f"{source}/models.safetensors", "rb") as file:
    header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
    data = file.read()
kept, parts, at = {}, [], 0
for name, entry in header.items():
    if name.split("/")[0] in ids:
        begin, end = entry["data_offsets"]
        kept[name] = {**entry, "data_offsets": [at, at + end - begin]}
        parts.append(data[begin:end])
        at += end - begin
text = json.dumps(kept, separators=(",", ":")).encode()
text += b" " * (-len(text) % 8)
with open(f"{target}/models.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + b"".join(parts))
with open(f"{target}/models.json", "w") as file:
    head = {key: value for key, value in manifest.items() if key != "cases"}
    cases = ",\n".join(json.dumps(case, separators=(",", ":")) for case in manifest["cases"])
    file.write(json.dumps(head)[:-1] + ',"cases":[\n' + cases + "\n]}\n")
