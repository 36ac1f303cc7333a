// Reads JSON lines {"latex": …, "display": true|false} and writes one JSON line for each: null, or KaTeX's message.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { resolve } from "node:path";

const folder = process.env.CHAINRULE_KATEX ?? import.meta.dirname ?? ".";
const katex = createRequire(pathToFileURL(resolve(folder, "package.json")))("katex");
for await (const line of createInterface({ input: process.stdin })) {
  const { latex, display } = JSON.parse(line);
  let message = null;
  try {
    katex.renderToString(latex, { displayMode: display, strict: "error", throwOnError: true, trust: false });
  } catch (error) {
    message = String(error.message);
  }
  process.stdout.write(JSON.stringify(message) + "\n");
}
