import { widget } from "../core/adapter.ts";
import part from "../run_header/part.ts";

export default widget(part);
