"""A dashboard as Grafana reads it, built by Grafana's own library (grafana-foundation-sdk, development only)."""

from typing import TYPE_CHECKING, Any

from infra.dashboards.panel import UNITS, Dashboard, Panel

if TYPE_CHECKING:
    from grafana_foundation_sdk.builders.prometheus import Dataquery

FULL, HIGH = 24, 8  # Grafana's grid
SOURCE = "prometheus"


def as_json(dashboard: Dashboard) -> str:
    """The JSON of a dashboard, with a choice of systems and of the source of data."""
    from grafana_foundation_sdk.builders.dashboard import Dashboard as Page
    from grafana_foundation_sdk.builders.dashboard import DatasourceVariable, QueryVariable
    from grafana_foundation_sdk.builders.dashboard import Row as Line
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models.dashboard import DataSourceRef

    systems = (
        QueryVariable("system").label("System").query("label_values(flywheel_exporter_part_read, system)")
        .datasource(DataSourceRef(SOURCE, "${source}")).multi(True).include_all(True).all_value(".*")
    )  # fmt: skip
    page = (
        Page(dashboard.title).uid(f"flywheel-{dashboard.name}").description(dashboard.description)
        .tags(["flywheel"]).time("now-6h", "now").refresh("30s").timezone("utc").readonly()
        .with_variable(DatasourceVariable("source").label("Source").type(SOURCE)).with_variable(systems)
    )  # fmt: skip
    for row in dashboard.rows:
        page = page.with_row(Line(row.title))
        for panel in row.panels:
            page = page.with_panel(_panel(panel))
    return JSONEncoder(sort_keys=True, indent=1).encode(page.build()) + "\n"


def _panel(panel: Panel) -> Any:
    from grafana_foundation_sdk.builders import common
    from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
    from grafana_foundation_sdk.builders.timeseries import Panel as Lines
    from grafana_foundation_sdk.models import common as styles
    from grafana_foundation_sdk.models.dashboard import DataSourceRef, Threshold, ThresholdsMode

    picture = (
        Lines().title(panel.title).description(panel.description).unit(UNITS[panel.unit])
        .datasource(DataSourceRef(SOURCE, "${source}")).span(panel.wide).height(HIGH).min(0)
    )  # fmt: skip
    if panel.kind == "areas":
        stacked = common.StackingConfig().mode(styles.StackingMode.NORMAL)
        picture = picture.fill_opacity(30).stacking(stacked)
    if panel.limit is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=panel.limit, color="red")]
        picture = picture.thresholds(ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        shown = common.GraphThresholdsStyleConfig().mode(styles.GraphThresholdsStyleMode.LINE)
        picture = picture.thresholds_style(shown)
    for place, query in enumerate(panel.queries):
        picture = picture.with_target(_query(query.expr, query.legend, chr(ord("A") + place)))
    return picture


def _query(expr: str, legend: str, letter: str) -> "Dataquery":
    from grafana_foundation_sdk.builders.prometheus import Dataquery

    return Dataquery().expr(expr).legend_format(legend).ref_id(letter)
