import { widget } from "../core/adapter.ts";
import part from "../artifacts/part.ts";

export default widget(part);
