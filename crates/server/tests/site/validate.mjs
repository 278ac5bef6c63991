// Prints what html-validate finds in the pages of a folder, as JSON lines: node validate.mjs <html-validate> <folder>
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [packageFolder, folder] = process.argv.slice(2);
const { HtmlValidate, StaticConfigLoader } = await import(pathToFileURL(join(packageFolder, "dist/esm/index.js")));
const validator = new HtmlValidate(
  new StaticConfigLoader({
    root: true,
    extends: ["html-validate:recommended"],
    // A list of boxes that are ticked has one name.
    // Spaces, the case of doctype and self-closing are matters of taste; long titles are names of the policy.
    rules: {
      "no-trailing-whitespace": "off",
      "long-title": "off",
      "doctype-style": "off",
      "no-inline-style": "error",
      "form-dup-name": ["error", { shared: ["radio", "checkbox", "submit", "button", "reset"] }],
    },
  }),
);
for (const name of readdirSync(folder).sort()) {
  const report = await validator.validateString(readFileSync(join(folder, name), "utf8"));
  for (const result of report.results) {
    for (const m of result.messages) console.log(JSON.stringify(`${name}:${m.line} ${m.ruleId} ${m.message}`));
  }
}
console.log(JSON.stringify("done"));
