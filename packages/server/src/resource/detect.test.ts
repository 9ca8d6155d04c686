import { hostname } from "node:os";
import { expect, test } from "vitest";
import { containerId } from "./container.ts";
import { detectResource } from "./detect.ts";

const ID = "7d1f9a3be2c04f6c8a5b6d7e8f90123456789abcdef0123456789abcdef01234";

function files(of: Readonly<Record<string, string>>): (path: string) => string {
  return (path) => of[path] ?? "";
}

test("process, host and system are told by the conventions' names", () => {
  expect(detectResource(["all"], {})).toMatchObject({
    "process.pid": process.pid,
    "process.runtime.name": "nodejs",
    "host.name": hostname(),
    "service.instance.id": expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
});

test("only the detectors that are set speak", () => {
  expect(Object.keys(detectResource(["os"], { VERCEL: "1", VERCEL_REGION: "fra1" }))).toEqual([
    "os.type",
    "os.version",
  ]);
  expect(detectResource(["none"], {})).toEqual({});
});

test("a deployment on Vercel says its environment and its commit", () => {
  const env = {
    VERCEL: "1",
    VERCEL_ENV: "preview",
    VERCEL_REGION: "fra1",
    VERCEL_DEPLOYMENT_ID: "dpl_1",
    VERCEL_GIT_PROVIDER: "github",
    VERCEL_GIT_REPO_OWNER: "acme",
    VERCEL_GIT_REPO_SLUG: "shop",
    VERCEL_GIT_COMMIT_REF: "main",
    VERCEL_GIT_COMMIT_SHA: "0a1b2c",
    VERCEL_GIT_PULL_REQUEST_ID: "",
  };
  expect(detectResource(["vercel"], env)).toEqual({
    "cloud.provider": "vercel",
    "cloud.region": "fra1",
    "deployment.environment.name": "preview",
    "deployment.id": "dpl_1",
    "vcs.provider.name": "github",
    "vcs.owner.name": "acme",
    "vcs.repository.name": "shop",
    "vcs.ref.head.name": "main",
    "vcs.ref.head.revision": "0a1b2c",
  });
  expect(detectResource(["vercel"], { ...env, VERCEL: undefined })).toEqual({});
});

test("a pod says what its description hands on, under any of the common names", () => {
  const env = {
    KUBERNETES_SERVICE_HOST: "10.0.0.1",
    POD_NAME: "shop-1",
    KUBERNETES_POD_NAMESPACE: "prod",
    K8S_NODE_NAME: "node-7",
    KUBERNETES_NODE_NAME: "another",
    KUBERNETES_CLUSTER_NAME: "eu",
  };
  expect(detectResource(["kubernetes"], env)).toEqual({
    "k8s.pod.name": "shop-1",
    "k8s.namespace.name": "prod",
    "k8s.node.name": "node-7",
    "k8s.cluster.name": "eu",
  });
  expect(detectResource(["kubernetes"], { POD_NAME: "not in a cluster" })).toEqual({});
});

test.each([
  ["docker, cgroup v1", `12:pids:/docker/${ID}\n11:cpu:/docker/${ID}`],
  ["kubernetes, cgroup v1", `1:name=systemd:/kubepods/besteffort/pod3d2f/${ID}`],
  ["containerd, systemd", `0::/kubepods.slice/kubepods-pod3d2f.slice/cri-containerd-${ID}.scope`],
])("the container's id is found in /proc/self/cgroup: %s", (_, text) => {
  expect(containerId(files({ "/proc/self/cgroup": text }))).toBe(ID);
});

test.each([
  ["docker", `602 592 0:1 /var/lib/docker/containers/${ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`],
  ["podman", `80 70 0:2 /x/overlay-containers/${ID}/userdata/hostname /etc/hostname rw - tmpfs tmpfs rw`],
])("with cgroup v2 the container's id is found in its mounts: %s", (_, text) => {
  const other = `1 2 0:3 /images/${"f".repeat(64)}/diff /data rw - overlay overlay rw`;
  const of = { "/proc/self/cgroup": "0::/", "/proc/self/mountinfo": `${other}\n${text}` };
  expect(containerId(files(of))).toBe(ID);
});

test("a process outside of containers, or with the sandbox of a pod only, has no container id", () => {
  const sandbox = `1 2 0:3 /run/containerd/sandboxes/${ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw`;
  expect(containerId(files({ "/proc/self/cgroup": "0::/user.slice/session-2.scope" }))).toBe("");
  expect(containerId(files({ "/proc/self/cgroup": "0::/", "/proc/self/mountinfo": sandbox }))).toBe("");
});
