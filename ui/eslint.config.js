import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

/** What only one folder may do. */
const network = ["fetch", "WebSocket", "EventSource", "XMLHttpRequest"].map((name) => ({
  name,
  message: "Only src/hub speaks to the hub.",
}));
const hub = { regex: "(^|/)hub/(?!generated/)", message: "This folder knows only the hub's types." };
const shell = { regex: "(^|/)shell/", message: "Only the app's root and views know the window." };
const framework = { regex: "^svelte(/|$)|\\.svelte(\\.ts)?$", message: "Drivers are free of the framework." };
const views = { regex: "(^|/)views/", message: "Arrows go from views to parts to shared." };
const parts = { regex: "(^|/)parts/", message: "Arrows go from views to parts to shared." };
const drivers = { regex: "(^|/)(player|timeline)/", message: "This folder is below the drivers." };
const forbid = (...patterns) => ({ "no-restricted-imports": ["error", { patterns }] });

export default ts.config(
  { ignores: ["dist/", "node_modules/", "src/hub/generated/"] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser } } },
  { files: ["*.js", "*.ts", "mock/**"], languageOptions: { globals: { ...globals.node } } },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: [".svelte"], svelteConfig } },
  },
  {
    files: ["src/**"],
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: "TSEnumDeclaration", message: "Use a union with `kind`." },
      ],
      "no-restricted-globals": ["error", ...network],
      "@typescript-eslint/switch-exhaustiveness-check": "off",
      "svelte/no-at-html-tags": "error",
      "svelte/require-each-key": "error",
    },
  },
  {
    files: ["src/hub/**"],
    rules: { "no-restricted-globals": "off", ...forbid(shell, views, parts, drivers) },
  },
  { files: ["src/player/**", "src/timeline/**"], rules: forbid(framework, hub, shell, views, parts) },
  { files: ["src/shared/**"], rules: forbid(hub, shell, views, parts, drivers) },
  { files: ["src/parts/**"], rules: forbid(shell, views) },
  { files: ["src/shell/**"], rules: forbid(framework, hub, views, parts, drivers) },
);
