import { launchForm, type FormValues } from "./component.ts";
import { part } from "../core/adapter.ts";
import type { Model } from "../core/model.ts";
import { Conversation } from "../core/rpc.ts";
import { nameRegion } from "../jupyterlab/panel_region.ts";

const NAMES = ["label", "title", "doc", "fields", "values", "errors", "code", "ready", "earlier"] as const;

const make = (model: Model<FormValues>, signal: AbortSignal) => {
  const talk = new Conversation(model, signal);
  const act = (name: string, key: string) => talk.act(name, key);
  return launchForm({ act, set: (values) => model.give(values) }, signal);
};

export default part<FormValues>(NAMES, make, nameRegion);
