"""Fallback output for notebooks whose widgets no longer exist.

If an output has a widget, JupyterLab displays the widget and nothing else. In a notebook reopened
later it displays "Error displaying widget: model not found" or, without a kernel, "Loading
widget..." instead of the HTML next to it (jupyterlab-manager 5, `WidgetRenderer.renderModel`).
Each panel therefore has a second output. A style in it hides the output while the first one
displays something. JupyterLab applies that style in trusted notebooks; in others the HTML of the
first output is displayed and the second stays hidden.
"""

from __future__ import annotations

# A panel takes a moment to appear.
_PATIENCE = "1.5s"

_STYLE = """\
.jp-OutputArea:not(:has(.{live})) .{kept} {{
  display: block !important; animation: {kept} 0s {wait} both }}
.jp-OutputArea-child:has(> .lm-Panel):not(:has(> .lm-Panel > *)):has(+ * .{kept}) {{
  display: none }}
@keyframes {kept} {{ from {{ position: absolute; visibility: hidden }} }}"""


def live_class(model_id: str) -> str:
    """Return the CSS class of a panel's view and of its HTML in the same output."""
    return f"nbrunner-live-{model_id}"


def kept(page: str, model_id: str) -> dict[str, str]:
    """Return the MIME bundle of the second output of a panel.

    Parameters
    ----------
    page : str
        HTML of the panel.
    model_id : str
        Id of the panel's widget model.
    """
    name = f"nbrunner-kept-{model_id}"
    style = _STYLE.format(live=live_class(model_id), kept=name, wait=_PATIENCE)
    html = f'<div class="{name}" style="display:none">{page}</div><style>{style}</style>'
    return {"text/html": html, "text/plain": ""}
