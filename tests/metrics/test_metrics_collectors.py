"""What is read when Prometheus asks: GPUs, queues, the quota."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from sts_actors.engines.quota import Quota, QuotaWatch
from sts_actors.memory import DeviceMemory, Reading
from sts_actors.metrics import Metrics
from sts_actors.metrics.memory import MemoryCollector
from sts_actors.metrics.queues import SchedulerCollector
from sts_actors.metrics.quota import QuotaCollector
from supervision import QueueStatistics, SchedulerStatistics
from supervision.request_queue import WAIT_BOUNDS_S

HOST = DeviceMemory(device="cpu", total_bytes=100, free_bytes=50)


def collected(collector):
    registry = CollectorRegistry()
    registry.register(collector)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


def gpus(*devices):
    return collected(MemoryCollector(lambda: Reading((HOST, *devices)), dict))


def test_without_a_gpu_that_is_all_that_is_said():
    assert gpus() == {("sts_gpu_available",): 0}


def test_each_gpu_tells_its_memory_and_how_busy_it_is_as_a_ratio_and_in_percent():
    first = DeviceMemory(device="cuda:0", total_bytes=80, free_bytes=20, utilisation=0.25)
    second = DeviceMemory(device="cuda:1", total_bytes=40, free_bytes=40)
    assert gpus(first, second) == {
        ("sts_gpu_available",): 1,
        ("sts_gpu_memory_used_bytes", "cuda:0"): 60,
        ("sts_gpu_memory_used_bytes", "cuda:1"): 0,
        ("sts_gpu_memory_total_bytes", "cuda:0"): 80,
        ("sts_gpu_memory_total_bytes", "cuda:1"): 40,
        ("sts_gpu_utilization_ratio", "cuda:0"): 0.25,
        ("sts_gpu_utilization_percent", "cuda:0"): 25,
    }


def queue(**fields):
    plain = {
        "name": "models/asr",
        "capacity": 8,
        "waiting": 1,
        "waiting_senders": 0,
        "batches_running": 0,
        "served": 0,
        "batch_sizes": (),
        "expired": 0,
        "withdrawn": 0,
        "waits": (0,) * (len(WAIT_BOUNDS_S) + 1),
        "waited_s": 0.0,
        "longest_wait_s": 0.0,
    }
    return QueueStatistics(**{**plain, **fields})


def queues(**fields):
    device = SchedulerStatistics(
        name="device", tokens=8, tokens_free=5, token_seconds=1.5, queues=(queue(**fields),)
    )
    return collected(SchedulerCollector(lambda: device))


@pytest.mark.parametrize(
    ("sizes", "buckets"),
    [
        ((5,), {"1": 5, "+Inf": 5}),
        ((1, 2, 3), {"1": 1, "2": 3, "+Inf": 6}),
        ((1,) * 5, {"1": 1, "2": 2, "4": 4, "+Inf": 5}),
        ((1,) * 64, {"1": 1, "2": 2, "4": 4, "8": 8, "16": 16, "32": 32, "64": 64, "+Inf": 64}),
    ],
)
def test_batches_are_counted_by_size_in_buckets_of_powers_of_two(sizes, buckets):
    found = queues(batch_sizes=sizes, served=9)
    assert {key[2]: value for key, value in found.items() if key[0] == "sts_batch_size_bucket"} == buckets
    assert found["sts_batch_size_sum", "asr"] == 9


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=70))
def test_no_batch_is_counted_twice_or_not_at_all(sizes):
    found = queues(batch_sizes=tuple(sizes))
    buckets = {key[2]: value for key, value in found.items() if key[0] == "sts_batch_size_bucket"}
    assert buckets.pop("+Inf") == sum(sizes)
    assert len(buckets) <= 7
    for bound, count in buckets.items():
        assert count == sum(sizes[: int(bound)])


def test_waiting_is_told_as_a_histogram_with_its_sum():
    found = queues(waits=(1, *(0,) * (len(WAIT_BOUNDS_S) - 1), 2), waited_s=81.5)
    assert found["sts_queue_wait_seconds_bucket", "asr", "0.01"] == 1
    assert found["sts_queue_wait_seconds_bucket", "asr", "30"] == 1
    assert found["sts_queue_wait_seconds_bucket", "asr", "+Inf"] == 3
    assert found["sts_queue_wait_seconds_sum", "asr"] == 81.5


def test_tokens_are_told_by_state_and_all_together():
    found = queues()
    assert (found["sts_engine_tokens", "free"], found["sts_engine_tokens", "used"]) == (5, 3)
    assert found["sts_capacity_tokens",] == 8


def test_what_was_billed_counts_up_and_a_quota_is_shown_where_it_is_known():
    watch = QuotaWatch()
    watch.billed(40)
    watch.billed(2)
    assert collected(QuotaCollector(watch)) == {("sts_deepl_characters_total",): 42}
    watch.told(Quota(900, 1000))
    assert collected(QuotaCollector(watch)) == {
        ("sts_deepl_characters_total",): 42,
        ("sts_deepl_quota_used_characters",): 900,
        ("sts_deepl_quota_limit_characters",): 1000,
    }


def test_restarts_of_models_are_counted_from_nought():
    metrics = Metrics()
    metrics.restarted("model/asr")
    rows = metrics.render().decode().splitlines()
    assert 'sts_actor_restarts_total{actor="model/asr"} 1.0' in rows
    assert 'sts_actor_restarts_total{actor="model/tts"} 0.0' in rows


def test_no_series_says_when_another_was_created():
    metrics = Metrics()
    metrics.rejected("TIMEOUT")
    assert b"_created" not in metrics.render()
