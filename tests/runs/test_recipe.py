# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
import configparser
import os
from pathlib import Path

import pytest

from helpers.paths import EXAMPLES, ROOT
from pointwssis.ops.user_error import UserError
from pointwssis.runs.named_recipes import RECIPE_FOLDER, find_recipe, named_recipes, summary_line
from pointwssis.runs.recipe import STAGES, Recipe
from pointwssis.runs.recipe_values import parse_overrides
from pointwssis.runs.segmenter_stage import step_of
from pointwssis.runs.stage_arguments import refiner_settings, training_arguments
from pointwssis.training.arguments import MASK_REFINE_NET_ARGUMENTS
from pointwssis.training.learning_rate import warmup_multistep_factor


def written(path: Path, text: str) -> Path:
    (path / "recipe.yaml").write_text(text, encoding="utf-8")
    return path / "recipe.yaml"


@pytest.mark.parametrize("name", named_recipes())
def test_our_recipes_load_and_survive_the_round_trip(name, tmp_path):
    recipe = Recipe.load(name)
    recipe.save(tmp_path / "again.yaml")
    assert Recipe.load(tmp_path / "again.yaml") == recipe


# -- recipes of the package


def test_recipes_are_found_by_name_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {"coco10", "demo", "nuclei", "nuclei_gpu", "own_data", "shapes"} <= set(named_recipes())
    assert Recipe.from_arguments(["nuclei", "--seed", "4"]).seed == 4
    assert Recipe.load("coco10").backbone_name_or_path == "microsoft/resnet-101"


def test_a_file_takes_precedence_over_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nuclei").write_text("seed: 77")
    assert Recipe.load("nuclei").seed == 77


@pytest.mark.parametrize("name", ["nuclie", "nuclei.yml", "examples/recipes/nuclei.yaml"])
def test_a_wrong_name_suggests_the_right_one(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="neither a recipe file nor the name of a recipe; did you mean 'nuclei'?"):
        find_recipe(name)


def test_every_recipe_says_what_it_is_for():
    lines = {name: summary_line(path) for name, path in named_recipes().items()}
    assert all(30 < len(line) <= 100 and line.endswith(".") for line in lines.values()), lines


def test_the_wheel_carries_the_recipes():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    patterns = settings["options.package_data"]["pointwssis"].split()
    package = RECIPE_FOLDER.parents[1]
    carried = {path for pattern in patterns for path in package.glob(pattern)}
    assert set(RECIPE_FOLDER.iterdir()) <= carried


def test_the_examples_show_the_recipes_of_the_package():
    link = EXAMPLES / "recipes"
    assert link.is_symlink() and not Path(os.readlink(link)).is_absolute()
    assert link.resolve() == RECIPE_FOLDER.resolve()


def test_round_trip_of_unusual_values(tmp_path):
    recipe = Recipe(
        data_dir="Zellen/über: #1",
        labeled_fraction=None,
        seed=0,
        stages=["student"],
        max_steps=1,
        image_size={"shortest_edge": 64},
        pad_size={"height": 64, "width": 96},
        train_shortest_edges=[64, 96],
        training={"learning_rate": 1e-05, "optim_args": None, "bf16": True, "max_steps": 10},
        rough_fractions=[1 / 3, 1.0],
        bf16=False,
    )
    recipe.save(tmp_path / "recipe.yaml")
    assert Recipe.load(tmp_path / "recipe.yaml") == recipe


def test_an_empty_file_is_the_default_recipe(tmp_path):
    assert Recipe.load(written(tmp_path, "# nothing\n")) == Recipe()
    assert Recipe().stages == list(STAGES)


def test_overrides_reach_into_mappings_and_leave_the_rest(tmp_path):
    path = written(tmp_path, "seed: 3\nmodel: {fpn_channels: 64, backbone_config: {model_type: resnet}}\n")
    words = ["--seed=5", "--model.fpn_channels", "32", "--model.backbone_config.depths=[1, 1, 1, 1]", "--skip_bad"]
    words += ["--labeled-fraction", "0", "--training.learning_rate", "1e-4", "--training.milestones", "[]"]
    recipe = Recipe.from_arguments([str(path), *words])
    assert (recipe.seed, recipe.skip_bad, recipe.labeled_fraction) == (5, True, 0.0)
    assert recipe.model == {
        "fpn_channels": 32,
        "backbone_config": {"model_type": "resnet", "depths": [1, 1, 1, 1]},
    }
    assert recipe.training == {"learning_rate": 0.0001, "milestones": []}


def test_overriding_one_entry_of_a_default_mapping_keeps_the_others(tmp_path):
    recipe = Recipe.load(written(tmp_path, ""), {"image_size.shortest_edge": "400"})
    assert recipe.image_size == {"shortest_edge": 400, "longest_edge": 1333}
    assert Recipe().image_size == {"shortest_edge": 800, "longest_edge": 1333}


@pytest.mark.parametrize(
    ("text", "value"), [("1e-4", 1e-4), ("1.5e4", 1.5e4), ("-2E+1", -20.0), (".5e1", 5.0), ("3", 3), ("e1", "e1")]
)
def test_numbers_with_exponents_are_numbers(tmp_path, text, value):
    recipe = Recipe.load(written(tmp_path, f"training: {{learning_rate: {text}}}\n"))
    assert recipe.training["learning_rate"] == value
    assert Recipe.load(written(tmp_path, ""), {"training.x": text}).training["x"] == value


@pytest.mark.parametrize("text", ["teacher,rough", "[teacher, rough]", "teacher, rough"])
def test_stages_may_be_words_or_a_list(tmp_path, text):
    assert Recipe.load(written(tmp_path, ""), {"stages": text}).stages == ["teacher", "rough"]


@pytest.mark.parametrize("text", ["2024", "[x", "a: b", "#1", "true", "@folder", "*"])
def test_a_path_is_taken_as_it_is_written(tmp_path, text):
    recipe = Recipe.load(written(tmp_path, ""), {"data_dir": text, "output_dir": text})
    assert (recipe.data_dir, recipe.output_dir) == (text, text)


def test_null_takes_a_setting_back(tmp_path):
    path = written(tmp_path, "data_dir: data\nlabeled_fraction: 0.5\n")
    recipe = Recipe.load(path, {"data_dir": "null", "labeled_fraction": "null", "train_annotations": "a.json"})
    assert (recipe.data_dir, recipe.labeled_fraction, recipe.train_annotations) == (None, None, "a.json")


def test_loading_leaves_the_given_mapping_alone():
    values = {"model": {"fpn_channels": 8}}
    Recipe.from_values(values, {"model.fpn_channels": "16", "seed": "4"})
    assert values == {"model": {"fpn_channels": 8}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sead: 1", r"recipe.yaml: line 1: sead: unknown key; did you mean 'seed'\?"),
        ("qqq: 1", "qqq: unknown key$"),
        ("1: 2", "unknown key 1"),
        ("seed: one", r"seed is 'one' \(str\); expected int"),
        ("seed: 1.5", r"seed is 1.5 \(float\); expected int"),
        ("seed: true", r"seed is True \(bool\); expected int"),
        ("seed: -1", "seed is -1; it must be an integer from 0 to 2,147,483,647"),
        ("seed: 99999999999", "seed is 99999999999; it must be an integer from 0"),
        ("seed: 1\nseed: 2", "key 'seed' is given twice.*line 2"),
        ("labeled_fraction: ten", "expected float or null"),
        ("labeled_fraction: 10", "labeled_fraction is 10.0; it must be a fraction of the images, from 0 to 1"),
        ("labeled_fraction: .nan", "labeled_fraction is nan"),
        ("stages: teacher", "stages is 'teacher'"),
        ("stages: [teecher]", r"stages: \['teecher'\]; expected any of teacher, rough"),
        ("stages: []", r"stages: \[\]"),
        ("stages: [tea--cher]", r"recipe.yaml: line 1: stages: \['tea--cher'\]; expected any of teacher"),
        ("max_steps: 0", "max_steps is 0; it must be an integer from 1 to"),
        ("max_detections: 0", "max_detections is 0"),
        ("full_repeats: 0", "full_repeats is 0"),
        ("rough_fractions: []", r"rough_fractions is \[\]"),
        ("rough_fractions: [0.5, 1.5]", "rough_fractions is .*0 < fraction ≤ 1"),
        ("rough_fractions: [half]", r"rough_fractions\[0\] is 'half'"),
        ("image_size: 512", "image_size is 512"),
        ("image_size: {height: 64, width: 64}", "image_size is .*expected shortest_edge, longest_edge in pixels"),
        ("image_size: {longest_edge: 64}", "expected shortest_edge"),
        ("image_size: {shortest_edge: 0}", "image_size is"),
        ("image_size: {shortest_edge: 64, longest_edge: 32}", "longest_edge is 32; it must be at least shortest_edge"),
        ("image_size: {shortest_edge: 1000000}", "shortest_edge is 1000000; it must be .* from 1 to 16,384"),
        ("image_size: {shortest_edge: small}", r"image_size.shortest_edge is 'small'"),
        ("pad_size: {height: 64}", "pad_size is .*expected height, width in pixels"),
        ("train_shortest_edges: [64, 0]", "train_shortest_edges is"),
        ("augmentation: {flip: 0.5}", "line 1: augmentation.flip: unknown key"),
        ("augmentation: {horizontl_flip: 0.5}", "did you mean 'horizontal_flip'"),
        ("augmentation: {copy_paste: 1.5}", "augmentation.copy_paste is 1.5; it must be a probability"),
        ("augmentation: {scale_jitter: 0.5}", "augmentation.scale_jitter is 0.5; it must be at least 1"),
        ("augmentation: {horizontal_flip: 2}", "augmentation.horizontal_flip is 2.0; it must be a probability"),
        ("augmentation: {brightness: .nan}", "augmentation.brightness is nan"),
        ("augmentation: {scale_jitter: .inf}", "augmentation.scale_jitter is inf"),
        ("label_scales: [.inf]", "label_scales is .*above 0 and at most 16"),
        ("threads: 100000", "threads is 100000; it must be an integer from 1 to 1,024"),
        ("augmentation: {rotate90: 3}", "augmentation.rotate90 is 3"),
        ("refiner: {perturb: 2.0}", "perturb is 2.0; it must lie between 0 and 1"),
        ("refiner: {drop_rough: much}", "refiner.drop_rough is 'much'"),
        ("model: 3", r"model is 3 \(int\); expected mapping"),
        ("model:", "model is None"),
        ("label_map: {1: car}", r"line 1: label_map has the key 1 \(int\); put it in quotes"),
        ("label_map: {no: norway}", r"label_map has the key False \(bool\); put it in quotes"),
        ("data_dir: a\ntrain_annotations: b", "keep one of them and set the other to null"),
        ("- a\n- b", "holds a list; a recipe is a mapping"),
        ("a: [", "not valid YAML"),
    ],
)
def test_every_bad_value_is_one_clear_error(tmp_path, text, message):
    with pytest.raises(UserError, match=message):
        Recipe.load(written(tmp_path, text))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "the first argument must be a recipe"),
        (["--seed", "2"], "the first argument must be a recipe"),
        (["{path}", "seed", "2"], "unexpected argument 'seed'"),
        (["{path}", "--seed.x", "2"], "--seed.x: seed is not a mapping, so it has no x"),
        (["{path}", "--model.backbone_config.depths.first", "2"], "depths is not a mapping, so it has no first"),
        (["{path}", "--model", "{{"], "--model .*not valid YAML"),
        (["{path}", "--seeed", "2"], "did you mean 'seed'"),
        (["{path}", "--seed"], "seed is True"),
    ],
)
def test_bad_command_lines(tmp_path, words, message):
    path = written(tmp_path, "seed: 1\nmodel: {backbone_config: {depths: [1]}}\n")
    with pytest.raises(UserError, match=message):
        Recipe.from_arguments([word.format(path=path) for word in words])


def test_a_missing_file():
    with pytest.raises(FileNotFoundError, match=r"nowhere\.yaml: neither a recipe file nor .*`pointwssis recipes`"):
        Recipe.load("nowhere.yaml")


def test_values_of_overrides_may_be_negative_and_keys_may_have_dashes():
    words = ["--a-b", "-1", "--c=x=y", "--d", "--e", ""]
    assert parse_overrides(words) == {"a_b": "-1", "c": "x=y", "d": "true", "e": ""}


@pytest.mark.parametrize(
    ("word", "files"),
    [("masks.json", "masks.json"), ("masks.json, clicks.csv", ["masks.json", "clicks.csv"]), ("null", None)],
)
def test_several_files_are_a_list(tmp_path, word, files):
    path = written(tmp_path, "train_annotations: other.json\n")
    assert Recipe.load(path, {"train_annotations": word}).train_annotations == files


def test_pushing_needs_a_repository():
    with pytest.raises(ValueError, match="hub_model_id"):
        Recipe(push_to_hub=True)


# -- recipes that start from another one


def test_a_recipe_starts_from_its_base(tmp_path):
    path = written(tmp_path, "base: coco10\nseed: 7\nteacher: {max_steps: 5}\nstages: [teacher]")
    recipe, base = Recipe.load(path), Recipe.load("coco10")
    assert (recipe.seed, recipe.stages, recipe.labeled_fraction) == (7, ["teacher"], base.labeled_fraction)
    assert recipe.teacher == {**base.teacher, "max_steps": 5}
    # What is saved with a run needs no other file.
    recipe.save(tmp_path / "saved.yaml")
    assert (
        "base" not in (tmp_path / "saved.yaml").read_text().split() and Recipe.load(tmp_path / "saved.yaml") == recipe
    )


def test_a_base_that_cannot_be(tmp_path):
    path = written(tmp_path, "base: coco11")
    with pytest.raises(UserError, match="coco11: neither a recipe file nor the name of a recipe"):
        Recipe.load(path)
    path.write_text(f"base: {path}")
    with pytest.raises(UserError, match="a recipe cannot start from itself"):
        Recipe.load(path)
    path.write_text("base: [coco10]")
    with pytest.raises(UserError, match="base is .'coco10'.; it must be the name or the path of a recipe"):
        Recipe.load(path)


# The authors' scripts: iterations, those of both milestones, and those of the weights that predict rough masks.
OFFICIAL = {
    1: (10_001, 5_000, 8_000, 4_999, 9_999),
    2: (25_001, 15_000, 20_000, 9_999, 19_999),
    5: (30_001, 20_000, 25_000, 14_999, 24_999),
    10: (45_001, 35_000, 40_000, 29_999, 39_999),
    20: (120_001, 90_000, 110_000, 69_999, 99_999),
    30: (160_001, 120_000, 150_000, 99_999, 129_999),
    50: (270_001, 210_000, 250_000, 179_999, 239_999),
}


@pytest.mark.parametrize("percentage", OFFICIAL)
def test_recipes_of_coco_have_the_official_schedules(percentage, tmp_path):
    recipe = Recipe.load(f"coco{percentage}")
    assert recipe.labeled_fraction == percentage / 100 and recipe.train_shortest_edges == [640, 672, 704, 736, 768, 800]
    total, *milestones, first_rough, second_rough = OFFICIAL[percentage]
    teacher = training_arguments(recipe, tmp_path, recipe.training, recipe.teacher)
    assert (teacher.max_steps, drops(teacher)) == (total, milestones)
    assert (teacher.learning_rate, teacher.warmup_steps, teacher.warmup_factor) == (0.05, 3000, 0.01)
    assert [step_of(fraction, total) for fraction in recipe.rough_fractions] == [first_rough, second_rough]
    student = training_arguments(recipe, tmp_path, recipe.training, recipe.student)
    assert (student.max_steps, drops(student), student.learning_rate) == (270_000, [210_000, 250_000], 0.01)
    # 16 images per step, on whatever number of processes
    assert student.per_device_train_batch_size * student.gradient_accumulation_steps == 16
    refiner = training_arguments(recipe, tmp_path, MASK_REFINE_NET_ARGUMENTS, refiner_settings(recipe))
    assert (refiner.max_steps, refiner.learning_rate, refiner.gradient_accumulation_steps) == (200_000, 1e-4, 8)


def drops(arguments) -> list[int]:
    """Return the steps at which the learning rate falls."""
    options = {"gamma": arguments.gamma, "warmup_steps": 0, "warmup_factor": 1.0}
    return [
        next(
            step
            for step in range(round(milestone * arguments.max_steps) - 3, arguments.max_steps)
            if warmup_multistep_factor(step, arguments.max_steps, [milestone], **options) < 1
        )
        for milestone in arguments.milestones
    ]


def test_the_other_recipes_at_full_scale():
    assert {f"coco{percentage}" for percentage in (*OFFICIAL, 40, 100)} <= set(named_recipes())
    assert "interpolated" in named_recipes()["coco40"].read_text()
    assert Recipe.load("coco100").stages == ["upper_bound"] and Recipe.load("coco100").labeled_fraction == 1
    for size in (7, 20, 40, 67):
        recipe = Recipe.load(f"bdd100k_{size}k")
        assert recipe.dataset_config == f"bdd{size}k" and recipe.labeled_fraction is None


@pytest.mark.parametrize("key", ["train_annotations", "output_dir"])
def test_paths_that_are_empty(tmp_path, key):
    with pytest.raises(UserError, match=f"{key} is empty; give a path"):
        Recipe.load(written(tmp_path, f"{key}: ''\n"))


def test_a_file_with_a_comma_in_its_name(tmp_path):
    path = tmp_path / "a,b.json"
    path.touch()
    overrides = {"train_annotations": str(path)}
    assert Recipe.from_values({}, overrides, "options").train_annotations == str(path)
    overrides = {"train_annotations": f"{path},{tmp_path / 'c.csv'}"}
    assert len(Recipe.from_values({}, overrides, "options").train_annotations) == 3


def test_a_key_with_a_dot_belongs_into_its_mapping():
    with pytest.raises(
        UserError, match="unknown key 'training.max_steps'; in a file, write 'max_steps' below training"
    ):
        Recipe.from_values({"training.max_steps": 3}, {}, "mine.yaml")


def test_a_list_of_files_with_a_comma_too_many():
    with pytest.raises(UserError, match="train_annotations has an empty entry; give a path"):
        Recipe.from_values({}, {"train_annotations": "a.json,"}, "options")


def test_a_saved_recipe_keeps_texts_that_look_like_numbers(tmp_path):
    values = {"label_map": {"1e3": "2E5", "no": "1"}, "output_dir": "4e2", "train_annotations": "1e-4"}
    Recipe(**values).save(tmp_path / "recipe.yaml")
    loaded = Recipe.load(tmp_path / "recipe.yaml")
    assert {key: getattr(loaded, key) for key in values} == values


def test_paths_are_expanded_as_by_a_shell(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DATA", "/data")
    recipe = Recipe.from_values({"image_dir": "~/images", "train_annotations": ["$DATA/a.json"], "output_dir": "~/o"})
    assert recipe.image_dir == f"{tmp_path}/images" and recipe.output_dir == f"{tmp_path}/o"
    assert recipe.train_annotations == ["/data/a.json"]


@pytest.mark.parametrize("key", ["image_dir", "output_dir", "train_annotations"])
def test_a_path_without_its_value(key):
    with pytest.raises(UserError, match=f"--{key} has no value"):
        Recipe.from_arguments(["nuclei", f"--{key}"])
