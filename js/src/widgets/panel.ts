import type { AnyModel } from "@anywidget/types";
import { widget, type Part } from "../core/adapter.ts";
import { panel } from "../panel/component.ts";
import { Link } from "../panel/link.ts";

export default (model: AnyModel) => {
  const link = new Link(model);
  const part: Part = { mount: () => panel(link, model), place: () => undefined };
  return widget(part, () => link)(model);
};
