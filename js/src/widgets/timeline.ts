import { widget } from "../core/adapter.ts";
import part from "../timeline/part.ts";

export default widget(part);
