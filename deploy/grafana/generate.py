"""Writes `dashboards/sts_actors.json` out of `panels.py`: run it after a change there (`just dashboard`)."""

import json
from pathlib import Path

from grafana_foundation_sdk.builders import common as viz
from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import BigValueColorMode, LegendDisplayMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from panels import ROWS, Line, Panel

FILE = Path(__file__).parent / "dashboards" / "sts_actors.json"
SOURCE = model.DataSourceRef(type_val="prometheus", uid="$datasource")
HEIGHTS = {"stat": 4, "lines": 8, "heat": 8}

AnyPanel = timeseries.Panel | stat.Panel | heatmap.Panel


def query(line: Line, number: int, kind: str) -> prometheus.Dataquery:
    """One expression of a panel."""
    asked = prometheus.Dataquery().expr(line.expression).ref_id(chr(ord("A") + number))
    if kind == "heat":
        asked.format(PromQueryFormat.HEATMAP)
    if line.legend:
        asked.legend_format(line.legend)
    return asked.instant() if kind == "stat" else asked.range()


def thresholds(warn: float) -> dashboard.ThresholdsConfig:
    """Green up to there, red from there."""
    steps = [model.Threshold(value=None, color="green"), model.Threshold(value=warn, color="red")]
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(steps)


def blank(kind: str) -> AnyPanel:
    """A panel that shows nothing yet."""
    if kind == "stat":
        latest = viz.ReduceDataOptions().calcs(["lastNotNull"])
        return stat.Panel().color_mode(BigValueColorMode.VALUE).reduce_options(latest)
    if kind == "heat":
        return heatmap.Panel()
    legend = viz.VizLegendOptions().display_mode(LegendDisplayMode.LIST).show_legend(show_legend=True)
    return timeseries.Panel().fill_opacity(8).legend(legend)


def panel(its: Panel, number: int) -> AnyPanel:
    """As Grafana has it."""
    made = (
        blank(its.kind).id(number).title(its.title).description(its.means).datasource(SOURCE).unit(its.unit)
    )
    made.height(HEIGHTS[its.kind]).span(its.width)
    if its.most is not None:
        made.min(0).max(its.most)
    if its.warn is not None:
        made.thresholds(thresholds(its.warn))
    for place, line in enumerate(its.lines):
        made.with_target(query(line, place, its.kind))
    return made


def build() -> dashboard.Dashboard:
    """The whole of it."""
    instances = (
        dashboard.QueryVariable("instance")
        .label("Instance")
        .datasource(SOURCE)
        .query("label_values(sts_build_info, instance)")
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(model.VariableOption(text="All", value="$__all"))
    )
    made = (
        dashboard.Dashboard("sts_actors")
        .uid("sts-actors")
        .tags(["sts_actors"])
        .description("Live dubbing: streams, the quality of dubs, where the time goes, device and models.")
        .time("now-1h", "now")
        .refresh("10s")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(instances)
    )
    number = 0
    for row in ROWS:
        number += 1
        made.with_row(dashboard.Row(row.title).id(number))
        for its in row.panels:
            number += 1
            made.with_panel(panel(its, number))
    return made


def render() -> str:
    """The file's text."""
    return json.dumps(build().build(), cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
