import { widget } from "../core/adapter.ts";
import part from "../log_view/part.ts";

export default widget(part);
