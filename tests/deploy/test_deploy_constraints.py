"""What the images install is fixed to the last digit, and is what the tests were run with."""

import re
import tomllib

from deploy_files import DEPLOY, ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TORCH = {"torch", "torchaudio", "torchcodec"}
# What torch 2.8 brings along on a GPU.
WITH_TORCH = re.compile(r"nvidia-.*-cu12|nvidia-cusparselt-cu12|triton|setuptools")


def pins(path):
    """The exact versions in a file, by name."""
    lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.!]+", line)] == []
    return {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}


OURS, GPU = pins(ROOT / "constraints.txt"), pins(DEPLOY / "constraints-gpu.txt")


def test_the_image_for_gpus_has_all_that_the_production_profile_asks_for_in_versions_that_suit_it():
    project = PROJECT["project"]
    asked = [
        Requirement(line) for line in (*project["dependencies"], *project["optional-dependencies"]["xtts"])
    ]
    unsuited = [
        str(one) for one in asked if not one.specifier.contains(GPU.get(canonicalize_name(one.name), "0"))
    ]
    assert unsuited == []


def test_it_differs_from_what_is_tested_in_torch_and_what_comes_with_torch_alone():
    assert {name for name in GPU if OURS.get(name) != GPU[name] and not WITH_TORCH.fullmatch(name)} == TORCH
    assert pins(DEPLOY / "constraints-gpu.in") == {name: GPU[name] for name in TORCH}


def test_it_has_one_cuda_and_that_is_the_one_that_ctranslate2_opens():
    assert [name for name in GPU if re.fullmatch(r"nvidia-cublas.*", name)] == ["nvidia-cublas-cu12"]
    assert GPU["nvidia-cublas-cu12"].startswith("12.")


def test_what_builds_the_wheel_is_fixed_as_well():
    built_with = pins(DEPLOY / "constraints-build.txt")
    (backend,) = (Requirement(line) for line in PROJECT["build-system"]["requires"])
    assert backend.specifier.contains(built_with[backend.name])
    assert {name: OURS[name] for name in built_with if name in OURS}.items() <= built_with.items()
