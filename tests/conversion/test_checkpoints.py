# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Reading checkpoint files: what is in them, and that nothing of them is run."""

import io
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest
import torch

from helpers.official_files import best_ap_content, caffe2_weights, detectron2_content
from pointwssis.conversion.checkpoints import check_weights, find_weights, read_checkpoint, resnet_sizes, size_of
from pointwssis.conversion.pickles import RefusedGlobalError, read_array_pickle

WEIGHTS = OrderedDict(a=torch.arange(3.0), b=torch.ones(2, 2))


class Runs:
    """An object that makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def old_numpy(data: bytes) -> bytes:
    """Return the bytes as NumPy before 2.0 would have written them, when its module had another name."""
    return data.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")


# -- torch files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zipped", [True, False])
def test_a_numpy_scalar_beside_the_weights_is_read(tmp_path, zipped):
    torch.save(best_ap_content(WEIGHTS), tmp_path / "best_AP.pt", _use_new_zipfile_serialization=zipped)
    content = read_checkpoint(tmp_path / "best_AP.pt")
    assert content["best_score"] == 0.391 and isinstance(content["best_score"], np.float64)
    assert torch.equal(find_weights(content, "best_AP.pt")["a"], WEIGHTS["a"])


def test_a_numpy_scalar_under_its_old_name_is_read(tmp_path):
    torch.save({"best_score": np.float64(0.5)}, buffer := io.BytesIO(), _use_new_zipfile_serialization=False)
    assert b"numpy._core" in buffer.getvalue()
    (tmp_path / "old.pt").write_bytes(old_numpy(buffer.getvalue()))
    assert read_checkpoint(tmp_path / "old.pt") == {"best_score": 0.5}


def test_what_is_allowed_is_allowed_for_this_file_only(tmp_path):
    before = set(torch.serialization.get_safe_globals())
    torch.save(best_ap_content(WEIGHTS), tmp_path / "best_AP.pt")
    read_checkpoint(tmp_path / "best_AP.pt")
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "best_AP.pt", weights_only=True)


@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_torch_file_is_refused_and_not_run(tmp_path, zipped, monkeypatch):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # may not loosen it either
    content = {"model": WEIGHTS, "extra": Runs(tmp_path / "made")}
    torch.save(content, tmp_path / "evil.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ValueError, match=r"evil\.pth: is refused.*run \w+\.mkdir"):
        read_checkpoint(tmp_path / "evil.pth")
    assert not (tmp_path / "made").exists()


def test_harmless_objects_are_refused_too(tmp_path):
    torch.save({"model": WEIGHTS, "mean": np.zeros(3)}, tmp_path / "arrays.pth")
    with pytest.raises(ValueError, match=r"run numpy\._core\.multiarray\._reconstruct"):
        read_checkpoint(tmp_path / "arrays.pth")
    torch.save({"model": WEIGHTS, "step": np.int64(3)}, tmp_path / "other_scalar.pth")
    with pytest.raises(ValueError, match=r"is refused, because loading it would run numpy\.dtypes\.Int64DType"):
        read_checkpoint(tmp_path / "other_scalar.pth")


@pytest.mark.parametrize("part", [0, 0.3, 0.99])
@pytest.mark.parametrize("zipped", [True, False])
def test_a_truncated_file_is_called_damaged(tmp_path, part, zipped):
    torch.save({"model": {"a": torch.rand(100, 100)}}, buffer := io.BytesIO(), _use_new_zipfile_serialization=zipped)
    data = buffer.getvalue()
    (tmp_path / "half.pth").write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValueError, match=r"half\.pth: is not a checkpoint, or is damaged.*download it again"):
        read_checkpoint(tmp_path / "half.pth")


def test_files_that_are_none(tmp_path):
    (tmp_path / "page.pth").write_text("<!DOCTYPE html><title>Google Drive - Virus scan warning</title>")
    with pytest.raises(ValueError, match=r"page\.pth: is a web page"):
        read_checkpoint(tmp_path / "page.pth")
    (tmp_path / "text.pth").write_text("weights, soon")
    with pytest.raises(ValueError, match=r"text\.pth: is not a checkpoint") as error:
        read_checkpoint(tmp_path / "text.pth")
    assert "weights_only" not in str(error.value)  # torch's own message advises to run the file
    for path in (tmp_path / "nowhere.pth", tmp_path):
        with pytest.raises(FileNotFoundError, match="no such checkpoint file"):
            read_checkpoint(path)


# -- pickles of arrays -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "old"), [(2, False), (2, True), (3, True), (4, False), (5, False)])
def test_arrays_are_read_from_every_protocol(tmp_path, protocol, old):
    arrays = {"conv1_w": np.arange(6, dtype=np.float32).reshape(2, 3), "half": np.ones(2, np.float16)}
    data = pickle.dumps({"model": arrays, "__author__": "Caffe2"}, protocol=protocol)
    (tmp_path / "R-50.pkl").write_bytes(old_numpy(data) if old else data)
    content = read_array_pickle(tmp_path / "R-50.pkl")
    assert content["__author__"] == "Caffe2" and content["model"].keys() == arrays.keys()
    for name, array in arrays.items():
        assert np.array_equal(content["model"][name], array) and content["model"][name].dtype == array.dtype


def test_arrays_of_python_2_are_read(tmp_path):
    """Its text is bytes of unknown encoding, here {"w": array([1, 2], dtype=uint8)} in protocol 2."""
    data = (
        b"\x80\x02}U\x01wcnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x02\x01\xf2tbs."
    )
    (tmp_path / "old.pkl").write_bytes(data)
    assert read_array_pickle(tmp_path / "old.pkl")["w"].tolist() == [1, 0xF2]


@pytest.mark.parametrize(
    "content", [os.system, np.load, np.float64(1), OrderedDict(), {1, 2}.__class__, torch.zeros(1)]
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_everything_else_is_refused(tmp_path, content, protocol):
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps([np.zeros(2), content], protocol=protocol))
    with pytest.raises(RefusedGlobalError):
        read_array_pickle(tmp_path / "evil.pkl")


def test_code_in_a_pickle_of_arrays_is_not_run(tmp_path):
    arrays = {**caffe2_weights(), "evil": Runs(tmp_path / "made")}
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(arrays))
    with pytest.raises(RefusedGlobalError, match=r"\w+\.mkdir"):
        read_array_pickle(tmp_path / "evil.pkl")
    hidden = np.array([Runs(tmp_path / "made")], dtype=object)  # inside of an array of objects
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"a": hidden}))
    with pytest.raises(RefusedGlobalError):
        read_array_pickle(tmp_path / "evil.pkl")
    assert not (tmp_path / "made").exists()


# -- weights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        WEIGHTS,
        detectron2_content(WEIGHTS),
        best_ap_content(WEIGHTS),
        best_ap_content(WEIGHTS, prefix="module."),
        {"state_dict": WEIGHTS, "epoch": 3},
        {"blobs": {name: value.numpy() for name, value in WEIGHTS.items()}, "cfg": "…"},
    ],
)
def test_weights_are_found_wherever_they_are(content):
    found = find_weights(content, "model.pth")
    assert found.keys() == WEIGHTS.keys() and all(torch.equal(found[name], WEIGHTS[name]) for name in found)


def test_a_prefix_goes_only_when_every_name_has_it():
    assert list(find_weights({"module.a": torch.ones(1), "b": torch.ones(1)}, "")) == ["module.a", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(1)], "model.pth: holds list, not named weights"),
        ({}, "holds dict, not named weights"),
        ({"model": {}}, "holds dict, not named weights"),
        ({"a": torch.ones(1), "step": 3}, "model.pth: 'step' is int"),
        ({"model": {1: torch.ones(1)}}, "model.pth: 1 is Tensor"),
    ],
)
def test_what_is_no_weight_is_named(content, message):
    with pytest.raises(ValueError, match=message):
        find_weights(content, "model.pth")


def test_sizes_come_from_weights_that_are_there():
    weights = {"a": torch.zeros(4, 5)}
    assert (size_of(weights, "a"), size_of(weights, "a", 1)) == (4, 5)
    with pytest.raises(ValueError, match=r"a has the shape \(4, 5\)"):
        size_of(weights, "a", 2)
    with pytest.raises(ValueError, match="lack b,"):
        size_of(weights, "b")


def test_sizes_of_a_resnet():
    weights = {
        f"{stage}{block}.conv{k}.weight": torch.zeros(width if k == 3 else 4, 1, 1, 1)
        for stage, depth, width in (("layer1.1.", 3, 16), ("layer2.", 12, 32))
        for block in range(depth)
        for k in (1, 2, 3)
    }
    expected = {"depths": [3, 12], "hidden_sizes": [16, 32], "layer_type": "bottleneck"}
    assert resnet_sizes(weights, ["layer1.1.", "layer2."]) == expected
    del weights["layer2.0.conv3.weight"]
    with pytest.raises(ValueError, match=r"lack layer2\.0\.conv3\.weight"):
        resnet_sizes(weights, ["layer1.1.", "layer2."])


def test_long_lists_of_problems_are_cut():
    expected = {f"weight{k:02d}": torch.zeros(1) for k in range(30)}
    with pytest.raises(ValueError, match=r"30 missing: weight00, .*weight19 …\)") as error:
        check_weights({}, expected, "a toy")
    assert "weight20" not in str(error.value)
    check_weights(expected, expected, "a toy")
