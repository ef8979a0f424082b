"""The word of warning before a quota is used up."""

from sts_actors.engines.quota import Quota, QuotaWatch
from sts_actors.errors import WarningCode


def test_at_nine_tenths_it_is_said_once():
    said = []
    watch = QuotaWatch(on_near=said.append)
    for used in (0, 899, 900, 950, 1000, 1100):
        watch.told(Quota(used, 1000))
    (warning,) = said
    assert warning.code is WarningCode.QUOTA_NEAR_LIMIT == "QUOTA_NEAR_LIMIT"
    assert warning.message == "90% of the translation quota is used: 900 of 1000 characters"


def test_a_new_period_is_warned_of_anew():
    said = []
    watch = QuotaWatch(on_near=said.append)
    for used in (950, 10, 900):
        watch.told(Quota(used, 1000))
    assert len(said) == 2


def test_those_who_come_later_see_what_holds_now():
    watch = QuotaWatch()
    assert (watch.quota, watch.warning) == (None, None)
    watch.told(Quota(990, 1000))
    assert "990 of 1000" in watch.warning.message
    watch.told(Quota(10, 1000))
    assert (watch.quota, watch.warning) == (Quota(10, 1000), None)


def test_a_quota_of_nothing_is_used_up():
    assert Quota(0, 0).share == 1.0
