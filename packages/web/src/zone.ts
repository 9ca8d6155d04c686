// biome-ignore-all assist/source/organizeImports: zone.js reads its settings as it is loaded
import { zoneSymbol } from "./zone-settings.ts";
import { ZoneContextManager } from "@opentelemetry/context-zone";

export { ZoneContextManager, zoneSymbol };
