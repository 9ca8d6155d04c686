import { type Context, createContextKey } from "@opentelemetry/api";

/** Whether what runs in a context has sent a request. */
export interface NetworkUse {
  hasSent: boolean;
}

const KEY = createContextKey("throughline.network_use");

export function watchNetworkUse(context: Context): { readonly context: Context; readonly use: NetworkUse } {
  const use: NetworkUse = { hasSent: false };
  return { context: context.setValue(KEY, use), use };
}

export function noteNetworkUse(context: Context): void {
  const use = context.getValue(KEY) as NetworkUse | undefined;
  if (use) use.hasSent = true;
}
