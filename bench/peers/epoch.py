#!/usr/bin/env python3
"""An epoch of the RNN of docs/results.md in PyTorch, without validation: the seconds of each. Usage:

    OMP_NUM_THREADS=2 bench/peers/epoch.py DIR/s3rec-beauty/Beauty.txt [EPOCHS]    (Debian: python3-torch)

and beside it deeprec's, with validation:

    build/release/examples/results --data DIR --threads 2 search --set beauty --tower rnn --width 64 --hidden 128 \\
        --dropout 0.3 --epochs 3

The same model and loss: tied item vectors of 64, Dropout, a residual around LSTM(128), Dropout, Dense(64), scores of 12
cosine + bias, the softmax over all items at every step that has a next event, Adam, batches of 256 sequences of at most
50 events. Batches are cut to their longest sequence, and scores are made of the steps that count alone.
"""
import os
import sys
import time

import torch
from torch import nn
from torch.nn import functional

WIDTH, HIDDEN, LENGTH, BATCH, SCALE, DROPOUT, RATE = 64, 128, 50, 256, 12.0, 0.3, 0.004


class Model(nn.Module):
    def __init__(self, items):
        super().__init__()
        self.items = nn.Embedding(items + 1, WIDTH, padding_idx=0)
        nn.init.uniform_(self.items.weight, -0.05, 0.05)
        self.bias = nn.Parameter(torch.zeros(items + 1))
        self.lstm = nn.LSTM(WIDTH, HIDDEN, batch_first=True)
        self.dense = nn.Linear(HIDDEN, WIDTH)
        self.dropout = nn.Dropout(DROPOUT)

    def loss(self, events):
        vectors = functional.normalize(self.items.weight, dim=1)
        x = self.dropout(vectors[events[:, :-1]])
        h = x + self.dense(self.dropout(self.lstm(x)[0]))
        targets = events[:, 1:]
        counts = targets > 0
        h = SCALE * functional.normalize(h[counts], dim=1)
        scores = torch.addmm(self.bias[1:], h, vectors[1:].t())
        return functional.cross_entropy(scores, targets[counts] - 1)


def main():
    with open(sys.argv[1]) as lines:  # less the two events that validate and test
        sequences = [[int(item) for item in line.split()[1:-2]][-LENGTH - 1:] for line in lines]
    items = max(int(item) for line in open(sys.argv[1]) for item in line.split()[1:])
    sequences = [s for s in sequences if len(s) > 1]
    torch.manual_seed(1)
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    model = Model(items)
    adam = torch.optim.Adam(model.parameters(), lr=RATE)
    for epoch in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
        start, total, steps = time.perf_counter(), 0.0, 0
        order = torch.randperm(len(sequences)).tolist()
        for begin in range(0, len(order), BATCH):
            chosen = [torch.tensor(sequences[i]) for i in order[begin:begin + BATCH]]
            loss = model.loss(nn.utils.rnn.pad_sequence(chosen, batch_first=True))
            adam.zero_grad()
            loss.backward()
            adam.step()
            total, steps = total + loss.item(), steps + 1
        print(f"epoch {epoch + 1}: loss {total / steps:.3f}, {time.perf_counter() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
