import { widget } from "../core/adapter.ts";
import part from "../step_graph/part.ts";

export default widget(part);
