import { join } from 'node:path'
import { build, type Metafile } from 'esbuild'

/** Packages with a native part stay packages: their JavaScript looks for the binary beside itself. */
export const nativePackages = ['better-sqlite3', '@serialport/bindings-cpp'] as const

/** CommonJS libraries inside the bundle expect these; ES modules do not have them. */
const commonJs = `
import { createRequire as tidegateCreateRequire } from 'node:module'
import { dirname as tidegateDirname } from 'node:path'
import { fileURLToPath as tidegateFileURLToPath } from 'node:url'
const require = tidegateCreateRequire(import.meta.url)
const __filename = tidegateFileURLToPath(import.meta.url)
const __dirname = tidegateDirname(__filename)
`.trim()

/**
 * Bundles the program into `folder`: main.js, thread.js (the storage thread is a program of its own) and the chunks they
 * load, named by their content. Resolves with esbuild's account of what went in.
 */
export async function bundle(root: string, folder: string): Promise<Metafile> {
  const result = await build({
    absWorkingDir: root,
    entryPoints: { main: 'src/main.ts', thread: 'src/storage/thread.ts' },
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    // Readable stack traces are worth more here than a megabyte beside Node's hundred.
    minify: false,
    external: [...nativePackages],
    banner: { js: commonJs },
    legalComments: 'none',
    metafile: true,
    logLevel: 'warning',
  })
  return result.metafile
}

/** Folders of the npm packages that went into the bundle, relative to the root. */
export function bundledPackages(metafile: Metafile): string[] {
  const folders = new Set<string>()
  for (const input of Object.keys(metafile.inputs)) {
    const match = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)
    if (match?.[1] !== undefined) folders.add(join(match[1]))
  }
  return [...folders].sort()
}
