import { badge, type BadgeValues } from "../run/badge.ts";
import { widget } from "../shared/adapter.ts";

export default widget<BadgeValues>(["status", "detail"], () => badge());
