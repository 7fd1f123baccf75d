import { badge, type BadgeValues } from "./component.ts";
import { part } from "../core/adapter.ts";

export default part<BadgeValues>(["status", "detail"], () => badge());
