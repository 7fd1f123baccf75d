import { setter, widget, type Model } from "../shared/adapter.ts";
import { Conversation } from "../shared/conversation.ts";
import { nameRegion } from "../shared/region.ts";
import { runTable, type TableValues } from "../table/component.ts";

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
