import { defaultResource, type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { SERVICE_NAME, SERVICE_VERSION } from "@throughline/core/attributes";
import { appFolder } from "../app-folder.ts";
import { appPackage } from "../package-name.ts";
import { platformEnv, type ServerConfig } from "../settings.ts";
import { detectResource } from "./detect.ts";

/** What every span, metric and log of this process says about it; OTEL_RESOURCE_ATTRIBUTES wins over what was found. */
export function createResource(config: ServerConfig): Resource {
  const app = appPackage(appFolder());
  return defaultResource().merge(
    resourceFromAttributes({
      ...(app.version === "" ? {} : { [SERVICE_VERSION]: app.version }),
      ...detectResource(config.resourceDetectors, platformEnv()),
      ...config.resourceAttributes,
      [SERVICE_NAME]: serviceNameOf(config),
    }),
  );
}

/** `service.name`: as set, else the name in package.json. */
export function serviceNameOf(config: ServerConfig): string {
  return (
    config.serviceName ||
    config.resourceAttributes[SERVICE_NAME] ||
    appPackage(appFolder()).name ||
    "unknown_service"
  );
}
