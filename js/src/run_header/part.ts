import { header, type HeaderValues } from "./component.ts";
import { part } from "../core/adapter.ts";
import type { Model } from "../core/model.ts";
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
  const talk = new Conversation(model, signal);
  return header((name) => talk.act(name), signal);
};

export default part<HeaderValues>(NAMES, make, nameRegion);
