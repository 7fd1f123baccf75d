import { setter, widget, type Model } from "../core/adapter.ts";
import { Conversation } from "../core/rpc.ts";
import { nameRegion } from "../jupyterlab/panel_region.ts";
import { runTable, type TableValues } from "../run_table/component.ts";

const NAMES = [
  "label", "title", "columns", "rows", "actions", "sort", "descending", "summary", "filters",
  "statuses", "query", "status", "namespaces", "namespace", "page", "pages", "loading", "error",
] as const;

const make = (model: Model<TableValues>, signal: AbortSignal) => {
  const talk = new Conversation(model as never, signal);
  const act = (name: string, key: string) => talk.act(name, key);
  return runTable({ act, set: setter(model) }, signal);
};

export default widget<TableValues>(NAMES, make, nameRegion);
