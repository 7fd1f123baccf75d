import { launchForm, type FormValues } from "../launch_form/component.ts";
import { setter, widget, type Model } from "../core/adapter.ts";
import { Conversation } from "../core/rpc.ts";
import { nameRegion } from "../jupyterlab/panel_region.ts";

const NAMES = ["label", "title", "doc", "fields", "values", "errors", "code", "ready", "earlier"] as const;

const make = (model: Model<FormValues>, signal: AbortSignal) => {
  const talk = new Conversation(model as never, signal);
  const act = (name: string, key: string) => talk.act(name, key);
  return launchForm({ act, set: setter(model) }, signal);
};

export default widget<FormValues>(NAMES, make, nameRegion);
