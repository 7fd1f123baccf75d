import { widget } from "../core/adapter.ts";
import part from "../status_badge/part.ts";

export default widget(part);
