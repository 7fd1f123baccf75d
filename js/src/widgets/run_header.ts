import { header, type HeaderValues } from "../run/header.ts";
import { renderer } from "../shared/adapter.ts";
import { nameRegion } from "../shared/region.ts";
import { ACTION } from "../shared/wire.ts";

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

export default {
  render: renderer<HeaderValues>(NAMES, (model, signal, el) => {
    const component = header((name) => model.send({ kind: ACTION, name }), signal);
    const rename = nameRegion(el, () => String(model.get("label")), signal);
    return {
      ...component,
      update(values) {
        component.update(values);
        rename();
      },
    };
  }),
};
