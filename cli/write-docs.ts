import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { asyncApiDocument, errorPage, topicPage } from '../contract/index.ts'
import { VERSION } from './version.ts'

/** The reference pages that are made from the contract: path under `docs/reference` → text. `npm run docs` writes them. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'asyncapi.json': `${JSON.stringify(asyncApiDocument(VERSION), null, 2)}\n`,
    'topics.md': topicPage(),
    'errors.md': errorPage(),
  }
}

export async function writeDocs(directory: URL): Promise<void> {
  await mkdir(directory, { recursive: true })
  for (const [name, text] of Object.entries(referencePages())) await writeFile(new URL(name, directory), text)
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await writeDocs(new URL('../../docs/reference/', import.meta.url))
