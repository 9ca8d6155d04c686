import { expect } from "@playwright/test";

/** Posts a form with a server action, as a browser without scripts does. */
export async function postForm(
  url: string,
  html: string,
  fields: Readonly<Record<string, string>>,
  traceparent: string,
): Promise<Response> {
  const [action] = /\$ACTION_ID_\w+/.exec(html) ?? [];
  expect(action, "a form with a server action").toBeDefined();
  const form = new FormData();
  form.set(action ?? "", "");
  for (const [name, value] of Object.entries(fields)) form.set(name, value);
  const response = await fetch(url, { method: "POST", body: form, headers: { traceparent } });
  expect.soft(response.status, `the form of ${url}`).toBe(200);
  await response.text();
  return response;
}
