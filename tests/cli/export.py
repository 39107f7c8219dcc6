"""export.py RUNS -- reads what `stepwise export` wrote with other programs' readers: event files with
google.protobuf and crc32c, CSV with pandas; an MLflow file store by its layout. RUNS: the sweep's folder."""

import csv
import json
import math
import os
import struct
import sys

sweep = sys.argv[1]


def rows_of(run):
    """metrics.tsv as [(step, seconds, {tag: value})]."""
    with open(f"{sweep}/{run}/metrics.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    result = []
    for row in rows:
        kind = "train" if row["kind"] == "step" else row["kind"]
        values = {
            f"{kind}/{name}": float(value)
            for name, value in row.items()
            if name not in ("step", "epoch", "kind", "seconds") and value != "NaN"
        }
        result.append((int(row["step"]), float(row["seconds"]), values))
    return result


def events_class():
    """The message Event, from its published definition (tensorflow/core/util/event.proto)."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    Field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="t", syntax="proto3")

    def message(name, *fields):
        made = file.message_type.add(name=name)
        for field, number, kind, repeated in fields:
            one = made.field.add(name=field, number=number)
            one.label = Field.LABEL_REPEATED if repeated else Field.LABEL_OPTIONAL
            if isinstance(kind, str):
                one.type, one.type_name = Field.TYPE_MESSAGE, ".t." + kind
            else:
                one.type = kind

    message("Dim", ("size", 1, Field.TYPE_INT64, False))
    message("Shape", ("dim", 2, "Dim", True))
    message("Tensor", ("dtype", 1, Field.TYPE_INT32, False), ("tensor_shape", 2, "Shape", False),
            ("string_val", 8, Field.TYPE_BYTES, True))
    message("PluginData", ("plugin_name", 1, Field.TYPE_STRING, False))
    message("Metadata", ("plugin_data", 1, "PluginData", False))
    message("Value", ("tag", 1, Field.TYPE_STRING, False), ("simple_value", 2, Field.TYPE_FLOAT, False),
            ("tensor", 8, "Tensor", False), ("metadata", 9, "Metadata", False))
    message("Summary", ("value", 1, "Value", True))
    message("Event", ("wall_time", 1, Field.TYPE_DOUBLE, False), ("step", 2, Field.TYPE_INT64, False),
            ("file_version", 3, Field.TYPE_STRING, False), ("summary", 5, "Summary", False))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("t.Event"))


def check_events(folder):
    import crc32c

    def masked(data):
        crc = crc32c.crc32c(data)
        return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF

    Event = events_class()
    for run in sorted(os.listdir(folder)):
        (name,) = os.listdir(f"{folder}/{run}")
        assert "tfevents" in name, name
        with open(f"{folder}/{run}/{name}", "rb") as file:
            data = file.read()
        at, events = 0, []
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            assert struct.unpack_from("<I", data, at + 8)[0] == masked(data[at:at + 8]), "checksum of a length"
            body = data[at + 12:at + 12 + length]
            assert len(body) == length
            assert struct.unpack_from("<I", data, at + 12 + length)[0] == masked(body), "checksum of an event"
            event = Event.FromString(body)
            assert event.SerializeToString() is not None and not event.UnknownFields(), "unknown fields"
            events.append(event)
            at += 16 + length
        assert events[0].file_version == "brain.Event:2"
        text = events[1].summary.value[0]
        assert text.tag == "config" and text.metadata.plugin_data.plugin_name == "text"
        assert text.tensor.dtype == 7 and text.tensor.tensor_shape.dim[0].size == 1
        assert b"| train.batch | 16 |" in text.tensor.string_val[0]
        began, expected = events[0].wall_time, rows_of(run)
        assert len(events) == 2 + len(expected), (len(events), len(expected))
        for event, (step, seconds, values) in zip(events[2:], expected):
            assert event.step == step and abs(event.wall_time - began - seconds) < 1e-5
            found = {value.tag: value.simple_value for value in event.summary.value}
            assert set(found) == set(values), (found, values)
            for tag, value in values.items():
                assert math.isclose(found[tag], value, rel_tol=1e-6, abs_tol=1e-30), (tag, found[tag], value)


def check_csv(folder):
    import pandas

    table = pandas.read_csv(f"{folder}/runs.csv", index_col="run")
    for run in table.index:
        frame = pandas.read_csv(f"{folder}/{run}.csv", parse_dates=["timestamp"])
        assert frame["step"].is_monotonic_increasing and frame["step"].is_unique
        for step, _, values in rows_of(run):
            for tag, value in values.items():
                found = frame.loc[frame["step"] == step, tag].iloc[0]
                assert math.isclose(found, value, rel_tol=1e-8), (run, step, tag, found, value)
        assert math.isclose(table.loc[run, "test/rsum"], frame["test/rsum"].dropna().iloc[-1], rel_tol=1e-8)
    assert "train.lr" in table.columns and "train.batch" not in table.columns, list(table.columns)


def check_mlflow(folder):
    (experiment,) = os.listdir(folder)
    assert experiment.isdigit()
    runs = [name for name in os.listdir(f"{folder}/{experiment}") if name != "meta.yaml"]
    names = set()
    for run in runs:
        path = f"{folder}/{experiment}/{run}"
        assert len(run) == 32 and int(run, 16) >= 0
        with open(f"{path}/meta.yaml", encoding="utf-8") as file:
            meta = dict(line.rstrip("\n").split(": ", 1) for line in file)
        assert json.loads(meta["run_id"]) == run and json.loads(meta["experiment_id"]) == experiment
        assert meta["lifecycle_stage"] == "active" and meta["status"] == "3"
        assert int(meta["end_time"]) >= int(meta["start_time"]) > 1.6e12
        name = json.loads(meta["run_name"])
        names.add(name)
        with open(f"{path}/params/train.batch", encoding="utf-8") as file:
            assert file.read() == "16"
        expected = {}
        for step, _, values in rows_of(name):
            for tag, value in values.items():
                expected.setdefault(tag, []).append((step, value))
        for tag, points in expected.items():
            with open(f"{path}/metrics/{tag}", encoding="utf-8") as file:
                found = [line.split(" ") for line in file.read().splitlines()]
            assert [(int(s), float(v)) for _, v, s in found] == points, tag
            assert all(int(t) >= int(meta["start_time"]) for t, _, _ in found)
    assert len(names) == len(runs) > 1


check_mlflow("out-mlflow")
for module, check, folder in ("google.protobuf crc32c", check_events, "out-tensorboard"), ("pandas", check_csv, "out-csv"):
    try:
        for name in module.split():
            __import__(name)
    except ImportError as missing:
        print(f"skipped: {folder[4:]} is not read again: {missing}; on Debian: python3-protobuf python3-crc32c python3-pandas")
        continue
    check(folder)
