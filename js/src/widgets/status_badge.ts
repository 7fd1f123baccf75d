import { badge, type BadgeValues } from "../run/badge.ts";
import { renderer } from "../shared/adapter.ts";

export default {
  render: renderer<BadgeValues>(["status", "detail"], () => badge()),
};
