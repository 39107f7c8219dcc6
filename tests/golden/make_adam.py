#!/usr/bin/python3
"""Writes adam.tsv and adamw.tsv beside itself: six steps of PyTorch's Adam, and of AdamW with a weight
decay of 0.5, after clip_grad_norm_(2.0).

Needs Debian's python3-torch. One row a step and number; step 0 holds what the parameters start from.
Gradients run from large (clipped) to small (not clipped), one is always 0, one is near epsilon; the
rate drops by ten at step 5.
"""
import os
import torch

COUNT, STEPS, CLIP = 7, 6, 2.0


def write(name, make):
    torch.manual_seed(20)
    parameter = torch.nn.Parameter(torch.randn(COUNT))
    adam = make([parameter], lr=2e-4, betas=(0.9, 0.999), eps=1e-8)

    rows = ["# from make_adam.py, torch " + torch.__version__.split("+")[0],
            "step\tnumber\trate\tnorm\tgradient\tparameter\tm\tv"]

    def add(step, rate, norm, gradient, m, v):
        for i in range(COUNT):
            numbers = (rate, norm, gradient[i], parameter.data[i], m[i], v[i])
            rows.append(f"{step}\t{i}\t" + "\t".join(f"{float(x):.9g}" for x in numbers))

    zero = torch.zeros(COUNT)
    add(0, 0, 0, zero, zero, zero)
    for step in range(1, STEPS + 1):
        rate = 2e-4 if step < 5 else 2e-5
        adam.param_groups[0]["lr"] = rate
        gradient = torch.randn(COUNT) * (5.0, 0.3, 1.0, 0.01, 2.0, 40.0)[step - 1]
        gradient[2], gradient[4] = 0, gradient[4] * 1e-8
        parameter.grad = gradient.clone()
        norm = torch.nn.utils.clip_grad_norm_([parameter], CLIP)
        adam.step()
        state = adam.state[parameter]
        add(step, rate, norm, gradient, state["exp_avg"], state["exp_avg_sq"])

    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, "w", encoding="ascii") as out:
        out.write("\n".join(rows) + "\n")


write("adam.tsv", torch.optim.Adam)
write("adamw.tsv", lambda *args, **more: torch.optim.AdamW(*args, weight_decay=0.5, **more))
