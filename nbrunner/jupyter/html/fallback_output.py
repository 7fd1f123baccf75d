"""The picture for a notebook whose panel is gone, where JupyterLab would show none.

Of an output that holds a widget JupyterLab takes the widget, also where there is none any
more: a notebook opened the day after says "Error displaying widget: model not found" in
place of the picture beside it, or "Loading widget..." without a kernel (jupyterlab-manager
5, `WidgetRenderer.renderModel`). So each panel has a second output. It is hidden wherever
the first one shows something, by the style in it, which JupyterLab applies in notebooks that
are trusted; elsewhere the first one's own picture shows, and this stays hidden.
"""

from __future__ import annotations

# A panel that lives takes a moment to appear.
_PATIENCE = "1.5s"

_STYLE = """\
.jp-OutputArea:not(:has(.{live})) .{kept} {{
  display: block !important; animation: {kept} 0s {wait} both }}
.jp-OutputArea-child:has(> .lm-Panel):not(:has(> .lm-Panel > *)):has(+ * .{kept}) {{
  display: none }}
@keyframes {kept} {{ from {{ position: absolute; visibility: hidden }} }}"""


def live_class(model_id: str) -> str:
    """Return the class that a panel's view has, and so has its picture in the same output."""
    return f"nbrunner-live-{model_id}"


def kept(page: str, model_id: str) -> dict[str, str]:
    """Return the MIME bundle of the second output of a panel.

    Parameters
    ----------
    page : str
        The HTML of the panel's picture.
    model_id : str
    """
    name = f"nbrunner-kept-{model_id}"
    style = _STYLE.format(live=live_class(model_id), kept=name, wait=_PATIENCE)
    html = f'<div class="{name}" style="display:none">{page}</div><style>{style}</style>'
    return {"text/html": html, "text/plain": ""}
