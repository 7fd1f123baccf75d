import { widget } from "../core/adapter.ts";
import part from "../run_table/part.ts";

export default widget(part);
