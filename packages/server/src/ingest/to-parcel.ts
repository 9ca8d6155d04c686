import { complaintOf, protobufOf } from "../pipeline/otlp/json-to-protobuf.ts";
import type { ServerConfig } from "../settings.ts";
import type { Parcel } from "./forward.ts";
import { type Signal, signalTarget } from "./forward-url.ts";
import { Refusal, type Telemetry } from "./read-telemetry.ts";

/**
 * A post as it goes on to the collector: JSON in the protocol that is set, which backends without JSON ask for;
 * protobuf as it came.
 * @throws Refusal where JSON that is to become protobuf is no OTLP.
 */
export function toParcel(
  { contentType, body, json }: Telemetry,
  signal: Signal,
  config: ServerConfig,
): Parcel {
  const target = { ...signalTarget(config, signal), signal };
  if (json === undefined || target.protocol === "http/json") return { ...target, contentType, body };
  return { ...target, contentType: "application/x-protobuf", body: encode(signal, json) };
}

function encode(signal: Signal, json: object): Uint8Array {
  try {
    return protobufOf(signal, json);
  } catch (error) {
    const complaint = complaintOf(error);
    if (complaint === undefined) throw error;
    throw new Refusal(
      400,
      `the body is no OTLP/JSON: ${complaint}; send what an OTLP exporter writes: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding`,
    );
  }
}
