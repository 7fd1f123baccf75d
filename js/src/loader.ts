// What anywidget imports for each widget: it takes the widget's bundle from those of the page.
//
// A browser keeps every module that it has ever imported, and anywidget imports one for each
// widget. A bundle takes up to 250 kB there, so it is imported once, whoever shows it.

import type { AnyModel, AnyWidget, InitializeProps, RenderProps } from "@anywidget/types";

type Widget = { render: (props: RenderProps) => (() => void) | undefined };
type Bundle = { default: (model: AnyModel) => Widget };

/** Where a page keeps its bundles: by their texts, as two versions may meet in one page. */
const BUNDLES = Symbol.for("nbrunner.bundles");
const HUSHED = Symbol.for("nbrunner.hushed");

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

interface Slow {
  get(name: string): unknown;
  _handle_comm_msg?(message: object): Promise<void>;
}

/**
 * Have nobody told that a model was slow: panels look after themselves (`openGate`).
 *
 * anywidget rejects a promise when a model is not ready 2 s after its creation, as in a page that
 * opens many; where nobody waits for it the browser reports an error. A message waits for it.
 */
function hush(model: AnyModel): void {
  const manager = (model.widget_manager ?? {}) as { _models?: Record<string, Promise<Slow>> };
  for (const each of Object.values(manager._models ?? {})) {
    void Promise.resolve(each).then(wait).catch(() => undefined);
  }
}

function wait(model: Slow): void {
  const page = globalThis as { [HUSHED]?: WeakSet<Slow> };
  const hushed = (page[HUSHED] ??= new WeakSet());
  if (hushed.has(model) || !String(model.get("_anywidget_id")).startsWith("nbrunner.")) return;
  hushed.add(model);
  model._handle_comm_msg?.({ content: { data: {} } }).catch(() => undefined);
}

export default (() => {
  let widget: Promise<Widget>;
  return {
    // Nobody waits for it here: anywidget gives a model two seconds, and a page that has much
    // to open may need longer.
    initialize({ model }: InitializeProps) {
      hush(model);
      widget = bundleOf(model).then((bundle) => bundle.default(model));
    },
    render: async (props: RenderProps) => (await widget).render(props),
  };
}) satisfies AnyWidget;
