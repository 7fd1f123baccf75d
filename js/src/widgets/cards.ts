import { widget } from "../core/adapter.ts";
import part from "../cards/part.ts";

export default widget(part);
