import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from '../support/source-tree.ts'

/** A fenced block of a page. */
export interface Block {
  /** The word behind the fence; '' when there is none. */
  readonly language: string
  readonly text: string
}

/** A page by its path below the repository. */
export function pageText(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Every page of the repository, as paths below it. */
export function allPages(): string[] {
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.md'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !/(^|\/)(node_modules|dist|\.[^/]+)\//.test(path))
    .sort()
}

export function blocksOf(text: string): Block[] {
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language = '', inner = '']) => ({
    language,
    text: inner,
  }))
}
