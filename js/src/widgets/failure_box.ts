import { widget } from "../core/adapter.ts";
import part from "../failure_box/part.ts";

export default widget(part);
