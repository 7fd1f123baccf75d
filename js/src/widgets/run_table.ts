import { renderer, setter } from "../shared/adapter.ts";
import { Conversation } from "../shared/conversation.ts";
import { nameRegion } from "../shared/region.ts";
import { runTable, type TableValues } from "../table/component.ts";

const NAMES = [
  "label", "title", "columns", "rows", "actions", "sort", "descending", "summary", "filters",
  "statuses", "query", "status", "namespaces", "namespace", "page", "pages", "loading", "error",
] as const;

export default {
  render: renderer<TableValues>(NAMES, (model, signal, el) => {
    nameRegion(el, () => String(model.get("label")), signal);
    const talk = new Conversation(model as never, signal);
    const act = (name: string, key: string) => talk.act(name, key);
    return runTable({ act, set: setter(model) }, signal);
  }),
};
