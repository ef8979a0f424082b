"""Dashboard, alert rules and their page: what they ask for is there, and what is there is told of."""

import json
import re

import generate
import monitoring_files as files
import pytest
import yaml

OPERATIONS = (files.ROOT / "docs" / "operations.md").read_text()


@pytest.fixture(scope="module")
def live():
    return files.live_metrics()


@pytest.mark.parametrize(("where", "expression"), files.expressions())
def test_each_expression_is_parsed_and_names_a_metric(where, expression):
    assert list(files.uses(files.parsed(expression)))


def test_each_metric_and_label_of_dashboard_and_alerts_is_told_by_a_running_service(live):
    there = files.series(live)
    for where, expression in files.expressions():
        for use in files.uses(files.parsed(expression)):
            if use.metric in files.PROMETHEUS_S_OWN:
                continue
            assert use.metric in there, f"{where}: there is no {use.metric}"
            missing = use.labels - there[use.metric] - files.TARGET_LABELS
            assert not missing, f"{where}: {use.metric} has no {missing}"


def test_a_metric_or_a_label_that_is_not_there_would_be_seen():
    asked = "sum by (stage, le) (rate(sts_x_bucket{a='b'}[5m])) / max(sts_y) > 0.5"
    assert list(files.uses(files.parsed(asked))) == [
        files.Use("sts_x_bucket", frozenset({"a", "stage", "le"})),
        files.Use("sts_y", frozenset()),
    ]


def test_the_variable_of_the_dashboard_asks_for_a_metric_that_is_there(live):
    variables = json.loads(files.DASHBOARD.read_text())["templating"]["list"]
    (query,) = [variable["query"] for variable in variables if variable["name"] == "instance"]
    metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups()
    assert metric in files.series(live)
    assert label in files.TARGET_LABELS


def test_the_eight_names_of_the_first_quick_start_are_told(live):
    assert files.families(live) >= {
        "sts_fragment_processing_seconds",
        "sts_asr_duration_seconds",
        "sts_translation_duration_seconds",
        "sts_tts_duration_seconds",
        "sts_fragments_in_flight",
        "sts_fragment_errors_total",
        "sts_gpu_utilization_percent",
        "sts_gpu_memory_used_bytes",
    }


def test_the_table_of_metrics_names_all_that_there_are_and_no_other(live):
    table = OPERATIONS.partition("| metric |")[2].partition("\n\n")[0]
    told = re.findall(r"`(sts_\w+)(?:\{([\w,]+)\})?`", table)
    assert {name for name, _ in told} == files.families(live)
    there = files.series(live)
    for name, labels in told:
        its = there[name if name in there else f"{name}_count"]
        assert set(labels.split(",")) - {""} == its, name


def test_what_was_billed_and_the_quota_are_told(live):
    rows = live.splitlines()
    billed = next(row for row in rows if row.startswith("sts_deepl_characters_total "))
    assert float(billed.split()[1]) > 0
    assert any(row.startswith("sts_deepl_quota_limit_characters ") for row in rows)


def test_the_dashboard_is_what_its_generator_writes():
    assert files.DASHBOARD.read_text() == generate.render(), "run: just dashboard"


def test_the_dashboard_has_panels_enough_each_with_its_own_number_and_its_meaning():
    panels = files.panels()
    assert len(panels) >= 20
    every = json.loads(files.DASHBOARD.read_text())["panels"]
    assert len({panel["id"] for panel in every}) == len(every)
    assert len({panel["title"] for panel in panels}) == len(panels)
    assert all(panel["description"] and panel["datasource"]["uid"] == "$datasource" for panel in panels)


def test_a_single_figure_is_the_latest_and_asked_for_once():
    figures = [panel for panel in files.panels() if panel["type"] == "stat"]
    assert figures
    for panel in figures:
        assert panel["options"]["reduceOptions"]["calcs"] == ["lastNotNull"]
        assert all(target["instant"] and not target["range"] for target in panel["targets"])


def test_panels_do_not_lie_on_each_other_and_fit_the_grid():
    taken = set()
    for panel in json.loads(files.DASHBOARD.read_text())["panels"]:
        its = panel["gridPos"]
        x, y = its.get("x", 0), its.get("y", 0)
        cells = {(a, b) for a in range(x, x + its["w"]) for b in range(y, y + its["h"])}
        assert x + its["w"] <= 24, panel["title"]
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("alert", files.alerts(), ids=lambda alert: alert["alert"])
def test_each_alert_has_a_severity_and_a_heading_in_the_operations_page(alert):
    assert alert["labels"]["severity"] in {"warning", "critical"}
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert page == "docs/operations.md"
    assert anchor == alert["alert"].lower()
    assert re.search(rf"(?mi)^### {anchor}$", OPERATIONS)


def test_the_operations_page_explains_no_alert_that_does_not_exist():
    headings = set(re.findall(r"(?m)^### (Sts\w+)$", OPERATIONS))
    assert headings == {alert["alert"] for alert in files.alerts()}


def test_each_alert_is_seen_firing_in_a_test_of_its_own():
    tests = yaml.safe_load((files.PROMETHEUS / "alerts_test.yml").read_text())["tests"]
    fired = {rule["alertname"] for test in tests for rule in test["alert_rule_test"] if rule["exp_alerts"]}
    assert fired == {alert["alert"] for alert in files.alerts()}
    # And passed over: other series than those of the instance that it fires for.
    assert all(any('instance="b"' in series["series"] for series in test["input_series"]) for test in tests)


def test_grafana_is_given_the_source_and_the_folder_with_the_interval_of_the_scrapes():
    (source,) = yaml.safe_load(
        (files.GRAFANA / "provisioning" / "datasources" / "prometheus.yml").read_text()
    )["datasources"]
    (provider,) = yaml.safe_load(
        (files.GRAFANA / "provisioning" / "dashboards" / "sts_actors.yml").read_text()
    )["providers"]
    scraping = yaml.safe_load((files.PROMETHEUS / "prometheus.yml").read_text())
    assert source["type"] == "prometheus"
    assert source["jsonData"]["timeInterval"] == scraping["global"]["scrape_interval"]
    assert provider["options"]["path"].rpartition("/")[2] == files.DASHBOARD.parent.name
    assert "sts_actors" in {job["job_name"] for job in scraping["scrape_configs"]}
