import type { Env } from "@throughline/core";
import * as names from "@throughline/core/attributes";

type Attributes = Readonly<Record<string, string>>;

/** Where a deployment on Vercel comes from: https://vercel.com/docs/environment-variables/system-environment-variables */
export function vercelAttributes(env: Env): Attributes {
  if (!env.VERCEL) return {};
  return filled({
    [names.CLOUD_PROVIDER]: "vercel",
    [names.CLOUD_REGION]: env.VERCEL_REGION,
    [names.DEPLOYMENT_ENVIRONMENT_NAME]: env.VERCEL_ENV,
    [names.DEPLOYMENT_ID]: env.VERCEL_DEPLOYMENT_ID,
    [names.VCS_PROVIDER_NAME]: env.VERCEL_GIT_PROVIDER,
    [names.VCS_OWNER_NAME]: env.VERCEL_GIT_REPO_OWNER,
    [names.VCS_REPOSITORY_NAME]: env.VERCEL_GIT_REPO_SLUG,
    [names.VCS_REF_HEAD_NAME]: env.VERCEL_GIT_COMMIT_REF,
    [names.VCS_REF_HEAD_REVISION]: env.VERCEL_GIT_COMMIT_SHA,
    [names.VCS_CHANGE_ID]: env.VERCEL_GIT_PULL_REQUEST_ID,
  });
}

/**
 * Where in a cluster this process runs, as far as the pod's own description hands it on (the downward API); a cluster
 * is not asked. https://kubernetes.io/docs/concepts/workloads/pods/downward-api/
 */
export function kubernetesAttributes(env: Env): Attributes {
  if (!env.KUBERNETES_SERVICE_HOST) return {};
  const first = (...bare: readonly string[]): string | undefined =>
    ["K8S_", "KUBERNETES_", ""]
      .flatMap((prefix) => bare.map((name) => env[prefix + name]))
      .find((value) => value !== undefined && value !== "");
  return filled({
    [names.K8S_CLUSTER_NAME]: first("CLUSTER_NAME"),
    [names.K8S_NAMESPACE_NAME]: first("NAMESPACE_NAME", "POD_NAMESPACE", "NAMESPACE"),
    [names.K8S_NODE_NAME]: first("NODE_NAME"),
    [names.K8S_POD_NAME]: first("POD_NAME"),
    [names.K8S_POD_UID]: first("POD_UID"),
    [names.K8S_CONTAINER_NAME]: first("CONTAINER_NAME"),
    [names.K8S_DEPLOYMENT_NAME]: first("DEPLOYMENT_NAME"),
  });
}

function filled(attributes: Readonly<Record<string, string | undefined>>): Attributes {
  const kept = Object.entries(attributes).filter((entry): entry is [string, string] => !!entry[1]);
  return Object.fromEntries(kept);
}
