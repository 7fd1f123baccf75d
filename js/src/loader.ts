// What anywidget imports for each widget: it takes the widget's bundle from those of the page.
//
// A browser keeps every module that it has ever imported, and anywidget imports one for each
// widget. A bundle takes up to 250 kB there, so it is imported once, whoever shows it.

import type { AnyModel, AnyWidget, InitializeProps, RenderProps } from "@anywidget/types";

type Widget = { render: (props: RenderProps) => (() => void) | undefined };
type Bundle = { default: (model: AnyModel) => Widget };

/** Where a page keeps its bundles: by their texts, as two versions may meet in one page. */
const BUNDLES = Symbol.for("nbrunner.bundles");

function bundleOf(model: AnyModel): Promise<Bundle> {
  const page = globalThis as { [BUNDLES]?: Map<string, Promise<Bundle>> };
  const bundles = (page[BUNDLES] ??= new Map());
  const text: string = model.get("_bundle_text");
  const found = bundles.get(text);
  if (found) return found;
  const style = document.createElement("style");
  style.textContent = model.get("_style_text");
  document.head.append(style);
  const made = imported(text);
  bundles.set(text, made);
  return made;
}

async function imported(text: string): Promise<Bundle> {
  const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  try {
    return await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
}

export default (() => {
  let widget: Promise<Widget>;
  return {
    // Nobody waits for it here: anywidget gives a model two seconds, and a page that has much
    // to open may need longer.
    initialize({ model }: InitializeProps) {
      widget = bundleOf(model).then((bundle) => bundle.default(model));
    },
    render: async (props: RenderProps) => (await widget).render(props),
  };
}) satisfies AnyWidget;
