import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream, writeFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/**
 * Packs a folder as FILE, and its sha256 as FILE.sha256. The same content gives the same bytes: sorted, one time for all
 * (`epoch`, Unix seconds), no owner, no umask.
 */
export async function archive(
  folder: string,
  file: string,
  options: { readonly epoch: number; readonly level: number },
): Promise<string> {
  const order = ['--sort=name', `--mtime=@${options.epoch}`, '--owner=0', '--group=0', '--numeric-owner']
  const tar = spawn(
    'tar',
    [...order, '--mode=go=rX,u=rwX', '--format=gnu', '-cf', '-', '-C', dirname(folder), basename(folder)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  )
  const ended = new Promise<void>((resolve, reject) => {
    tar.once('error', reject)
    tar.once('exit', (status) => (status === 0 ? resolve() : reject(new Error(`tar ended with status ${status}`))))
  })
  await Promise.all([ended, pipeline(tar.stdout, createGzip({ level: options.level }), createWriteStream(file))])
  const hash = createHash('sha256')
  await pipeline(createReadStream(file), hash)
  const digest = hash.digest('hex')
  writeFileSync(`${file}.sha256`, `${digest}  ${basename(file)}\n`)
  return digest
}

/** The time all files get, in Unix seconds: SOURCE_DATE_EPOCH, or the last commit, or the first day of 2026. */
export function sourceEpoch(root: string): number {
  const given = process.env['SOURCE_DATE_EPOCH']
  if (given !== undefined) return Number(given)
  try {
    return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, stdio: 'pipe' }).toString().trim())
  } catch {
    return Date.UTC(2026, 0, 1) / 1000
  }
}
