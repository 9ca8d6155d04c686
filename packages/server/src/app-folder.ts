import { hostFiles } from "./host-files.ts";
import { nextFolders } from "./settings.ts";

/** This app's folder: of `next start apps/shop` not where it runs. */
export function appFolder(): string {
  const { build, project } = nextFolders();
  // Not path.join: Turbopack takes that for a file access of unknown path, and ships the whole project.
  const below = `${process.cwd()}/${project}`;
  return project !== "" && hostFiles().existsSync(`${below}/${build}`) ? below : process.cwd();
}

/** The folder of this app's build. */
export function buildFolder(): string {
  return `${appFolder()}/${nextFolders().build}`;
}
