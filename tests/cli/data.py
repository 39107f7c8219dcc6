"""data.py -- features and captions as others' programs write them, imported by stepwise data, and
what came of it. Each layout is written by a real writer: NumPy, zipfile, pickle, lmdb, h5py,
PyTorch."""
import base64
import csv
import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np

STEPWISE = os.environ["STEPWISE"]
F, K = 16, 5
random = np.random.default_rng(3)


def fail(what):
    print("FAILED:", what)
    sys.exit(1)


def run(*words, status=0, says=None, **environment):
    """Runs stepwise data; returns what it printed, on both streams."""
    done = subprocess.run([STEPWISE, "data", *words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=300,
                          env={**os.environ, **environment})
    out = done.stdout + done.stderr
    if done.returncode != status:
        fail(f"data {' '.join(words)}: status {done.returncode}, expected {status}: {out}")
    if says and says not in out:
        fail(f"data {' '.join(words)}: expected '{says}', found: {out}")
    if status and len(done.stderr.splitlines()) > 1:
        fail(f"data {' '.join(words)}: more than one line: {done.stderr}")
    return out


class Image:
    def __init__(self, number, split, regions, name=None):
        self.number, self.split = number, split
        self.name = name or f"{number}.jpg"
        self.features = random.normal(size=(regions, F)).astype(np.float32)
        self.size = (640 + number % 7, 480 + number % 5)
        corner = random.uniform(0, 200, size=(regions, 2))
        self.boxes = np.hstack([corner, corner + random.uniform(1, 200, size=(regions, 2))])
        self.boxes = self.boxes.astype(np.float32)
        self.confidence = random.uniform(size=regions).astype(np.float32)
        self.captions = [f"caption {k} of picture {number} , it 's here" for k in range(5)]

    @property
    def parts(self):
        w, h = self.size
        b = self.boxes / np.array([w, h, w, h], np.float32)
        return np.hstack([b, (b[:, 2:] - b[:, :2])]).astype(np.float32)


SPLITS = ["train"] * 9 + ["restval"] + ["val"] * 4 + ["test"] * 4
fixed = [Image(1000092795 + 7919 * i, s, K) for i, s in enumerate(SPLITS)]
varied = [Image(2000092795 + 7919 * i, s, 2 + i % 4) for i, s in enumerate(SPLITS)]
names = {"restval": "train", "val": "dev"}


def karpathy(path, images, coco=False):
    rows = []
    for i, image in enumerate(images):
        rows.append({"filename": image.name, "imgid": i, "split": image.split,
                     "sentids": list(range(5 * i, 5 * i + 5)),
                     "sentences": [{"tokens": c.split(), "raw": c + ("\n" if k else ""), "imgid": i,
                                    "sentid": 5 * i + k} for k, c in enumerate(image.captions)]})
        if coco:
            rows[-1]["cocoid"] = image.number
    with open(path, "w") as f:
        json.dump({"images": rows, "dataset": "coco" if coco else "flickr30k"}, f)


def lines(path):
    with open(path) as f:
        return f.read().splitlines()


def verify(out, images, boxes="pixels", regions=None, dtype=np.float32, order=None, sizes=True):
    """Rows, boxes, counts, sizes and captions of a folder are those of the images, each at the
    place of its name."""
    by_name = {i.name: i for i in images}
    seen = 0
    for split in ("train", "dev", "test"):
        ids = lines(f"{out}/{split}_ids.txt")
        rows = np.load(f"{out}/{split}_ims.npy")
        captions = lines(f"{out}/{split}_caps.txt")
        wanted = [i for i in images if names.get(i.split, i.split) == split]
        if ids != [i.name for i in wanted]:
            fail(f"{out}: {split} has {ids}")
        if rows.dtype != dtype or len(rows) != len(ids) or len(captions) != 5 * len(ids):
            fail(f"{out}: {split}: {rows.shape} {rows.dtype}, {len(captions)} captions")
        if captions != [c for i in wanted for c in i.captions]:
            fail(f"{out}: captions of {split}")
        if len(set(lines(f"{out}/{split}_cap_ids.txt"))) != len(captions):
            fail(f"{out}: caption ids of {split}")
        path = f"{out}/{split}_ims_counts.npy"
        counts = np.load(path) if os.path.exists(path) else None
        found = np.load(f"{out}/{split}_ims_bbx.npy") if boxes else None
        for row, name in enumerate(ids):
            image = by_name[name]
            keep = (order or (lambda i: np.arange(len(i.features))))(image)[:regions]
            n = len(keep)
            if not np.array_equal(rows[row, :n], image.features[keep].astype(dtype)):
                fail(f"{out}: features of {name}")
            if rows[row, n:].any():
                fail(f"{out}: padding of {name}")
            if (counts[row] if counts is not None else rows.shape[1]) != n:
                fail(f"{out}: count of {name}")
            if boxes:
                expected = image.boxes if boxes == "pixels" else image.parts[:, :4]
                if not np.allclose(found[row, :n], expected[keep], rtol=2e-3, atol=0.3):
                    fail(f"{out}: boxes of {name}")
            seen += 1
        if boxes is None and os.path.exists(f"{out}/{split}_ims_bbx.npy"):
            fail(f"{out}: boxes from nowhere")
        if sizes:
            expected = [by_name[name].size for name in ids]
            if np.load(f"{out}/{split}_ims_size.npy").tolist() != [list(s) for s in expected]:
                fail(f"{out}: sizes of {split}")
    about = json.load(open(f"{out}/import.json"))
    if sum(s["images"] for s in about["splits"].values()) != seen:
        fail(f"{out}: import.json")
    if os.path.exists(out + ".partial"):
        fail(f"{out}.partial is left")
    run("check", out, says="no problems")
    return about


def shuffled(images):
    return [images[i] for i in np.random.default_rng(5).permutation(len(images))]


def b64(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def tsv_line(image, wide=False):
    w, h = image.size
    if wide:
        n = len(image.features)
        fields = [str(image.number), h, w, b64(np.arange(n)), b64(image.confidence),
                  b64(np.arange(n)), b64(image.confidence), n, b64(image.boxes),
                  b64(image.features)]
    else:
        fields = [image.number, w, h, len(image.features), b64(image.boxes), b64(image.features)]
    return "\t".join(map(str, fields)) + "\n"


def surest(image):
    return np.argsort(-image.confidence, kind="stable")


# ---- layouts -----------------------------------------------------------------------------------


def precomputed():
    """A folder as SCAN's, its zip in both methods, and the same in this project's own form."""
    os.makedirs("scan/f30k_precomp")
    for split in ("train", "dev", "test"):
        images = [i for i in fixed if names.get(i.split, i.split) == split]
        np.save(f"scan/f30k_precomp/{split}_ims.npy", np.stack([i.features for i in images]))
        with open(f"scan/f30k_precomp/{split}_caps.txt", "w") as f:
            f.writelines(c + "\n" for i in images for c in i.captions)
        with open(f"scan/f30k_precomp/{split}_ids.txt", "w") as f:
            f.writelines(i.name + "\n" for i in images)
    for name, method in (("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)):
        with zipfile.ZipFile(f"{name}.zip", "w", method) as z:
            for file in sorted(os.listdir("scan/f30k_precomp")):
                z.write(f"scan/f30k_precomp/{file}", f"data/f30k_precomp/{file}")
    for source in ("scan/f30k_precomp", "stored.zip", "deflated.zip/data/f30k_precomp"):
        out = "out-" + source.replace("/", "-")
        run("import", source, "--captions", "flickr.json", "--out", out)
        verify(out, fixed, boxes=None, sizes=False)
    # with its own captions, as float16; whose ids are the names
    run("import", "stored.zip", "--out", "own", "--dtype", "f16")
    for split in ("train", "dev", "test"):
        theirs = np.load(f"scan/f30k_precomp/{split}_ims.npy")
        if not np.array_equal(np.load(f"own/{split}_ims.npy"), theirs.astype(np.float16)):
            fail("rounding to float16")
        for end in ("caps", "ids"):
            if lines(f"own/{split}_{end}.txt") != lines(f"scan/f30k_precomp/{split}_{end}.txt"):
                fail(f"{end} of an own import")
    # a row per caption, the field's repeated form: one row per image is written
    os.makedirs("repeated")
    images = [i for i in fixed if i.split == "test"]
    np.save("repeated/test_ims.npy", np.repeat(np.stack([i.features for i in images]), 5, axis=0))
    with open("repeated/test_caps.txt", "w") as f:
        f.writelines(c + "\n" for i in images for c in i.captions)
    run("import", "repeated", "--out", "single")
    if not np.array_equal(np.load("single/test_ims.npy"), np.stack([i.features for i in images])):
        fail("rows that are repeated")
    # two data sets in one archive
    with zipfile.ZipFile("two.zip", "w") as z:
        for file in ("a/test_ims.npy", "b/test_ims.npy"):
            z.write("repeated/test_ims.npy", file)
    run("import", "two.zip", "--out", "two", status=1, says="give one of two.zip/a, two.zip/b")


def npy_folder():
    for image in varied:
        os.makedirs("cocobu_att", exist_ok=True)
        os.makedirs("cocobu_box", exist_ok=True)
        np.save(f"cocobu_att/{image.number}.npy", image.features)
        np.save(f"cocobu_box/{image.number}.npy", image.boxes)
    run("import", "cocobu_att", "--captions", "varied.json", "--out", "att")
    verify("att", varied, boxes=None, sizes=False)
    run("import", "cocobu_att", "cocobu_box", "--captions", "varied.json", "--out", "att-box")
    verify("att-box", varied, sizes=False)
    run("inspect", "cocobu_att", says="2 to 5, median 3 per image")
    # ViLBERT's .npy: a dict, pickled
    os.makedirs("vilbert")
    for image in varied:
        w, h = image.size
        np.save(f"vilbert/{image.number}.npy", {
            "image_id": image.number, "image_width": w, "image_height": h,
            "num_boxes": len(image.boxes), "bbox": image.boxes, "features": image.features})
    run("import", "vilbert", "--captions", "varied.json", "--out", "vil")
    verify("vil", varied)


def npz_folder():
    os.makedirs("milvlg")
    for image in varied:
        w, h = image.size
        np.savez_compressed(f"milvlg/{image.number}.npz", x=image.features, bbox=image.boxes,
                            num_bbox=len(image.boxes), image_h=h, image_w=w,
                            info={"objects_id": np.arange(3), "objects_conf": image.confidence})
    run("import", "milvlg", "--captions", "varied.json", "--out", "npz")
    verify("npz", varied)
    run("import", "milvlg", "--captions", "varied.json", "--out", "npz3", "--regions", "3")
    verify("npz3", varied, regions=3)


def bottom_up():
    with open("test.tsv.0", "w") as a, open("test.tsv.1", "w") as b:
        mixed = shuffled(fixed)
        # a copy that is cut, before and behind the whole one, as of the three known ids
        a.write(tsv_line(mixed[0])[:-40] + "\n")
        a.writelines(tsv_line(i) for i in mixed[:9])
        b.writelines(tsv_line(i) for i in mixed[9:])
        b.write(tsv_line(mixed[-1])[:-39] + "\n")
        b.write(tsv_line(Image(5, "test", K)))  # without captions
    os.makedirs("shards")
    for shard in "01":
        shutil.copy(f"test.tsv.{shard}", "shards")
    run("import", "test.tsv.0", "test.tsv.1", "--captions", "flickr.json", "--out", "tsv")
    about = verify("tsv", fixed)
    if about["dropped_count"] != 2 or about["without_captions"] != 1:
        fail(f"what was dropped: {about}")
    if "test.tsv.0: line 1" not in about["dropped"][0]["where"]:
        fail(f"where it was: {about['dropped']}")
    if "base64 of features" not in about["dropped"][0]["reason"]:
        fail(f"why: {about['dropped']}")
    run("import", "shards", "--captions", "flickr.json", "--out", "tsv-shards")
    verify("tsv-shards", fixed)
    run("inspect", "shards", says="line 1 (image")
    # LXMERT's columns, and the surest regions of more
    with open("lxmert.tsv", "w") as f:
        f.writelines(tsv_line(i, wide=True) for i in shuffled(fixed))
    run("import", "lxmert.tsv", "--captions", "flickr.json", "--out", "lx", "--regions", "3")
    verify("lx", fixed, regions=3, order=surest)


def vinvl():
    with open("predictions.tsv", "w") as f:
        for image in shuffled(varied):
            w, h = image.size
            objects = [{"rect": [float(x) for x in box], "class": "dog", "conf": float(conf),
                        "feature": b64(feature)}
                       for box, conf, feature in zip(image.boxes, image.confidence, image.features)]
            f.write(f"{image.number}\t" + json.dumps(
                {"image_h": h, "image_w": w, "objects": objects}) + "\n")
    run("import", "predictions.tsv", "--captions", "varied.json", "--out", "vin")
    verify("vin", varied)
    for dtype in (np.float32, np.float16):
        path = f"{np.dtype(dtype).name}.feature.tsv"
        with open(path, "w") as f:
            for image in shuffled(varied):
                whole = np.hstack([image.features, image.parts]).astype(dtype)
                f.write(f"{image.number}\t" + json.dumps(
                    {"num_boxes": len(whole), "features": b64(whole)}) + "\n")
        out = "oscar-" + np.dtype(dtype).name
        run("import", path, "--captions", "varied.json", "--out", out)
        kept = varied
        if dtype == np.float16:
            for image in varied:
                image.kept, image.features = image.features, image.features.astype(np.float16)
                image.features = image.features.astype(np.float32)
        verify(out, kept, boxes="parts", sizes=False)
        if dtype == np.float16:
            for image in varied:
                image.features = image.kept


def lmdbs():
    try:
        import lmdb
    except ImportError:
        print("skipped: there is no python3-lmdb to write LMDB environments")
        return
    db = lmdb.open("feat_th0.2", map_size=1 << 24)
    with db.begin(write=True) as t:
        for image in shuffled(varied):
            b = io.BytesIO()
            np.savez_compressed(b, allow_pickle=True, features=image.features.astype(np.float16),
                                norm_bb=image.parts.astype(np.float16), conf=image.confidence,
                                soft_labels=np.zeros((len(image.features), 3), np.float16))
            t.put(f"flickr30k_{image.number:012d}.npz".encode(), b.getvalue())
        t.put(b"__keys__", json.dumps([1]).encode())
    db.close()
    run("import", "feat_th0.2", "--captions", "varied.json", "--out", "uniter")
    verify("uniter", varied, boxes="parts", dtype=np.float16, sizes=False)
    for form in ("base64", "raw"):
        db = lmdb.open("vilbert." + form, map_size=1 << 24)
        with db.begin(write=True) as t:
            for image in shuffled(varied):
                w, h = image.size
                keep = b64 if form == "base64" else lambda x: x
                t.put(str(image.number).encode(), pickle.dumps({
                    "image_id": str(image.number), "image_h": h, "image_w": w,
                    "num_boxes": len(image.boxes), "boxes": keep(image.boxes),
                    "features": keep(image.features)}))
            t.put(b"keys", pickle.dumps([b"1"]))
        db.close()
        run("import", "vilbert." + form, "--captions", "varied.json", "--out", "v-" + form)
        verify("v-" + form, varied)
    shutil.copytree("vilbert.raw", "cut.lmdb")
    with open("cut.lmdb/data.mdb", "r+b") as f:
        f.truncate(3 * 4096)
    run("import", "cut.lmdb", "--captions", "varied.json", "--out", "no", status=1,
        says="cut.lmdb")


def ban(f, images):
    """As BAN's converter: the regions of all images in one array. Returns the rows of the ids."""
    ends = np.cumsum([len(i.features) for i in images])
    starts = ends - [len(i.features) for i in images]
    f["image_features"] = np.concatenate([i.features for i in images])
    f["image_bb"] = np.concatenate([i.boxes for i in images])
    parts = np.concatenate([i.parts for i in images])
    f["spatial_features"] = np.hstack([parts[:, :4], parts[:, 2:4] - parts[:, :2]])
    f["pos_boxes"] = np.stack([starts, ends], axis=1).astype(np.int32)
    return {i.number: row for row, i in enumerate(images)}


def save_ids(path, ids, protocol=2):
    with open(path, "wb") as f:
        pickle.dump(ids, f, protocol)


def hdf5s():
    try:
        import h5py
    except ImportError:
        print("skipped: there is no python3-h5py to write HDF5 files")
        return
    words = ("--captions", "varied.json", "--out")
    os.makedirs("ban")
    for n, split in enumerate((varied[::2], varied[1::2])):
        with h5py.File(f"ban/{n}.hdf5", "w") as f:
            save_ids(f"ban/{n}_imgid2idx.pkl", ban(f, shuffled(split)), 2 * n)
    run("import", "ban", *words, "out-ban")
    verify("out-ban", varied)
    run("inspect", "ban/0.hdf5", says="HDF5 of BAN")
    ones = [Image(10 ** 9 + i, split, 1) for i, split in enumerate(SPLITS)]
    karpathy("ones.json", ones)
    with h5py.File("ones.hdf5", "w") as f:  # as many regions as images
        save_ids("ones_imgid2idx.pkl", ban(f, ones))
    run("import", "ones.hdf5", "--captions", "ones.json", "--out", "out-ones")
    verify("out-ones", ones)
    # as many regions of each image, in compressed chunks, float16; ids in the file
    mixed = shuffled(fixed)
    with h5py.File("fixed.h5", "w") as f:
        f.create_dataset("features", data=np.stack([i.features for i in mixed]), chunks=(3, 2, F),
                         compression="gzip")
        f["boxes"] = np.stack([i.boxes for i in mixed])
        f["image_id"] = np.array([i.number for i in mixed])
        f["image_w"], f["image_h"] = [[i.size[d] for i in mixed] for d in (0, 1)]
    run("import", "fixed.h5", "--captions", "flickr.json", "--out", "out-fixed")
    verify("out-fixed", fixed)
    # as many of each, ids beside
    with h5py.File("train36.hdf5", "w") as f:
        f["image_features"] = np.stack([i.features for i in mixed])
        f["image_bb"] = np.stack([i.boxes for i in mixed])
    save_ids("train36_imgid2idx.pkl", {str(i.number): row for row, i in enumerate(mixed)})
    run("import", "train36.hdf5", "--captions", "flickr.json", "--out", "out-36")
    verify("out-36", fixed, sizes=False)
    # an array per image
    with h5py.File("coco_detections.hdf5", "w") as f:
        for image in varied:
            f[f"{image.number}_features"] = image.features
            f[f"{image.number}_boxes"] = image.boxes
            f[f"{image.number}_cls_prob"] = np.ones((len(image.features), 7), np.float32)
    run("import", "coco_detections.hdf5", *words, "out-m2")
    verify("out-m2", varied, sizes=False)
    with h5py.File("by-id.h5", "w") as f:
        for image in varied:
            f[str(image.number)] = image.features
    run("import", "by-id.h5", *words, "out-by-id")
    verify("out-by-id", varied, boxes=None, sizes=False)
    crash(words)
    bad_hdf5s(h5py, words)


def crash(words):
    """libhdf5 may end the process that reads a damaged file, wherever it likes: one line."""
    with open("crash.c", "w") as f:
        f.write("#include <signal.h>\nint rename(const char *a, const char *b)\n"
                "{\n    return a && b ? raise(SIGSEGV) : 0;\n}\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "crash.so", "crash.c"], check=True)
    preload = " ".join(filter(None, (os.environ.get("LD_PRELOAD"), os.path.abspath("crash.so"))))
    done = subprocess.run([STEPWISE, "data", "import", "by-id.h5", *words, "crashed"],
                          capture_output=True, text=True, env={**os.environ, "LD_PRELOAD": preload})
    line = "stepwise: by-id.h5: damaged: libhdf5 ended on it: Segmentation fault\n"
    if done.returncode != 1 or done.stderr != line:
        fail(f"a crash: {done.returncode}, {done.stderr}")
    run("import", "by-id.h5", *words, "crashed")  # over what is left
    verify("crashed", varied, boxes=None, sizes=False)


def bad_hdf5s(h5py, words):
    def bad(name, says, change=lambda f: None, ids=None):
        with h5py.File(name + ".hdf5", "w") as f:
            rows = ban(f, varied)
            change(f)
        save_ids(name + "_imgid2idx.pkl", rows if ids is None else ids)
        run("import", name + ".hdf5", *words, "no", status=1, says=says)
        if os.path.exists("no") or os.path.exists("no.partial"):
            fail(f"{name}: something is left")

    def put(name, value):
        def change(f):
            del f[name]
            if value is not None:
                f[name] = value
        return change

    def huge(f):
        del f["image_features"]
        f.create_dataset("image_features", (1 << 40, F), np.float32, chunks=(64, F))

    def virtual(f):
        del f["image_features"]
        layout = h5py.VirtualLayout((60, F), np.float32)
        layout[:] = h5py.VirtualSource("by-id.h5", str(varied[0].number), (60, F))
        f.create_virtual_dataset("image_features", layout)

    def external(f):
        del f["image_features"]
        f.create_dataset("image_features", (60, F), np.float32, external=[("train36.hdf5", 0, 3840)])

    bad("text", "image_features: expected numbers, found other elements",
        put("image_features", [b"a", b"b"]))
    bad("deep", "image_features: expected at most 4 dimensions, found 5",
        put("image_features", np.zeros((1, 1, 1, 1, 1))))
    bad("huge", "which a file of", huge)
    bad("virtual", "image_features: its numbers are in another file", virtual)
    bad("external", "image_features: its numbers are in another file", external)
    # links lead nowhere, whether there is something or not
    for name, link in (("gone", h5py.SoftLink("/nothing")), ("soft", h5py.SoftLink("/image_bb")),
                       ("out", h5py.ExternalLink("train36.hdf5", "/image_features"))):
        bad("link-" + name, f"link-{name}.hdf5: no features: expected an array image_features",
            put("image_features", link))
    bad("flat", "pos_boxes: expected shape (images, 2), found (18)",
        put("pos_boxes", np.arange(18)))
    for n, places in enumerate(((0, 1 << 40), (-1, 2), (3, 3), (5, 2))):
        bad(f"places-{n}", f"expected regions of 0 to 61, found {places[0]} to {places[1]}",
            put("pos_boxes", np.tile(places, (18, 1))))
    bad("boxes", "expected a box for each of", put("image_bb", np.zeros((18, 3, 4))))
    bad("nan", "region 0, feature 0 is not finite",
        put("image_features", np.full((61, F), np.nan, np.float32)))
    bad("rows", "rows_imgid2idx.pkl: image 7: expected a row from 0 to 17, found 18", ids={7: 18})
    bad("list", "list_imgid2idx.pkl: expected a dict from ids to rows", ids={7: "x"})
    bad("none", "none_imgid2idx.pkl: expected a dict from ids to rows, found none", ids={})
    os.remove("none_imgid2idx.pkl")
    run("import", "none.hdf5", *words, "no", status=1,
        says="none.hdf5: expected the images' ids in an array image_id, or in none_imgid2idx.pkl")
    with h5py.File("empty.hdf5", "w"):
        pass
    run("import", "empty.hdf5", *words, "no", status=1, says="empty.hdf5: no features")
    # cut anywhere, or with any byte changed, it is read or refused in one line
    whole = open("fixed.h5", "rb").read()
    for size in (9, 100, 1000, len(whole) // 2, len(whole) - 1):
        with open("cut.h5", "wb") as f:
            f.write(whole[:size])
        run("import", "cut.h5", *words, "no", status=1, says="cut.h5: libhdf5 cannot read it: ")
    for _ in range(60):
        place = int(random.integers(8, len(whole)))
        with open("hurt.h5", "wb") as f:
            f.write(whole[:place] + bytes([whole[place] ^ 255]) + whole[place + 1:])
        done = subprocess.run([STEPWISE, "data", "inspect", "hurt.h5"], capture_output=True,
                              text=True, timeout=300)
        if done.returncode not in (0, 1) or len(done.stderr.splitlines()) > 1:
            fail(f"byte {place} changed: status {done.returncode}: {done.stderr}")
    # without the library: the loader takes the first file of the name, and these are none
    os.makedirs("none")
    for name in ("_serial.so.103", "_serial.so.310", ".so.103", ".so.200", ".so.310", "_serial.so",
                 ".so"):
        open("none/libhdf5" + name, "w").close()
    run("inspect", "fixed.h5", status=1, says="which is not installed; on Debian install libhdf5-103",
        LD_LIBRARY_PATH=os.path.abspath("none"))


# ---- captions ----------------------------------------------------------------------------------


def captions():
    with open("results.token", "w") as f:
        f.writelines(f"{i.name}#{k}\t{c}\n" for i in fixed for k, c in enumerate(i.captions))
    with open("results.csv", "w") as f:
        f.write("image_name| comment_number| comment\n")
        f.writelines(f"{i.name}| {k}| {c}\n" for i in fixed for k, c in enumerate(i.captions))
        f.write("2199200615.jpg| 4   A dog runs across the grass .\n")  # the known broken row
    with open("captions.txt", "w") as f:
        w = csv.writer(f)
        w.writerow(["image", "caption"])
        w.writerows((i.name, c) for i in fixed for c in i.captions)
    with open("captions_val2014.json", "w") as f:
        json.dump({"info": {"x": [1, {"y": "]}"}]},
                   "images": [{"id": i.number, "file_name": i.name, "width": i.size[0],
                               "height": i.size[1]} for i in fixed],
                   "annotations": [{"image_id": i.number, "id": 10 * n + k, "caption": c}
                                   for k in range(5) for n, i in enumerate(fixed)
                                   for c in [i.captions[k]]]}, f)
    spec = []
    for split in ("train", "dev", "test"):
        with open(split + ".txt", "w") as f:
            f.writelines(str(i.number) + "\n" for i in fixed
                         if names.get(i.split, i.split) == split)
        spec.append(f"{split}={split}.txt")
    for path in ("results.token", "results.csv", "captions.txt", "captions_val2014.json",
                 "scan/f30k_precomp"):
        out = "by-" + path.replace("/", "-")
        words = ["import", "lxmert.tsv", "--captions", path, "--out", out]
        if path != "scan/f30k_precomp":
            run(*words, status=1, says="--splits")
            words += ["--splits", ",".join(spec)]
        run(*words)
        if path == "scan/f30k_precomp":
            for split in ("train", "dev", "test"):  # it has no ids of captions
                with open(f"{out}/{split}_cap_ids.txt", "w") as f:
                    f.writelines(f"{n}\n" for n in range(len(lines(f"{out}/{split}_caps.txt"))))
        about = verify(out, fixed)
        if path == "results.csv" and about["dropped_count"] != 1:
            fail("the broken row of results.csv")
    run("import", "lxmert.tsv", "--captions", "results.token", "--splits", "all", "--out", "one")
    if len(lines("one/all_ids.txt")) != len(fixed):
        fail("one split")
    run("inspect", "results.token", says="Flickr's .token")
    # a quoted caption of several lines, quotes that are none, and one that nothing closes
    broken = [i.captions[:] for i in fixed]
    with open("quoted.csv", "w", newline="") as f:
        w = csv.writer(f)
        w.writerow(["image", "caption"])
        for n, i in enumerate(fixed):
            for k, c in enumerate(i.captions):
                if n == 3 and k == 1:
                    w.writerow((i.name, c.replace(" of ", ' "of"\n\n') + ', "or" not\n'))
                    broken[n][k] = c.replace(" of ", ' "of" ') + ', "or" not'
                elif n == 4 and k == 0:
                    f.write(f'{i.name},"{c}\r\n')
                    broken[n][k] = f'"{c}'
                elif n == 5 and k == 2:
                    f.write(f'{i.name},{c} 12" wide\r\n')
                    broken[n][k] = f'{c} 12" wide'
                else:
                    w.writerow((i.name, c))
    run("import", "lxmert.tsv", "--captions", "quoted.csv", "--splits", "all", "--out", "quoted")
    if lines("quoted/all_caps.txt") != [c for captions in broken for c in captions]:
        fail("captions of several lines")
    # COCO: the test split is testall, and its first 1000 are test; joined by the number
    coco = [Image(391895 + i, "test" if i < 1003 else "train", 1,
                  f"COCO_val2014_{391895 + i:012d}.jpg") for i in range(1005)]
    karpathy("coco.json", coco, coco=True)
    with open("coco.tsv", "w") as f:
        f.writelines(tsv_line(i) for i in shuffled(coco))
    run("import", "coco.tsv", "--captions", "coco.json", "--out", "coco")
    if [len(lines(f"coco/{s}_ids.txt")) for s in ("test", "testall", "train")] != [1000, 1003, 2]:
        fail("splits of COCO")
    run("check", "coco", says="no problems")


# ---- what is hostile, damaged or missing -------------------------------------------------------


def refused():
    first = fixed[0]

    def one(name, text, says, more=()):
        with open(name, "w" if isinstance(text, str) else "wb") as f:
            f.write(text)
        run("import", name, "--captions", "flickr.json", "--out", "no", *more, status=1, says=says)
        if os.path.exists("no") or os.path.exists("no.partial"):
            fail(f"{name}: something is left")

    fields = tsv_line(first).rstrip("\n").split("\t")
    damaged = fields[:5] + [fields[5][:9] + "*" + fields[5][10:]]
    one("bad.tsv", "\t".join(damaged) + "\n",
        f"bad.tsv: line 1 (image {first.number}): features: base64 is damaged: character 10 is 0x2a")
    nan = Image(first.number, "train", K)
    nan.features[2, 7] = np.nan
    one("nan.tsv", tsv_line(nan), "region 2, feature 7 is not finite")
    one("boxes.tsv", "\t".join(fields[:3] + ["x"] + fields[4:]) + "\n", "no number of boxes")
    one("many.tsv", "\t".join(fields[:3] + ["99999999999"] + fields[4:]) + "\n", "is cut")
    one("few.tsv", tsv_line(first), "17 images of 18 have captions and no features")
    one("names.tsv", tsv_line(Image(17, "test", K)), "none of its images has captions")
    one("short.tsv", fields[0] + "\n", "not known: expected a precomputed folder")
    one("noise.bin", bytes(range(256)), "not known")
    one("empty.tsv", "", "not known")
    one("broken.zip", b"PK\3\4" + bytes(100), "expected a zip archive")
    one("json.tsv", f"{first.number}\t" + '{"objects": [{"rect": [1, 2], "feature": "AAAA"}]}\n',
        "object 0 has no box")
    one("deep.tsv", f"{first.number}\t" + '{"objects": ' + "[" * 5000 + "\n", "line 1")
    pairs = shuffled(fixed)
    with open("twin.tsv", "w") as f:
        f.writelines(tsv_line(i) for i in fixed)
        f.write("0" + tsv_line(pairs[0]))
    run("import", "twin.tsv", "--captions", "flickr.json", "--out", "no", status=1,
        says="names cannot be told apart by the number")
    # pickles that ask for more than data, in each place where one is read
    evil = b"cos\nsystem\n(S'touch evil'\ntR."
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    os.makedirs("evil-npy")
    with open(f"evil-npy/{first.number}.npy", "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + header + evil)
    run("import", "evil-npy", "--captions", "flickr.json", "--out", "no", status=1,
        says="it asks for os.system, which is refused")
    if os.path.exists("evil"):
        fail("a pickle ran a command")
    os.makedirs("bad-npz")
    with open(f"bad-npz/{first.number}.npz", "wb") as f:
        f.write(b"PK\3\4 and nothing")
    run("import", "bad-npz", "--captions", "flickr.json", "--out", "no", status=1,
        says="expected a zip archive")
    # options
    run("import", "lxmert.tsv", "--out", "no", status=1, says="--captions")
    run("import", "lxmert.tsv", "--captions", "flickr.json", status=2, says="--out DIR")
    run("import", "lxmert.tsv", "--captions", "flickr.json", "--out", "tsv", status=1,
        says="tsv: is there already")
    run("import", "lxmert.tsv", "--captions", "flickr.json", "--out", "no", "--dtype", "f61",
        status=2, says="did you mean 'f16'")
    run("inspct", "lxmert.tsv", status=2, says="did you mean 'inspect'")
    run("import", "few.tsv", "--captions", "flickr.json", "--allow-missing", "--out", "few")
    if json.load(open("few/import.json"))["dropped_count"] != 17:
        fail("images without features")
    for broken in ("[1, 2]", '{"images": [{"filename": 1}]}', '{"images": [{"a": 1]}', '{"x": "',
                   '{"images": [{"filename": "a", "split": [], "sentences": []}]}',
                   '{"images": [' + "[" * 100000):
        with open("broken.json", "w") as f:
            f.write(broken)
        run("import", "lxmert.tsv", "--captions", "broken.json", "--out", "no", status=1,
            says="broken.json")


def checked():
    """data check finds what is wrong, by file and row."""
    shutil.copytree("tsv", "wrong")
    rows = np.load("wrong/dev_ims.npy")
    rows[2, 1, 3] = np.inf
    np.save("wrong/dev_ims.npy", rows)
    boxes = np.load("wrong/dev_ims_bbx.npy")
    boxes[1, 0] = [9, 9, 3, 3]
    np.save("wrong/dev_ims_bbx.npy", boxes)
    names_of = lines("wrong/train_ids.txt")
    names_of[3] = names_of[0]
    with open("wrong/train_ids.txt", "w") as f:
        f.writelines(n + "\n" for n in names_of)
    with open("wrong/test_ids.txt", "w") as f:
        f.writelines(n + "\n" for n in lines("wrong/dev_ids.txt"))
    out = run("check", "wrong", status=1, says="dev_ims.npy: row 2, region 1, feature 3 is not finite")
    for says in ("1 box with x2 < x1 or y2 < y1, the first in row 1",
                 f"train_ids.txt:4: '{names_of[0]}' is the name of image 0, too",
                 "4 images of test are in dev, too"):
        if says not in out:
            fail(f"data check does not say '{says}': {out}")


def folder(name, captions="a dog {i} of {split}\n", **files):
    """A precomputed folder of 6 images a split, whose dev and test differ; files: what is other in
    train."""
    os.makedirs(name)
    for split in ("train", "dev", "test"):
        np.save(f"{name}/{split}_ims.npy", random.normal(size=(6, 4, 8)).astype(np.float32))
        for ending, text in (("caps", captions if split == "train" else "a dog {i} of {split}\n"),
                             ("ids", "{split}{i}.jpg\n")):
            with open(f"{name}/{split}_{ending}.txt", "wb") as f:
                for i in range(6):
                    for _ in range(5 if ending == "caps" else 1):
                        f.write(text.encode("latin-1").replace(b"{i}", b"%d" % i)
                                .replace(b"{split}", split.encode()))
    for ending, values in files.items():
        np.save(f"{name}/train_{ending}.npy", values)


def folders():
    """What does not fit in a precomputed folder is named, and never read as something else."""
    # one split is wider: its captions do not get the features of another
    folder("wide")
    np.save("wide/dev_ims.npy", np.ones((6, 4, 9), np.float32))
    run("check", "wide", status=1,
        says="wide/dev_ims.npy: expected 8 features per region, as train has them, found 9")
    run("import", "wide", "--out", "no", status=1,
        says="(wide/dev_ims.npy: row 0: expected 8 features, found 9)")
    run("inspect", "wide", says="to train  complete")
    for ending in ("ims.npy", "caps.txt", "ids.txt"):
        os.rename(f"wide/train_{ending}", f"train_{ending}")
    run("inspect", "wide", says="to train  no split is called train")
    for ending in ("ims.npy", "caps.txt", "ids.txt"):
        os.rename(f"train_{ending}", f"wide/train_{ending}")
    run("import", "wide", "--out", "narrow", "--allow-missing")
    if os.path.exists("narrow/dev_ims.npy"):
        fail("features of another split")
    for split in ("train", "test"):
        if not np.array_equal(np.load(f"narrow/{split}_ims.npy"), np.load(f"wide/{split}_ims.npy")):
            fail(f"the features of {split} are not its own")
    # counts of regions
    for name, counts, says in (
            ("more", np.full(6, 9), "image 0: expected 1 to 4 regions, found 9"),
            ("none", np.array([4, 4, 0, 4, 4, 4]), "image 2: expected 1 to 4 regions, found 0"),
            ("less", np.full(6, -1), "image 0: expected 1 to 4 regions, found -1"),
            ("part", np.full(6, 1.5), "image 0: expected 1 to 4 regions, found no whole number"),
            ("five", np.full(5, 4), "expected 1 for each of 6 images, found shape (5)")):
        folder("counts-" + name, ims_counts=counts)
        run("import", "counts-" + name, "--out", "no", status=1,
            says=f"counts-{name}/train_ims_counts.npy: {says}")
    # boxes of other regions are left out, and it is said
    folder("boxes-three", ims_bbx=np.zeros((6, 3, 4), np.float32))
    run("import", "boxes-three", "--out", "boxes-none",
        says="train_ims_bbx.npy: expected boxes of shape (6, 4, 4), found (6, 3, 4)")
    # captions that are no text
    for name, captions, says in (("latin", "a caf\xe9\n", "expected UTF-8, found byte 0xe9 at offset 5"),
                                 ("zero", "a \0 b\n", "expected text, found a zero byte")):
        folder("caps-" + name, captions)
        for words in (("check", "caps-" + name), ("import", "caps-" + name, "--out", "no"),
                      ("import", "wide", "--captions", "caps-" + name, "--out", "no")):
            run(*words, status=1, says=f"caps-{name}/train_caps.txt:1: {says}")
    folder("caps-none", "")
    run("import", "caps-none", "--out", "no", status=1,
        says="caps-none/train_caps.txt: expected captions, found none")
    run("import", "wide", "--only", "tst", "--out", "no", status=1,
        says="--only tst: none of the images is in such a split; there are dev, test, train")
    for words in (("check",), ("boxes", "--from", "lxmert.tsv")):
        for path, says in (("wide/train_ids.txt", "a file"), ("nowhere", "none")):
            run(words[0], path, *words[1:], status=1,
                says=f"{path}: expected a data folder, found {says}")
    # pipes are not waited for
    for file in ("train_ims.npy", "train_caps.txt"):
        name = "pipe-" + file[6:9]
        folder(name)
        os.remove(f"{name}/{file}")
        os.mkfifo(f"{name}/{file}")
        run("check", name, status=1,
            says=f"cannot read {name}/{file}: expected a file, found a device or pipe")
    run("import", "pipe-ims", "--out", "no", status=1,
        says="cannot read pipe-ims/train_ims.npy: expected a file, found a device or pipe")
    if os.path.exists("no") or os.path.exists("no.partial"):
        fail("something of a refused folder is left")


def missing():
    """Why an image has no features is told with it."""
    os.makedirs("one-bad")
    for image in fixed:
        np.savez(f"one-bad/{image.number}.npz", x=image.features, bbox=image.boxes)
    first = fixed[0].number
    for values, says in (({"x": np.ones((K, F + 1), np.float32)},
                          f"one-bad/{first}.npz: expected {F} features, found {F + 1}"),
                         ({"x": np.full((K, F), np.nan, np.float32)},
                          f"one-bad/{first}.npz: region 0, feature 0 is not finite")):
        np.savez(f"one-bad/{first}.npz", **values)
        run("import", "one-bad", "--captions", "flickr.json", "--out", "no", status=1,
            says=f"1 image of 18 has captions and no features: '{first}.jpg' ({says})")
    karpathy("twice.json", fixed[:1] + fixed)
    run("import", "lxmert.tsv", "--captions", "twice.json", "--out", "no", status=1,
        says="(twice.json: image 0 has the same name as twice.json: image 1)")


def matched():
    """Boxes for a folder without them, by its features, whatever its dtype and names."""
    for dtype in ("f32", "f16"):
        out = "bare-" + dtype
        run("import", "stored.zip", "--out", out, "--dtype", dtype)
        run("boxes", out, "--from", "lxmert.tsv", says="100.0 % of")
        for split in ("train", "dev", "test"):
            ids = lines(f"{out}/{split}_ids.txt")
            found = np.load(f"{out}/{split}_ims_bbx.npy")
            by_name = {i.name: i for i in fixed}
            if not all(np.allclose(found[r], by_name[n].boxes) for r, n in enumerate(ids)):
                fail("boxes that were matched")
    # features that were computed again: in other places of the picture, among others, not equal
    twice = fixed[0].name
    os.makedirs("again")
    for image in fixed:
        order = random.permutation(K + 2)
        features = np.vstack([image.features, random.normal(size=(2, F)).astype(np.float32)])
        boxes = np.vstack([image.boxes, np.ones((2, 4), np.float32)])
        if image.name == twice:  # a feature with two boxes has none
            features[K] = features[0]
        features *= 1 + random.uniform(-3e-3, 3e-3, size=features.shape).astype(np.float32)
        np.savez(f"again/{image.number + 1}.npz", x=features[order], bbox=boxes[order])
    run("import", "stored.zip", "--out", "bare-again")
    out = run("boxes", "bare-again", "--from", "again")
    for says in ("train: 98.0 % of 50 regions found (49 by cosine); 1 with more than one box\n",
                 "dev: 100.0 % of 20 regions found (20 by cosine)\n"):
        if says not in out:
            fail(f"boxes by cosine: expected {says}, found {out}")
    for split in ("train", "dev", "test"):
        found = np.load(f"bare-again/{split}_ims_bbx.npy")
        for row, name in zip(found, lines(f"bare-again/{split}_ids.txt")):
            expected = {i.name: i for i in fixed}[name].boxes.copy()
            if name == twice:
                expected[0] = 0
            if not np.allclose(row, expected):
                fail(f"boxes by cosine: {name}")
    run("import", "stored.zip", "--out", "bare")
    run("boxes", "bare", "--from", "milvlg", status=1, says="0.0 % of 50 regions found; expected 95")
    if os.path.exists("bare/train_ims_bbx.npy"):
        fail("boxes of other features")


def resumed():
    """An import that is killed goes on, to the same bytes; one with other options begins anew."""
    many = [Image(10 ** 6 + i, ("train", "val", "test")[i % 3], 36) for i in range(3000)]
    karpathy("many.json", many)
    with open("big.tsv", "w") as f:
        f.writelines(tsv_line(i) for i in many)
    words = ["import", "big.tsv", "--captions", "many.json", "--out", "big"]
    run(*words)
    shutil.move("big", "whole")
    child = subprocess.Popen([STEPWISE, "data", *words], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
    while child.poll() is None and not os.path.exists("big.partial/import-state.json"):
        time.sleep(0.001)
    child.send_signal(signal.SIGINT)
    out = child.communicate()[0]
    if child.returncode == 130:  # it may have come to its end before
        if "the same command goes on" not in out or os.path.exists("big"):
            fail(f"interrupted: {out}")
        run(*words)
    elif child.returncode != 0:
        fail(f"interrupted: status {child.returncode}: {out}")
    state = "big.partial/import-state.json"
    for file in sorted(os.listdir("whole")):
        if open(f"whole/{file}", "rb").read() != open(f"big/{file}", "rb").read():
            fail(f"an import that went on: {file}")
    # as a kill leaves it: half of the rows, and a state that says so
    shutil.move("big", "big.partial")
    for file in os.listdir("big.partial"):
        if not file.endswith((".npy", "import.json")) or "_ims_size" in file:
            os.remove("big.partial/" + file)
    text = open("big.partial/import.json").read()
    os.remove("big.partial/import.json")
    with open(state, "w") as f:
        json.dump({"import": hash128(text), "done": 1500}, f)
    rows = np.load("big.partial/train_ims.npy", mmap_mode="r+")
    rows[500:] = 0
    rows.flush()
    run(*words, says="went on after 1,500 images")
    if not np.array_equal(np.load("big/train_ims.npy"), np.load("whole/train_ims.npy")):
        fail("an import that was killed")
    # what another import left does not stay
    shutil.move("big", "big.partial")
    with open(state, "w") as f:
        f.write('{"import": "of another", "done": 3000}')
    run(*words, "--only", "dev")
    if os.path.exists("big/train_ims.npy") or not os.path.exists("big/dev_ims.npy"):
        fail("what another import left")
    os.makedirs("mine.partial")
    open("mine.partial/file", "w").close()
    # before anything is read: the source is not even there
    run("import", "none.tsv", "--captions", "many.json", "--out", "mine", status=1,
        says="is none of an import")
    run("import", "none.tsv", "--captions", "many.json", "--out", "away", status=1, says="none.tsv")
    if os.path.exists("away.partial"):
        fail("a refused import left a folder")


def hash128(text):
    script = 'io.write(require("stepwise.core").hash128(io.read("a")))'
    done = subprocess.run([STEPWISE, "lua", "/dev/stdin"], input="", capture_output=True, text=True)
    with open("hash.lua", "w") as f:
        f.write('local core = require "stepwise.core"\n'
                'print(core.hash128(core.read_file("text")))\n')
    with open("text", "w") as f:
        f.write(text)
    done = subprocess.run([STEPWISE, "lua", "hash.lua"], capture_output=True, text=True)
    return done.stdout.strip() or fail(f"hash: {done.stderr} {script}")


karpathy("flickr.json", fixed)
karpathy("varied.json", varied)
for test in (precomputed, npy_folder, npz_folder, bottom_up, vinvl, lmdbs, hdf5s, captions,
             refused, checked, folders, missing, matched, resumed):
    if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
        test()
print("each layout is read as it was written")
