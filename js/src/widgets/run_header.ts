import { header, type HeaderValues } from "../run_header/component.ts";
import { widget, type Model } from "../core/adapter.ts";
import { Conversation } from "../core/rpc.ts";
import { nameRegion } from "../jupyterlab/panel_region.ts";

const NAMES = [
  "label",
  "title",
  "status",
  "detail",
  "elapsed",
  "parameters",
  "tags",
  "warning",
  "actions",
  "code",
] as const;

const make = (model: Model<HeaderValues>, signal: AbortSignal) => {
  const talk = new Conversation(model as never, signal);
  return header((name) => talk.act(name), signal);
};

export default widget<HeaderValues>(NAMES, make, nameRegion);
