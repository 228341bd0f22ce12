"""One HTML file with data, style and programs, which loads nothing."""

import html
import string
from collections.abc import Mapping
from importlib import resources
from typing import Any

from data_pipelines.errors import UserError
from gapjax.reporting.content import as_json

# The programs of `page/`, in their order.
PROGRAMS = (
    *("elements.js", "table.js", "charts.js", "overview.js", "gamma.js"),
    *("classes.js", "bodies.js", "player.js", "mistakes.js", "comparison.js", "main.js"),
)


def page(content: Mapping[str, Any]) -> str:
    """Return the HTML of a report.

    Args:
        content: what it shows (`gapjax.reporting.content`).

    Raises:
        UserError: Plotly, whose charts it has, is not installed.
    """
    names = ", ".join(run["name"] for run in content["runs"])
    return string.Template(_file("page.html")).substitute(
        title=html.escape(f"{names}: report of gapjax"),
        style=_file("page.css"),
        plotly=_plotly(),
        data=as_json(content),
        program="\n".join(_file(name) for name in PROGRAMS),
    )


def _file(name: str) -> str:
    return (resources.files(__package__) / "page" / name).read_text()


def _plotly() -> str:
    """Return the source of Plotly's charts, which its Python package carries."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise UserError(
            "a report needs Plotly for its charts: pip install 'gapjax[report]'"
        ) from error
    return get_plotlyjs()


def require_plotly() -> None:
    """Refuse to begin a report without Plotly; see `page`."""
    _plotly()
