// The module that anywidget imports for each widget: it shares the bundles of the page.
//
// A browser keeps every module that it has ever imported, and anywidget imports one for each
// widget. A bundle takes up to 250 kB, so it is imported only once for all widgets that use it.

import type { AnyModel, AnyWidget, InitializeProps, RenderProps } from "@anywidget/types";

type Widget = { render: (props: RenderProps) => (() => void) | undefined };
type Bundle = { default: (model: AnyModel) => Widget };

/** The bundles of a page, by their texts, as a page may have two versions. */
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
 * Suppress the error about a slow model: panels handle that themselves (`openGate`).
 *
 * anywidget rejects a promise if a model is not ready 2 s after its creation, for example in a page
 * that opens many. If nothing waits for that promise, the browser reports an error: an empty message
 * waits for it here.
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
    // Not awaited here: anywidget allows a model two seconds, and a page that opens many models may
    // need longer.
    initialize({ model }: InitializeProps) {
      hush(model);
      widget = bundleOf(model).then((bundle) => bundle.default(model));
    },
    render: async (props: RenderProps) => (await widget).render(props),
  };
}) satisfies AnyWidget;
