"""weights.py -- see weights.sh. VSE++ on region features, in PyTorch as its authors wrote it: the
mean of the regions, a GRU's last state, the cosine, the hinge with hardest negatives."""
import argparse
import json
import os
import subprocess
import sys
from collections import OrderedDict

import numpy
import torch

program, source, folder = sys.argv[1:]
os.chdir(folder)
torch.manual_seed(1)
torch.set_num_threads(1)
IMAGES, REGIONS, FEATURES, WORD, DIM, BATCH = 24, 5, 12, 6, 8, 8
EXPERIMENT = source + "/experiments/methods/vsepp.lua"
SIZES = [f"dim={DIM}", f"word_dim={WORD}", f"batch={BATCH}", "warmup_epochs=0", "epochs=1", "clip=1e9"]
words = ["a", "dog", "cat", "man", "runs", "sits", "red", "ball", "the", "park"]
vocab = ["<pad>", "<start>", "<end>", "<unk>"] + words


def stepwise(*arguments, status=0):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout + done.stderr


def make_data():
    draw = numpy.random.default_rng(3)
    os.mkdir("data")
    captions = {}
    for split in "train", "dev", "test":
        features = draw.standard_normal((IMAGES, REGIONS, FEATURES)).astype("<f4")
        numpy.save(f"data/{split}_ims.npy", features)
        captions[split] = [" ".join(draw.choice(words, size=draw.integers(3, 8))) for _ in range(IMAGES)]
        with open(f"data/{split}_caps.txt", "w", encoding="utf-8") as file:
            file.write("\n".join(captions[split]) + "\n")
    with open("data/vocab.json", "w", encoding="utf-8") as file:
        json.dump({"word2idx": {word: i for i, word in enumerate(vocab)},
                   "idx2word": {str(i): word for i, word in enumerate(vocab)}, "idx": len(vocab)}, file)
    return captions


class Image(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(FEATURES, DIM)

    def forward(self, features):
        return torch.nn.functional.normalize(self.fc(features).mean(1), dim=1)


class Text(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(len(vocab), WORD)
        self.rnn = torch.nn.GRU(WORD, DIM, batch_first=True)

    def forward(self, caption):
        ids = torch.tensor([[1] + [vocab.index(word) for word in caption.split()] + [2]])
        return torch.nn.functional.normalize(self.rnn(self.embed(ids))[1][0], dim=1)


def scores(image, text, split, first=IMAGES):
    features = torch.from_numpy(numpy.load(f"data/{split}_ims.npy")[:first])
    return image(features) @ torch.cat([text(caption) for caption in captions[split][:first]]).T


def loss_of(table):
    right = table.diag()
    cost = lambda other: (0.2 + table - other).clamp(min=0).masked_fill(torch.eye(len(table)) > 0, 0)
    return cost(right[:, None]).max(1)[0].sum() + cost(right[None, :]).max(0)[0].sum()


def encoders(tensors):
    image, text = Image(), Text()
    for module, prefix in (image, "img_enc."), (text, "txt_enc."):
        module.load_state_dict(OrderedDict((name[len(prefix):], torch.as_tensor(value))
                                           for name, value in tensors.items() if name.startswith(prefix)))
    return image, text


def near(ours, theirs, what, tolerance=1e-5):
    worst = numpy.abs(numpy.asarray(ours) - numpy.asarray(theirs)).max()
    print(f"{what}: within {worst:.1e}")
    assert worst <= tolerance, (what, worst)


def evaluated(checkpoint):
    name = checkpoint.replace("/", "-") + ".npy"
    stepwise("eval", checkpoint, "--data", "data", "--split", "test", "--sims", name)
    return numpy.load(name)


captions = make_data()
stepwise("train", EXPERIMENT, *SIZES, "--data", "data", "--out", "run")

# Out: both formats that PyTorch's users have hold the same, and the same model comes of them.
stepwise("export-weights", "run", "--to", "w.pt", "--map", "scan")
stepwise("export-weights", "run", "--to", "w.npz", "--map", "scan")
state, arrays = torch.load("w.pt"), numpy.load("w.npz")
assert set(state) == set(arrays.files) and all((state[n].numpy() == arrays[n]).all() for n in state)
image, text = encoders(state)
near(evaluated("run/checkpoint.safetensors"), scores(image, text, "test").detach(), "scores")

# The same loss and gradients over one batch.
said = stepwise("inspect", "run/checkpoint.safetensors", "--data", "data", "--batch", str(BATCH),
                "--gradients", "g.safetensors")
loss = loss_of(scores(image, text, "train", BATCH))
loss.backward()
near(float(said.split()[1].rstrip(";")), loss.item(), "loss")

# One step of PyTorch, saved in each way that it has, with what training programs save beside it.
parameters = [*image.parameters(), *text.parameters()]
torch.optim.Adam(parameters, lr=1e-2).step()
expected = scores(image, text, "test").detach()
assert abs(expected - scores(*encoders(state), "test")).max() > 1e-3, "the step changes something"
kept = {"epoch": 1, "model": [image.state_dict(), text.state_dict()], "best_rsum": 12.5,
        "opt": argparse.Namespace(margin=0.2)}
torch.save(kept, "zip.pth.tar")
torch.save(kept, "old.pth.tar", _use_new_zipfile_serialization=False)
flat = {"img_enc." + name: value.numpy() for name, value in image.state_dict().items()}
flat.update({"txt_enc." + name: value.numpy() for name, value in text.state_dict().items()})
numpy.savez("plain.npz", **flat)
numpy.savez_compressed("packed.npz", **{name: value.astype("f8") for name, value in flat.items()})
# views of another layout, as weights that were transposed have
turned = {name: value.t().contiguous().t() if value.dim() == 2 else value
          for name, value in {k: torch.from_numpy(v) for k, v in flat.items()}.items()}
torch.save(turned, "turned.pt")
torch.save({name: value.double() for name, value in turned.items()}, "double.pt")
for file in "zip.pth.tar", "old.pth.tar", "plain.npz", "packed.npz", "turned.pt", "double.pt":
    out = f"from-{file}"
    os.mkdir(out)
    stepwise("import-weights", file, "--config", "run", "--out", f"{out}/c.safetensors")
    near(evaluated(f"{out}/c.safetensors"), expected, file)

# And on from there.
stepwise("train", EXPERIMENT, *SIZES, "lr=1e-30", "--data", "data", "--init", "from-zip.pth.tar/c.safetensors",
         "--out", "on")
near(evaluated("on/checkpoint.safetensors"), expected, "a run that starts from it")
stepwise("train", EXPERIMENT, *SIZES, "--data", "data", "--init", "from-zip.pth.tar/c.safetensors",
         "--out", "further")

# What does not fit has one line: a tensor of another shape, a file that is cut short, a class.
state["img_enc.fc.weight"] = torch.zeros(DIM, FEATURES + 1)
state["img_enc.fc.bias"] = torch.zeros(DIM + 1)
torch.save(state, "odd.pt")
with open("cut.pth.tar", "wb") as file:
    file.write(open("old.pth.tar", "rb").read()[:-7])
torch.save({"model": Image()}, "module.pt")
for file, part in (("odd.pt", "tensor 'img_enc.fc.bias': expected 8 for image.fc.bias, found 9"),
                   ("cut.pth.tar", "cut.pth.tar"), ("module.pt", "Image")):
    said = stepwise("import-weights", file, "--config", "run", "--out", "odd.safetensors", status=1)
    assert part in said and said.count("\n") == 1, said
    assert not os.path.exists("odd.safetensors")
