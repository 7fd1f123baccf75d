import { launchForm, type FormValues } from "../form/component.ts";
import { renderer, setter } from "../shared/adapter.ts";
import { nameRegion } from "../shared/region.ts";
import { ACTION } from "../shared/wire.ts";

const NAMES = ["label", "title", "doc", "fields", "values", "errors", "code", "ready", "earlier"] as const;

export default {
  render: renderer<FormValues>(NAMES, (model, signal, el) => {
    nameRegion(el, () => String(model.get("label")), signal);
    const act = (name: string, key: string) => model.send({ kind: ACTION, name, key });
    return launchForm({ act, set: setter(model) }, signal);
  }),
};
