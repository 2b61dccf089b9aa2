# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
"""Prepared datasets: COCO in, the same rows out, from disk, from a stream, from the Hub."""

import json
import pickle
import shutil
import tracemalloc
from pathlib import Path

import pytest
from datasets import Dataset, Image, concatenate_datasets, load_dataset
from PIL import Image as PILImage

from pointwssis.data import (
    class_names,
    hide_masks,
    load_coco,
    load_coco_folder,
    read_image,
    split_supervision,
    supervision,
)
from pointwssis.data.formats.coco import read_coco
from pointwssis.data.prepared import writing as prepared_writing
from pointwssis.data.prepared.opening import open_prepared, prepared_files
from pointwssis.data.prepared.prepare_coco import prepare_coco
from pointwssis.data.prepared.push import push_prepared
from pointwssis.data.prepared.writing import Split, rows_on_disk, whole_folder, write_files
from pointwssis.hub.client import PushError

CONFIGS = ["coco10", "coco50", "all", "train5k"]


@pytest.fixture(scope="module")
def folder(shapes, tmp_path_factory) -> Path:
    return prepare_coco(shapes, tmp_path_factory.mktemp("prepared") / "shapes", percentages=(10, 50))


@pytest.fixture(scope="module")
def truth(shapes):
    return load_coco_folder(shapes)


def by_id(rows):
    return {row["image_id"]: row for row in rows}


# -- the same rows ----------------------------------------------------------------------------------------------------


def test_all_labels_are_those_of_load_coco(folder, shapes, truth):
    opened = open_prepared(folder, "all", shapes)
    assert by_id(opened["train"]) == by_id(truth["train"]) and len(opened["train"]) == len(truth["train"])
    assert list(opened["validation"]) == list(truth["validation"])
    assert opened["train"].features == truth["train"].features
    assert class_names(opened["train"]) == class_names(truth["train"])
    assert read_image(opened["train"][0]).size == (64, 64)


@pytest.mark.parametrize("percentage", [10, 50])
def test_a_percentage_is_what_a_recipe_makes_of_the_files(folder, shapes, truth, percentage):
    opened = open_prepared(folder, f"coco{percentage}", shapes)
    split = split_supervision(truth["train"], percentage / 100, seed=1)
    assert list(opened) == ["full", "point", "validation"]
    for name in ("full", "point"):
        assert by_id(opened[name]) == by_id(split[name]) and len(opened[name]) == len(split[name])
    assert list(opened["validation"]) == list(truth["validation"])


def test_another_seed_is_another_draw(shapes, tmp_path, folder, truth):
    prepare_coco(shapes, tmp_path / "out", percentages=(50,), seed=2)
    opened = open_prepared(tmp_path / "out", "coco50", shapes)
    assert set(opened["full"]["image_id"]) == set(split_supervision(truth["train"], 0.5, 2)["full"]["image_id"])
    assert set(opened["full"]["image_id"]) != set(open_prepared(folder, "coco50")["full"]["image_id"])


def test_points_tell_nothing_but_points(folder):
    kept = {"id", "category", "point", "iscrowd"}
    for path in sorted((folder / "data").glob("point*")):
        for row in Dataset.from_file(str(path)):
            assert all(item[key] is None for item in row["objects"] for key in item.keys() - kept)
            assert not any(item["iscrowd"] for item in row["objects"])
    files = prepared_files(folder)
    assert not set(files["coco10"]["point"]) & set(files["all"]["train"])


def test_train5k_has_masks_in_no_percentage_and_truth_beside_points(folder, shapes, truth):
    opened = open_prepared(folder, "train5k", shapes)
    ids = opened["truth"]["image_id"]
    assert ids == opened["point"]["image_id"] and len(ids) == 4
    assert not set(ids) & set(open_prepared(folder, "coco50")["full"]["image_id"])
    rows = by_id(truth["train"])
    assert list(opened["truth"]) == [rows[image_id] for image_id in ids]
    assert list(opened["point"]) == list(hide_masks(opened["truth"]))


def test_rows_are_stored_once_for_each_form(folder, truth):
    ids = {kind: [] for kind in ("full", "point", "validation")}
    for kind, found in ids.items():
        for path in sorted((folder / "data").glob(f"{kind}-*")):
            found += Dataset.from_file(str(path))["image_id"]
    assert sorted(ids["full"]) == sorted(truth["train"]["image_id"])
    assert len(set(ids["point"])) == len(ids["point"]) and set(ids["point"]) < set(ids["full"])
    assert ids["validation"] == truth["validation"]["image_id"]


@pytest.mark.parametrize("name", ["coco_mini", "coco_edge_cases"])
def test_real_annotations_row_by_row(shared_dir, tmp_path, name):
    source = shared_dir / "data" / name
    (tmp_path / "coco" / "annotations").mkdir(parents=True)
    for split in ("train", "val"):
        file = source / "coco_edge_permissive.json"
        file = file if file.exists() else source / "annotations" / f"instances_{split}.json"
        shutil.copy(file, tmp_path / "coco" / "annotations" / f"instances_{split}2017.json")
    (tmp_path / "coco" / "images").symlink_to(source / "images", target_is_directory=True)
    prepare_coco(tmp_path / "coco", tmp_path / "out")
    opened = open_prepared(tmp_path / "out", "all", tmp_path / "coco")
    for split, name in (("train", "train"), ("val", "validation")):
        file = tmp_path / "coco" / "annotations" / f"instances_{split}2017.json"
        rows = by_id(load_coco(file, tmp_path / "coco" / "images"))
        assert by_id(opened[name]) == rows and len(opened[name]) == len(rows)


# -- opening ----------------------------------------------------------------------------------------------------------


def test_opened_rows_are_mapped_and_fit_into_everything(folder, shapes):
    opened = open_prepared(folder, "coco50", shapes)
    full, point = opened["full"], opened["point"]
    assert full.features["image"] == Image(decode=False)
    together = concatenate_datasets([full, point])
    assert len(together) == len(full) + len(point) and {supervision(row) for row in together} == {"full", "point"}
    assert list(pickle.loads(pickle.dumps(full))) == list(full)
    mask = full[0]["objects"][0]["segmentation"]["counts"].encode()
    assert mask in pickle.dumps(list(full)) and mask not in pickle.dumps(full)  # paths of files, not what is in them
    assert full.select([1, 0])[0] == full[1]
    assert full.filter(lambda row: row["image_id"] == full[0]["image_id"])[0] == full[0]


def test_the_folder_can_be_moved_and_the_images_too(folder, shapes, tmp_path):
    shutil.copytree(folder, tmp_path / "elsewhere")
    shutil.copytree(shapes, tmp_path / "images")
    row = open_prepared(tmp_path / "elsewhere", "all", tmp_path / "images")["train"][0]
    assert row["image"]["path"] == str(tmp_path / "images" / "images" / row["file_name"])
    assert read_image(row).size == (64, 64)
    relative = open_prepared(tmp_path / "elsewhere", "all")["train"][0]
    assert relative["image"]["path"] == f"images/{row['file_name']}"
    assert str(shapes) not in (folder / "README.md").read_text("utf-8")


def test_what_cannot_be_opened(folder, tmp_path):
    with pytest.raises(ValueError, match="no configuration 'coco11'; use one of coco10, coco50, all, train5k"):
        open_prepared(folder, "coco11")
    with pytest.raises(ValueError, match="several configurations; use one of coco10"):
        open_prepared(folder)
    with pytest.raises(FileNotFoundError, match="not a prepared dataset"):
        open_prepared(tmp_path, "coco10")
    with pytest.raises(FileNotFoundError, match="nowhere: image folder"):
        open_prepared(folder, "coco10", tmp_path / "nowhere")
    shutil.copytree(folder, tmp_path / "broken")
    next((tmp_path / "broken" / "data").glob("point*")).unlink()
    with pytest.raises(FileNotFoundError, match="prepare or copy it again"):
        open_prepared(tmp_path / "broken", "coco10")


@pytest.mark.parametrize("config", CONFIGS)
def test_plain_datasets_reads_it_too(folder, config):
    opened = open_prepared(folder, config)
    loaded = load_dataset(str(folder), config)
    streamed = load_dataset(str(folder), config, streaming=True)
    assert list(loaded) == list(streamed) == list(opened)
    for name in opened:
        assert list(load_dataset(str(folder), config, split=name)) == list(opened[name])
        assert list(streamed[name]) == list(opened[name])
        assert loaded[name].features == streamed[name].features == opened[name].features


# -- writing ----------------------------------------------------------------------------------------------------------


def test_images_inside(shapes, tmp_path, truth):
    prepare_coco(shapes, tmp_path / "out", percentages=(50,), embed_images=True)
    opened = open_prepared(tmp_path / "out", "coco50", tmp_path)  # the folder of the images has no say
    rows = by_id(truth["train"])
    for name in ("full", "point"):
        for row in opened[name]:
            original = Path(rows[row["image_id"]]["image"]["path"])
            assert row["image"] == {"bytes": original.read_bytes(), "path": f"images/{original.name}"}
            assert read_image(row).size == (64, 64)


def test_without_images(shapes, tmp_path, truth):
    shutil.copytree(shapes / "annotations", tmp_path / "coco" / "annotations")
    with pytest.raises(FileNotFoundError, match="no image folder"):
        prepare_coco(tmp_path / "coco", tmp_path / "out")
    prepare_coco(tmp_path / "coco", tmp_path / "out", percentages=(50,), check_images=False)
    row = open_prepared(tmp_path / "out", "coco50")["full"][0]
    assert row["image"]["path"] == f"train/{row['file_name']}"
    assert row["objects"] == by_id(truth["train"])[row["image_id"]]["objects"]


def test_files_of_bounded_size(shapes, tmp_path, monkeypatch, truth):
    monkeypatch.setattr(prepared_writing, "_BYTES_PER_FILE", 1)
    monkeypatch.setattr(prepared_writing, "_ROWS_PER_CHUNK", 3)
    prepare_coco(shapes, tmp_path / "out", percentages=(50,))
    assert len(prepared_files(tmp_path / "out")["all"]["train"]) == 4  # of 3, 1, 3 and 1 rows
    assert by_id(open_prepared(tmp_path / "out", "all", shapes)["train"]) == by_id(truth["train"])


def test_images_that_cannot_be_stored(shapes, tmp_path, truth):
    shutil.copytree(shapes / "annotations", tmp_path / "coco" / "annotations")
    with pytest.raises(
        FileNotFoundError, match=r"train_0000\d.png: image file not found; it is only required with embed_images"
    ):
        prepare_coco(tmp_path / "coco", tmp_path / "out", check_images=False, embed_images=True)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ValueError, match="lies outside .*elsewhere"):
        write_files(tmp_path, {"a": {"full": Split(truth["train"], [0])}}, tmp_path / "elsewhere")


def test_nothing_is_overwritten_and_nothing_half_written_stays(shapes, tmp_path, folder):
    before = sorted(path.name for path in (folder / "data").iterdir())
    with pytest.raises(ValueError, match="is not empty; choose another"):
        prepare_coco(shapes, folder)
    assert sorted(path.name for path in (folder / "data").iterdir()) == before
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "out") as unfinished:
        (unfinished / "a").write_text("a")
        raise RuntimeError
    assert not list(tmp_path.iterdir())
    (tmp_path / "out").mkdir()
    with whole_folder(tmp_path / "out") as unfinished:
        (unfinished / "a").write_text("a")
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "a"]


def test_a_split_without_rows_is_left_out(truth, tmp_path, shapes):
    rows = rows_on_disk(iter(truth["train"]), class_names(truth["train"]), tmp_path / "rows.arrow")
    assert list(rows) == list(truth["train"])
    configs = {
        "a": {"full": Split(rows, [2, 0]), "point": Split(rows, [], points_only=True)},
        "b": {"x": Split(rows, [])},
    }
    contents = write_files(tmp_path, configs, shapes)
    assert contents.files == {"a": {"full": ["data/full-000-000.arrow"]}}
    assert contents.counts["data/full-000-000.arrow"]["images", "full"] == 2


def test_the_card_says_what_there_is(folder, truth):
    card = (folder / "README.md").read_text("utf-8")
    split = split_supervision(truth["train"], 0.1, seed=1)
    objects = {name: sum(len(row["objects"]) for row in rows) for name, rows in split.items()}
    assert f"| `coco10` | `full` | 1 | 1 | 0 | 0 | 0 | {objects['full']} | 0 | 0 | 0 |" in card
    assert f"| `coco10` | `point` | 7 | 0 | 7 | 0 | 0 | 0 | {objects['point']} | 0 | 0 |" in card
    counts = [0, 0]
    for place, name in enumerate(("full", "point")):
        counts[place] = sum(item["category"] == 0 for row in split[name] for item in row["objects"])
    assert f"| {class_names(truth['train'])[0]} | {counts[0]} | {counts[1]} |" in card
    assert "license: cc-by-4.0" in card and "seed 1" in card and "## License" in card
    assert "`instances_train.json`: 8 images" in card


# -- the authors' subsets ---------------------------------------------------------------------------------------------


def write_subsets(shapes: Path, folder: Path, percentage: int, strong: list[int]) -> None:
    content = json.loads((shapes / "annotations" / "instances_train.json").read_text())
    for kind in "sw":
        images = [image for image in content["images"] if (image["id"] in strong) == (kind == "s")]
        ids = {image["id"] for image in images}
        annotations = [item for item in content["annotations"] if item["image_id"] in ids]
        file = folder / f"instances_train2017_{percentage}p_{kind}.json"
        file.write_text(json.dumps({**content, "images": images, "annotations": annotations}))


def test_the_authors_draw(shapes, tmp_path, truth):
    ids = truth["train"]["image_id"]
    write_subsets(shapes, tmp_path, 10, ids[3:5])
    write_subsets(shapes, tmp_path, 50, ids[:4])  # not nested
    prepare_coco(shapes, tmp_path / "out", subsets_dir=tmp_path)
    assert list(prepared_files(tmp_path / "out")) == CONFIGS
    for percentage, strong in ((10, ids[3:5]), (50, ids[:4])):
        opened = open_prepared(tmp_path / "out", f"coco{percentage}", shapes)
        assert set(opened["full"]["image_id"]) == set(strong)
        assert set(opened["point"]["image_id"]) == set(ids) - set(strong)
        rows = by_id(truth["train"])
        assert all(row == rows[row["image_id"]] for row in opened["full"])
    assert not set(open_prepared(tmp_path / "out", "train5k")["truth"]["image_id"]) & set(ids[:5])
    assert "instances_train2017_10p_s.json" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_subset_files_that_do_not_fit(shapes, tmp_path):
    with pytest.raises(FileNotFoundError, match="has no subset files of 10%"):
        prepare_coco(shapes, tmp_path / "out", percentages=(10,), subsets_dir=tmp_path)
    (tmp_path / "instances_train2017_10p_s.json").write_text('{"images": [{"id": 424242}]}')
    with pytest.raises(FileNotFoundError, match="instances_train2017_10p_s.json of 10%; a subset is one file"):
        prepare_coco(shapes, tmp_path / "out", percentages=(10,), subsets_dir=tmp_path)
    weak = tmp_path / "instances_train2017_10p_w.json"
    weak.write_text('{"images": []}')
    with pytest.raises(ValueError, match=r"10p_s.json: image 424242 .* is not among the training images"):
        prepare_coco(shapes, tmp_path / "out", percentages=(10,), subsets_dir=tmp_path)
    for content in ("[]", '{"images": [{"name": 1}]}', "{", '{"images": 3}'):
        weak.write_text(content)
        with pytest.raises(ValueError, match=r"10p_w.json: not a COCO file"):
            prepare_coco(shapes, tmp_path / "out", percentages=(10,), subsets_dir=tmp_path, skip_bad=True)
    assert not (tmp_path / "out").exists() and not (tmp_path / "unfinished-out").exists()


# -- bad records ------------------------------------------------------------------------------------------------------


def damage(shapes: Path, folder: Path, change) -> Path:
    shutil.copytree(shapes, folder)
    file = folder / "annotations" / "instances_train.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return folder


DAMAGES = {
    "point outside": lambda content: content["annotations"][3].update(point=[float("nan"), 3]),
    "category": lambda content: content["annotations"][0].update(category_id=77),
    "unknown image": lambda content: content["annotations"][5].update(image_id=999),
    "size": lambda content: content["images"][2].update(width=65),
    "file": lambda content: content["images"][0].update(file_name="gone.png"),
    "image twice": lambda content: content["images"].append(content["images"][0]),
    "no object": lambda content: content["annotations"].insert(2, 7),
}


@pytest.mark.parametrize("kind", DAMAGES)
def test_bad_records_are_named_as_load_coco_names_them(shapes, tmp_path, kind):
    root = damage(shapes, tmp_path / "coco", DAMAGES[kind])
    file, images = root / "annotations" / "instances_train.json", root / "images"
    with pytest.raises((ValueError, FileNotFoundError)) as expected:
        load_coco(file, images)
    with pytest.raises(type(expected.value)) as caught:
        prepare_coco(root, tmp_path / "out", percentages=(50,))
    assert str(caught.value) == str(expected.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["coco"]
    rows = load_coco(file, images, skip_bad=True)
    prepare_coco(root, tmp_path / "out", percentages=(50,), skip_bad=True)
    assert by_id(open_prepared(tmp_path / "out", "all", root)["train"]) == by_id(rows)
    assert "1 × " in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_memory_does_not_grow_with_the_file(shapes, tmp_path):
    record = json.loads((shapes / "annotations" / "instances_train.json").read_text())

    def peak(count: int) -> int:
        images = [{**record["images"][0], "id": number, "file_name": f"{number}.png"} for number in range(count)]
        annotation = {**record["annotations"][0], "note": "x" * 200_000}
        annotations = [{**annotation, "id": number, "image_id": number} for number in range(count)]
        file = tmp_path / f"{count}.json"
        file.write_text(json.dumps({**record, "images": images, "annotations": annotations}))
        del annotations, annotation
        tracemalloc.start()
        names, rows = read_coco(file, tmp_path, check_images=False)
        assert len(rows_on_disk(rows, names, tmp_path / f"{count}.arrow")) == count
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return memory

    assert peak(110) - peak(10) < 0.1 * 100 * 200_000


# -- the Hub ----------------------------------------------------------------------------------------------------------


def test_push_and_open_again(hub, folder, shapes):
    push_prepared(folder, "tester/shapes")
    opened = open_prepared(folder, "coco10", shapes)
    for again in (open_prepared("tester/shapes", "coco10", shapes), open_prepared("tester/shapes", "coco10", shapes)):
        assert list(again) == list(opened)
        assert all(list(again[name]) == list(opened[name]) for name in opened)
    loaded = load_dataset("tester/shapes", "coco10", split="full")
    assert list(loaded) == list(open_prepared(folder, "coco10")["full"])
    streamed = load_dataset("tester/shapes", "train5k", split="point", streaming=True)
    assert list(streamed) == list(open_prepared(folder, "train5k")["point"])
    assert loaded.features == streamed.features == opened["full"].features


def test_a_second_push_replaces_the_first(hub, folder, shapes, tmp_path):
    from huggingface_hub import HfApi

    push_prepared(folder, "tester/shapes", private=True)
    prepare_coco(shapes, tmp_path / "out", percentages=(50,), embed_images=True)
    push_prepared(tmp_path / "out", "tester/shapes")
    names = HfApi().list_repo_files("tester/shapes", repo_type="dataset")
    expected = {path.removesuffix(".arrow") + ".parquet" for splits in prepared_files(tmp_path / "out").values()
                for paths in splits.values() for path in paths}  # fmt: skip
    assert {name for name in names if name.startswith("data/")} == expected
    row = open_prepared("tester/shapes", "coco50")["point"][0]
    assert read_image(row).size == (64, 64) and row["image"]["bytes"]
    assert isinstance(PILImage.open(shapes / row["image"]["path"]), PILImage.Image)


def test_a_push_that_fails_says_that_nothing_is_lost(hub, folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.reader_token)
    with pytest.raises(PushError, match=r"tester/shapes: upload failed \(403 .* Nothing is lost, .*push_prepared\("):
        push_prepared(folder, "tester/shapes")
    assert open_prepared(folder, "coco10")
