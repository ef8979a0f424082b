"""What the profiles' models need, and what is said where that is not there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from memory_figures import MIB, Gauge, reading

from sts_actors.app import run_service
from sts_actors.errors import ConfigError, Stage
from sts_actors.memory import Need, check, folder_bytes, needs, plan_memory
from sts_actors.settings import load_settings


def settings(profile="embedded", **overrides):
    return load_settings(profile=profile, overrides=overrides, environment={})


def declared(its, *, cuda=False):
    return needs(its, folder_bytes, cuda=cuda)


def need(stage, steady, loading=None, device="cpu"):
    return Need(
        stage=stage,
        model=stage.value,
        device=device,
        steady_mib=steady,
        loading_mib=steady if loading is None else loading,
    )


def test_the_embedded_profile_starts_on_a_machine_with_four_gigabytes_free():
    its = declared(settings())
    assert [(one.stage, one.device) for one in its] == [(stage, "cpu") for stage in Stage]
    assert check(its, reading(cpu=4096))


def test_the_production_profile_fits_a_card_of_eight_gigabytes_with_two_to_spare():
    its = declared(settings("production"), cuda=True)
    assert {one.device for one in its} == {"cuda:0"}
    assert check(its, reading(gpu=6 * 1024))


def test_a_fake_engine_and_a_service_elsewhere_need_nothing():
    assert declared(settings("fake")) == ()
    assert declared(settings("fake", translation_engine="deepl", deepl_auth_key="k")) == ()


@pytest.mark.parametrize("model", ["tiny", "base", "small", "medium", "large-v3", "large-v3-turbo"])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_smaller_numbers_never_need_more(model, device):
    sizes = [
        declared(settings(asr_model=model, asr_device=device, asr_compute_type=compute_type))[0]
        for compute_type in ("int8_float16", "float16", "float32")
    ]
    assert [one.steady_mib for one in sizes] == sorted(one.steady_mib for one in sizes)
    assert all(one.loading_mib >= one.steady_mib for one in sizes)


def test_a_type_that_the_cpu_cannot_compute_in_is_reckoned_as_what_it_does_instead():
    half, full = (
        declared(settings(asr_model="small", asr_compute_type=name))[0] for name in ("float16", "float32")
    )
    assert half.steady_mib == full.steady_mib


@pytest.mark.parametrize(("compute_type", "item"), [("float32", 172), ("float16", 86)])
def test_every_further_sentence_at_once_is_reckoned(compute_type, item):
    one, eight = (
        declared(settings("production", tts_items_at_once=size, tts_compute_type=compute_type), cuda=True)[-1]
        for size in (1, 8)
    )
    assert eight.steady_mib == one.steady_mib + 7 * item


def test_every_further_request_of_a_batch_is_reckoned():
    one, eight = (declared(settings("production", asr_batch=size), cuda=True)[0] for size in (1, 8))
    assert eight.steady_mib == eight.loading_mib == one.steady_mib + 7 * 351


def test_a_checkpoint_of_the_operators_own_is_reckoned_by_its_files(tmp_path):
    (tmp_path / "model.pth").write_bytes(bytes(4 * MIB))
    its = declared(settings("production", tts_model=str(tmp_path), tts_device="cpu"), cuda=True)[-1]
    assert (its.device, its.steady_mib, its.loading_mib) == ("cpu", 504, 508)


@pytest.mark.parametrize(("cuda", "device"), [(True, "cuda:0"), (False, "cpu")])
def test_a_model_that_may_choose_its_device_takes_the_gpu_where_there_is_one(cuda, device):
    assert declared(settings(asr_device="auto"), cuda=cuda)[0].device == device


def test_kokoro_stays_on_the_cpu_whatever_it_is_told():
    assert declared(settings(tts_device="cuda"), cuda=True)[-1].device == "cpu"


def test_a_folder_of_ones_own_is_reckoned_by_the_size_of_its_files(tmp_path):
    (tmp_path / "model.bin").write_bytes(b"\0")
    (tmp_path / "inside").mkdir()
    assert folder_bytes(str(tmp_path)) == 1
    assert folder_bytes(str(tmp_path / "nowhere")) == folder_bytes("") == 0
    its = settings(asr_model=str(tmp_path), asr_device="cuda", asr_compute_type="float16")
    (whisper, *_) = needs(its, lambda folder: 3000 * MIB, cuda=True)
    assert (whisper.steady_mib, whisper.device) == (3600, "cuda:0")


def test_a_folder_that_is_not_there_is_left_to_whoever_loads_it(tmp_path):
    its = declared(settings(asr_model=str(tmp_path / "nowhere")))
    assert [one.stage for one in its] == [Stage.TRANSLATION, Stage.TTS]


def test_what_does_not_fit_is_one_line_with_the_figures_and_the_remedies():
    its = declared(settings("production", asr_model="large-v3"), cuda=True)
    with pytest.raises(ConfigError) as caught:
        check(its, reading(gpu=5000, total=8192))
    assert str(caught.value) == (
        "the models do not fit into the memory of cuda:0: asr whisper large-v3 float16 4674 + "
        "tts xtts xtts_v2 float16 3170 = 7844 MiB, and 5000 of 8192 MiB are free; take a smaller "
        "ASR_MODEL_SIZE, ASR_COMPUTE_TYPE=int8, another ASR_DEVICE; TTS_COMPUTE_TYPE=float16, fewer "
        "TTS_ITEMS_AT_ONCE, another TTS_DEVICE or TTS_ENGINE; STS_MEMORY_CHECK=false starts anyway"
    )


def test_each_device_is_set_against_its_own_models():
    its = (need(Stage.ASR, 3000, device="cuda:0"), need(Stage.TTS, 3000))
    assert check(its, reading(cpu=3000, gpu=3000))
    with pytest.raises(ConfigError, match=r"^the models do not fit into the memory of cpu: tts.*$") as caught:
        check(its, reading(cpu=2999, gpu=3000))
    assert len(caught.value.args) == 1
    with pytest.raises(ConfigError) as caught:
        check(its, reading(cpu=0, gpu=0))
    assert len(caught.value.args) == 2


def test_a_device_that_cannot_be_seen_is_left_to_the_engine():
    assert check((need(Stage.ASR, 1e9, device="cuda:0"),), reading())


@pytest.mark.parametrize(("free", "together"), [(300, True), (299, False), (200, False)])
def test_models_whose_peaks_do_not_fit_together_are_loaded_one_after_the_other(free, together):
    its = (need(Stage.ASR, 100, 150), need(Stage.TTS, 100, 150))
    assert check(its, reading(cpu=free)) is together


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Stage)), st.integers(0, 100), st.integers(0, 100), st.booleans()),
        max_size=5,
    ),
    st.integers(0, 400),
    st.integers(0, 400),
)
def test_a_start_is_refused_exactly_where_a_device_has_less_than_its_models_need(models, cpu, gpu):
    its = [
        need(stage, steady, steady + more, "cuda:0" if on_gpu else "cpu")
        for stage, steady, more, on_gpu in models
    ]
    free = {"cpu": cpu, "cuda:0": gpu}
    fits = all(sum(one.steady_mib for one in its if one.device == name) <= free[name] for name in free)
    at_once = all(sum(one.loading_mib for one in its if one.device == name) <= free[name] for name in free)
    try:
        together = check(its, reading(cpu=cpu, gpu=gpu))
    except ConfigError:
        together = None
    assert together is (at_once if fits else None)


async def test_the_check_is_turned_off_by_its_setting():
    gauge = Gauge(cpu=1)
    with pytest.raises(ConfigError, match="memory of cpu"):
        await plan_memory(settings(), gauge.read)
    assert (await plan_memory(settings(memory_check=False), gauge.read)).together


async def test_the_watch_gets_the_gpus_in_use_and_the_floor_of_the_settings():
    its = settings("production", memory_floor_mb=3000, gpu_monitoring_interval_s=7.0)
    watch = (await plan_memory(its, Gauge(gpu=40_000).read)).watch
    assert (set(watch.devices), watch.floor_bytes, watch.interval_s) == ({"cuda:0"}, 3000 * MIB, 7.0)
    assert watch.reading.gpus
    assert not (await plan_memory(settings(), Gauge(gpu=40_000).read)).watch.devices


async def test_a_service_that_does_not_fit_stops_before_it_loads_a_model():
    with pytest.raises(ConfigError, match="memory of cpu"):
        await run_service(settings(port=0), read_memory=Gauge(cpu=100).read)
