#!/usr/bin/env node
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { DEFAULT_INGEST_PATH } from "@throughline/core/attributes";
import { errorText } from "../error-text.ts";
import { doorSettings } from "../settings.ts";
import { type DoctorOptions, examine, printReport } from "./doctor.ts";

const HELP = `throughline doctor: finds out why traces of a running Next.js app do not appear

Usage: throughline doctor [url] [flags]       (default http://localhost:3000)

  --dir <folder>         the app's folder, whose files and Playwright are used (default: here)
  --ingest-path <path>   where the page posts its spans (default ${DEFAULT_INGEST_PATH})
  --browser <file>       a Chromium (default: Playwright's own, else one of this machine)
  --devtools <url>       a browser that runs already, with its extensions: one that was started with
                         --remote-debugging-port=9222 is http://localhost:9222
  --no-browser           look at the server alone
  --json                 the report as JSON
  --help                 this text

Looks along the path of a span, from the app to its collector and from a page to the app, and names the first
step that is broken. Exit code 0: none is; 1: one is; 2: it was called wrongly; 3: it cannot tell, because a step
that may be broken could not be looked at.
Outside of development, and where the app has a THROUGHLINE_FLUSH_TOKEN, it tells only who knows it: set it for
both. THROUGHLINE_INGEST_PATH is the default of --ingest-path.`;

/** 2 is a wrong call. */
const EXIT_CODES = { healthy: 0, broken: 1, "cannot-tell": 3 } as const;

async function main(): Promise<void> {
  const read = readArguments(process.argv.slice(2));
  if (read === "help") {
    console.log(HELP);
    return;
  }
  const report = await examine(read.options);
  console.log(read.isJson ? JSON.stringify(report, null, 2) : printReport(report));
  process.exitCode = EXIT_CODES[report.result];
}

const OPTIONS = {
  dir: { type: "string", default: "." },
  "ingest-path": { type: "string", default: "" },
  browser: { type: "string", default: "" },
  devtools: { type: "string", default: "" },
  "no-browser": { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
} as const;

function readArguments(
  args: readonly string[],
): { readonly options: DoctorOptions; readonly isJson: boolean } | "help" {
  const { values, positionals } = parsed(args);
  const [command, address = "http://localhost:3000", ...rest] = positionals;
  if (values.help || command === undefined) return "help";
  if (command !== "doctor") throw new Error(`there is no command ${command}; throughline doctor [url]`);
  if (rest.length > 0) throw new Error(`one address at a time, and there are ${rest.length + 1}`);
  const door = doorSettings();
  const ingestPath = (values["ingest-path"] || door.ingestPath).replace(/\/$/, "");
  if (!/^\/[^?#\s]*$/.test(ingestPath))
    throw new Error(`--ingest-path ${ingestPath}: expected a path such as ${DEFAULT_INGEST_PATH}`);
  return {
    isJson: values.json,
    options: {
      url: readUrl(address),
      folder: resolve(values.dir),
      ingestPath,
      token: door.token,
      browser: values["no-browser"] ? undefined : { executable: values.browser, devTools: values.devtools },
    },
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new Error(`${errorText(error).split(". ")[0]}; --help lists the flags`);
  }
}

function readUrl(text: string): URL {
  // `localhost:3000` parses too, as a URL of the scheme "localhost:".
  if (/^https?:\/\//i.test(text) && URL.canParse(text)) {
    const url = new URL(text);
    if (url.username || url.password)
      throw new Error("the address has a user name or password in it, which cannot be sent; leave it out");
    return url;
  }
  throw new Error(`${text} is no address of an app; expected one such as http://localhost:3000`);
}

main().catch((error: unknown) => {
  // What was named and does not work, a browser for one.
  console.error(`throughline: ${errorText(error)}`);
  process.exitCode = 2;
});
