import { expect } from "@playwright/test";
import { expectHit } from "../cache-hits.ts";
import type { Case, Cases, Seen } from "../case.ts";
import type { Combination } from "../combinations.ts";
import type { ServedApp } from "../server-app.ts";

const RENDER = "render route (app) /action · internal";

/** The actions that Next.js's control flow ends, which is no error. */
const REDIRECTIONS = ["leaves", "leavesForGood"];
const INTERRUPTIONS = { findsNothing: 404, forbids: 403, asksWho: 401 } as const;

/** Server actions, called by the router's `fetch` and by forms that are posted without JavaScript. */
export const serverActions: Cases = (combination) => {
  const page = pageOf(combination);
  return [
    action({
      title: "a server action",
      init: async (app) => called(app, await idOf(app, page, "reserve")),
      status: 200,
      below: ["reserveStock · internal", "  GET · client"],
      inspect: expectPlace("reserveStock", "actions.js"),
    }),
    action({
      title: "a server action that is written inside a component",
      init: async (app) => called(app, await idOf(app, page, "inline")),
      status: 200,
      below: ["server action · internal", "  GET · client"],
      inspect: expectPlace(undefined, "page.jsx"),
    }),
    action({
      title: "a server action that fetches, and the same out of the data cache",
      init: async (app) => called(app, await idOf(app, page, "recalls")),
      status: 200,
      below: ["recalls · internal", "  GET · client"],
      inspect: expectHit,
    }),
    action({
      title: "a server action that throws",
      init: async (app) => called(app, await idOf(app, page, "breaks")),
      status: 500,
      marks: "ERROR · exception",
      below: ["breaks · internal · ERROR · exception"],
    }),
    action({
      title: "a form that is posted without JavaScript",
      init: async (app) => posted(app, { [`$ACTION_ID_${await idOf(app, page, "reserve")}`]: "" }),
      status: 200,
      below: ["reserveStock · internal", "  GET · client", RENDER],
      inspect: expectPlace("reserveStock", "actions.js"),
    }),
    action({
      title: "a form whose action throws, posted without JavaScript",
      init: async (app) => posted(app, { [`$ACTION_ID_${await idOf(app, page, "breaks")}`]: "" }),
      status: 500,
      isReplaced: true,
      marks: "ERROR · exception",
      below: ["breaks · internal · ERROR · exception", "render route (pages) /_error · internal"],
    }),
    action({
      title: "a form with state that is posted without JavaScript",
      init: async (app) => posted(app, await fieldsOfState(app, page)),
      status: 200,
      below: ["saveForm · internal", "  GET · client", RENDER],
    }),
    ...controlFlow(combination),
  ];
};

/** What Next.js throws to leave an action is no error. */
function controlFlow(combination: Combination): readonly Case[] {
  const { trailingSlash, proxy } = combination;
  const page = pageOf(combination);
  // Next.js asks itself for the page that comes next, and answers with it; without the slash that it wants at first, so that it is sent on.
  const next = [
    ...(trailingSlash ? ["GET · client", "  GET · server"] : []),
    "GET · client",
    "  GET /static · server",
    ...(proxy ? ["    middleware GET · internal"] : []),
  ];
  return [
    ...REDIRECTIONS.flatMap((name) => [
      action({
        title: `a server action that redirects: ${name}`,
        init: async (app) => called(app, await idOf(app, page, name)),
        status: 200,
        below: [`${name} · internal`, ...next],
      }),
      action({
        title: `a form whose action redirects, posted without JavaScript: ${name}`,
        init: async (app) => posted(app, { [`$ACTION_ID_${await idOf(app, page, name)}`]: "" }),
        status: 303,
        below: [`${name} · internal`],
      }),
    ]),
    ...Object.entries(INTERRUPTIONS).flatMap(([name, status]) => [
      action({
        title: `a server action that leaves the page: ${name}`,
        init: async (app) => called(app, await idOf(app, page, name)),
        status,
        below: [`${name} · internal`],
      }),
      action({
        title: `a form whose action leaves the page, posted without JavaScript: ${name}`,
        init: async (app) => posted(app, { [`$ACTION_ID_${await idOf(app, page, name)}`]: "" }),
        // Next.js renders what it has for a page that is not found, for all three.
        status: 404,
        below: [`${name} · internal`, RENDER],
      }),
    ]),
  ];
}

function action(each: Omit<Case, "path" | "route">): Case {
  return { path: "/action", route: "/action", ...each };
}

function pageOf({ trailingSlash }: Combination): string {
  return `/action${trailingSlash ? "/" : ""}`;
}

function expectPlace(name: string | undefined, file: string) {
  return ({ spans }: Seen): void => {
    const [span] = spans.filter(({ attributes }) => "code.file.path" in attributes);
    expect.soft(span?.attributes["code.function.name"]).toBe(name);
    expect.soft(span?.attributes["code.file.path"]).toMatch(new RegExp(`(^|/)app/action/${file}$`));
  };
}

function called({ url }: ServedApp, id: string): RequestInit {
  const headers = { origin: new URL(url).origin, "next-action": id, accept: "text/x-component" };
  return { method: "POST", headers: { ...headers, "content-type": "text/plain;charset=UTF-8" }, body: "[]" };
}

function posted({ url }: ServedApp, fields: Readonly<Record<string, string>>): RequestInit {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.set(name, value);
  return { method: "POST", headers: { origin: new URL(url).origin }, body };
}

/** As a probe, so that looking at the page leaves no trace. */
async function htmlOf({ url }: ServedApp, page: string): Promise<string> {
  const response = await fetch(`${url}${page}`, { headers: { "user-agent": "kube-probe/1.31" } });
  return response.text();
}

async function idOf(app: ServedApp, page: string, form: string): Promise<string> {
  const html = await htmlOf(app, page);
  const [, id = ""] = new RegExp(`id="${form}".*?name="\\$ACTION_ID_(\\w+)"`).exec(html) ?? [];
  expect(id, `id of ${form}`).not.toBe("");
  return id;
}

/** The hidden fields by which a form with `useActionState` names its action and its state. */
async function fieldsOfState(app: ServedApp, page: string): Promise<Record<string, string>> {
  const html = await htmlOf(app, page);
  const fields = html.matchAll(/name="(\$ACTION_(?:REF_|\d|KEY)[^"]*)"(?: value="([^"]*)")?/g);
  const decoded = [...fields].map(([, name = "", value = ""]) => [name, value.replaceAll("&quot;", '"')]);
  expect(decoded.map(([name]) => name)).toContain("$ACTION_KEY");
  return { ...Object.fromEntries(decoded), name: "oak" };
}
