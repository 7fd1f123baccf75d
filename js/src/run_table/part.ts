import { part } from "../core/adapter.ts";
import type { Model } from "../core/model.ts";
import { Conversation } from "../core/rpc.ts";
import { nameRegion } from "../jupyterlab/panel_region.ts";
import { runTable, type TableValues } from "./component.ts";

const NAMES = [
  "label", "title", "columns", "rows", "actions", "sort", "descending", "summary", "filters",
  "statuses", "query", "status", "namespaces", "namespace", "page", "pages", "loading", "error",
] as const;

const make = (model: Model<TableValues>, signal: AbortSignal) => {
  const talk = new Conversation(model, signal);
  const act = (name: string, key: string) => talk.act(name, key);
  return runTable({ act, set: (values) => model.give(values) }, signal);
};

export default part<TableValues>(NAMES, make, nameRegion);
