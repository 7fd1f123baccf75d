import { badge, type BadgeValues } from "../status_badge/component.ts";
import { widget } from "../core/adapter.ts";

export default widget<BadgeValues>(["status", "detail"], () => badge());
