"""Writes pickles/: what Python, NumPy and PyTorch pickle, for check_pickle.lua."""
import datetime
import io
import os
import pickle
import zipfile

import numpy as np
import torch

folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pickles")


def write(name, data):
    with open(os.path.join(folder, name + ".pkl"), "wb") as f:
        f.write(data)


write("plain", pickle.dumps({"real": 1.5, "yes": True, "none": None, "list": [1, 2],
                             "tuple": ("x", b"y"), 7: "seven", (1,): "no name"}, 2))
write("objects", pickle.dumps(np.array([{"a": 1}, "x"], dtype=object), 2))
write("array", pickle.dumps(np.arange(3, dtype="<f4").reshape(1, 3), 2))
write("dates", pickle.dumps(np.array(["2020-01-01"], dtype="datetime64[D]"), 2))
write("date", pickle.dumps(datetime.date(2020, 1, 1), 2))
saved = io.BytesIO()
torch.save(torch.arange(6.0).reshape(2, 3)[:, 1:], saved)
with zipfile.ZipFile(saved) as archive:
    write("tensor", archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl"))))
