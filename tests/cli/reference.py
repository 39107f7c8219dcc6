"""reference.py STEPWISE SHARED FOLDER -- our scores and gradients against the PyTorch reference.

For random checkpoints over directions, fusions, stages and norms: `stepwise eval --sims` within 1e-4
of the reference's scores, `stepwise inspect --gradients` within 1e-3 relative, every parameter; and
a checkpoint that we trained loads in the reference and scores the same there. The peer of `make bench`
(tests/bench/peer.py) has the loss and the gradients of both."""
import json
import os
import subprocess
import sys
import types

STEPWISE, SHARED, FOLDER = sys.argv[1:4]
sys.path.insert(0, os.path.join(SHARED, "reference"))
sys.path.insert(0, os.path.join(os.environ["STEPWISE_SOURCE"], "tests", "bench"))
sys.dont_write_bytecode = True

import numpy as np  # noqa: E402
import torch  # noqa: E402
import peer  # noqa: E402
import shan  # noqa: E402

torch.set_num_threads(1)
DATA = os.path.join(SHARED, "data", "f8k_precomp")
VOCAB = os.path.join(SHARED, "data", "f8k_vocab.json")
GLOVE = os.path.join(SHARED, "data", "glove", "glove.f8k.100d.txt")
IMAGES, BATCH = 12, 20
SCORE_TOLERANCE, GRADIENT_TOLERANCE = 1e-4, 1e-3
PEER_TOLERANCE = 1e-9  # of sums in float64
PEER_CASE = ("both", "l2l,g2l,g2g", "gate", "none")


def ours(*arguments):
    done = subprocess.run([STEPWISE, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, (arguments, done.stderr)
    return done.stdout


def our_scores(checkpoint):
    sims = os.path.join(FOLDER, "sims.npy")
    ours("eval", checkpoint, "--data", DATA, "--split", "test", "--vocab", VOCAB,
         "--images", str(IMAGES), "--sims", sims)
    return np.load(sims)


def reference_scores(model):
    regions, scale = shan.read_regions(DATA, "test")
    captions = shan.read_captions(DATA, "test", json.load(open(VOCAB)))[:5 * IMAGES]
    with torch.no_grad():
        regions = torch.from_numpy(np.asarray(regions[:IMAGES], np.float32) * np.float32(scale))
        V, T = model.encode(regions, captions)
        return model.scores(V, T).numpy()


def check_scores(name, checkpoint, model):
    found, expected = our_scores(checkpoint), reference_scores(model)
    assert found.shape == expected.shape == (IMAGES, 5 * IMAGES), (name, found.shape)
    worst = float(np.abs(found - expected).max())
    assert worst <= SCORE_TOLERANCE, f"{name}: scores differ by {worst:.2e}"
    assert float(expected.std()) > 1e-4, f"{name}: scores that are all alike compare nothing"
    return worst


def check_gradients(name, checkpoint, model):
    out = os.path.join(FOLDER, "gradients.safetensors")
    ours("inspect", checkpoint, "--data", DATA, "--split", "test", "--vocab", VOCAB,
         "--batch", str(BATCH), "--gradients", out)
    found, _ = shan.read_safetensors(out)
    regions, scale = shan.read_regions(DATA, "test")
    captions = shan.read_captions(DATA, "test", json.load(open(VOCAB)))
    regions = torch.from_numpy(np.asarray(regions[:BATCH], np.float32) * np.float32(scale))
    # In float64: a bias of one number sums what nearly cancels, and the reference's own rounding in
    # float32 is then as large as ours.
    model.double()
    V, T = model.encode(regions.double(), [captions[5 * i] for i in range(BATCH)])
    loss = shan.triplet(model.scores(V, T))
    loss.backward()
    assert abs(float(found.pop("loss")) - loss.item()) <= 1e-4 * max(1, loss.item()), name
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    assert set(found) == set(trained), (name, sorted(set(found) ^ set(trained)))
    worst = 0.0
    for parameter, ours_here in found.items():
        expected = trained[parameter].grad
        if expected is None:  # no part of this direction: we write zeros
            assert float(ours_here.abs().max()) == 0, (name, parameter)
            continue
        size = max(float(expected.abs().max()), 1e-6)
        gap = float((ours_here - expected).abs().max()) / size
        assert gap <= GRADIENT_TOLERANCE, f"{name}: gradient of {parameter} differs by {gap:.2e}"
        worst = max(worst, gap)
    if tuple(name.split()) == PEER_CASE:
        check_peer(model, regions.double(), [captions[5 * i] for i in range(BATCH)], loss, found)
    return worst


def check_peer(model, regions, captions, loss, ours_there):
    """The peer on the batch whose gradients the reference has: it takes the longest caption first."""
    tables = model.embedding["glove"]
    twin = peer.Shan(regions.shape[2], tables.num_embeddings, model.D, tables.embedding_dim).double()
    twin.load_state_dict(model.state_dict())
    order = sorted(range(BATCH), key=lambda i: -len(captions[i]))
    found, _ = twin.step(regions[order], [captions[i] for i in order])
    assert abs(found.item() - loss.item()) <= PEER_TOLERANCE * loss.item(), (found, loss)
    compared = 0
    expected = dict(model.named_parameters())
    for parameter, here in twin.named_parameters():
        if not here.requires_grad:
            continue
        size = float(expected[parameter].grad.abs().max())
        assert size > 0, f"peer: a gradient of {parameter} that is zero compares nothing"
        gap = float((here.grad - expected[parameter].grad).abs().max()) / size
        assert gap <= PEER_TOLERANCE, f"peer: gradient of {parameter} differs by {gap:.2e}"
        gap = float((here.grad - ours_there[parameter]).abs().max()) / size
        assert gap <= GRADIENT_TOLERANCE, f"peer: our gradient of {parameter} differs by {gap:.2e}"
        compared += 1
    print(f"the peer in PyTorch: loss and {compared} gradients of the reference and ours")


def random_checkpoint(index, direction, stages, fusion, norm, embedding="glove_random"):
    path = os.path.join(FOLDER, f"random{index}.safetensors")
    words = len(json.load(open(VOCAB))["word2idx"])
    shan.make(types.SimpleNamespace(
        ckpt=path, regions=768, dim=40, words=24, vocab=words, seed=index, direction=direction,
        stages=stages, fusion=fusion, embedding=embedding, attention_norm=norm))
    return path


def grid():
    for direction in ("both", "t2i", "i2t"):
        for norm in ("none", "cosine"):
            yield direction, "l2l", "gate", norm
            for fusion in ("gate", "gate_vector", "average"):
                for stages in ("l2l,g2l", "l2l,g2l,g2g"):
                    yield direction, stages, fusion, norm
        yield direction, "l2l,g2l,g2g", "gate", "clipped_l2norm"
        yield direction, "l2l,g2l,g2g", "sum", "none"
        yield direction, "l2l,g2l,g2g", "concat", "none"


def check_random_models():
    worst_score = worst_gradient = 0.0
    for index, case in enumerate(grid()):
        name = " ".join(case)
        path = random_checkpoint(index, *case)
        model, _ = shan.load(path)
        worst_score = max(worst_score, check_scores(name, path, model))
        worst_gradient = max(worst_gradient, check_gradients(name, path, model))
        os.remove(path)
    print(f"{index + 1} random models: scores within {worst_score:.1e},"
          f" gradients within {worst_gradient:.1e}")


def check_our_checkpoint():
    for embedding in ("glove_random", "glove_tuned", "glove", "random"):
        run = os.path.join(FOLDER, "run-" + embedding)
        ours("train", os.path.join(os.environ["STEPWISE_SOURCE"], "experiments", "shan_full.lua"),
             "dim=32", "word_dim=100", "batch=16", "epochs=1", "train_images=16", "dev_images=16",
             "test_images=16", "embedding=" + embedding, "--data", DATA, "--vocab", VOCAB,
             "--glove", GLOVE, "--out", run)
        checkpoint = os.path.join(run, "checkpoint.safetensors")
        model, _ = shan.load(checkpoint)
        print(f"our checkpoint, {embedding}: loads in the reference, scores within"
              f" {check_scores(embedding, checkpoint, model):.1e}")


check_random_models()
check_our_checkpoint()
