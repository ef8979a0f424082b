"""What dashboard and alert rules ask Prometheus for, and what a running service has to tell it."""

import json
import re
from functools import partial
from pathlib import Path

import attrs
import promql_parser
import trio
import yaml
from deepl_stand_in import open_deepl_stand_in
from memory_figures import MIB
from prometheus_client.parser import text_string_to_metric_families
from running import QUICK, dub, dubbing, http_get, marked

from sts_actors.app import run_service
from sts_actors.client import Processed
from sts_actors.memory import DeviceMemory, Reading
from sts_actors.settings import load_settings

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD = GRAFANA / "dashboards" / "sts_actors.json"
PROMETHEUS_S_OWN = {"up"}
"""Made by Prometheus itself for each target."""
TARGET_LABELS = {"instance", "job"}
"""Added by Prometheus to each series."""


@attrs.frozen
class Use:
    """A metric that an expression names, with the labels that it expects it to have."""

    metric: str
    labels: frozenset


def alerts():
    """The rules, in order."""
    (group,) = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return group["rules"]


def panels():
    """Those that show something, as Grafana reads them."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def expressions():
    """All that is asked, with where."""
    found = [(f"panel {panel['title']}", target["expr"]) for panel in panels() for target in panel["targets"]]
    return found + [(f"alert {alert['alert']}", alert["expr"]) for alert in alerts()]


def parsed(expression):
    """An expression, with Grafana's variables put in."""
    return promql_parser.parse(expression.replace("$__rate_interval", "1m").replace("$instance", ".*"))


def uses(node, grouped=frozenset()):
    """Each metric below `node`, with the labels it is matched, grouped or joined by."""
    if isinstance(node, promql_parser.VectorSelector):
        matched = {matcher.name for matcher in node.matchers.matchers}
        yield Use(node.name, frozenset(matched | grouped))
    elif isinstance(node, promql_parser.MatrixSelector):
        yield from uses(node.vector_selector, grouped)
    elif isinstance(node, promql_parser.AggregateExpr):
        yield from uses(node.expr, grouped | set(node.modifier.labels if node.modifier else ()))
    elif isinstance(node, promql_parser.Call):
        # A quantile is one over the buckets.
        more = {"le"} if node.func.name == "histogram_quantile" else set()
        for argument in node.args:
            yield from uses(argument, grouped | more)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from uses(node.lhs, grouped)
        yield from uses(node.rhs, grouped)
    elif isinstance(node, promql_parser.ParenExpr | promql_parser.UnaryExpr | promql_parser.SubqueryExpr):
        yield from uses(node.expr, grouped)
    elif not isinstance(node, promql_parser.NumberLiteral | promql_parser.StringLiteral):
        raise TypeError(f"{type(node).__name__} is not known here")


async def _look():
    await trio.lowlevel.checkpoint()
    gpu = DeviceMemory(device="cuda:0", total_bytes=80_000 * MIB, free_bytes=60_000 * MIB, utilisation=0.4)
    return Reading((DeviceMemory(device="cpu", total_bytes=8_000 * MIB, free_bytes=6_000 * MIB), gpu))


async def _scrape():
    async with open_deepl_stand_in() as server:
        overrides = {
            **QUICK,
            "port": 0,
            "fake_in_process": True,
            "translation_engine": "deepl",
            "deepl_auth_key": "key",
            "deepl_server_url": server.url,
        }
        settings = load_settings(profile="fake", overrides=overrides, environment={})
        async with trio.open_nursery() as nursery:
            service = await nursery.start(partial(run_service, settings, read_memory=_look))
            await service.wait_ready()
            async with dubbing(service, stream_id="match-7", verify=1.0) as stream:
                await dub(stream, 7, 3)
            async with dubbing(service) as stream:
                # Half a sample: refused, and answered as failed.
                await stream.send_fragment(0, marked(1, 0)[:-1], 1000)
                async for event in stream.events:
                    if isinstance(event, Processed):
                        break
                _, body = await http_get(service, "/metrics")
            nursery.cancel_scope.cancel()
    return body.decode()


def live_metrics():
    """What `/metrics` says after streams were dubbed, some fragments failed, on a machine with a GPU."""

    async def main():
        with trio.fail_after(60):
            return await _scrape()

    return trio.run(main)


def series(text):
    """Each series' name with the labels that it has."""
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def families(text):
    """The names as they are documented: of histograms without what they are made of."""
    return set(re.findall(r"(?m)^# TYPE (\S+) ", text))
