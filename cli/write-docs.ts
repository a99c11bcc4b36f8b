import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { asyncApiDocument, CHANNEL_NAMES, CHANNELS, errorPage, topicPage } from '../contract/index.ts'
import { VERSION } from './version.ts'

/** The reference pages that are made from the contract: path under `docs/reference` → text. `npm run docs` writes them. */
export function referencePages(): Readonly<Record<string, string>> {
  return {
    'asyncapi.json': `${JSON.stringify(asyncApiDocument(VERSION), null, 2)}\n`,
    'topics.md': topicPage(),
    'errors.md': errorPage(),
  }
}

/** Where {@link channelTable} lies, from the root of the repository. */
export const CHANNEL_TABLE = 'web-client/sdk/channel-table.ts'

/** The channels without their schemas: the schemas' library alone is several times the size of the SDK. */
export function channelTable(): string {
  const rows = CHANNEL_NAMES.map(name => {
    const { template, qos, retain } = CHANNELS[name]
    return `  ${name}: { template: '${template}', qos: ${qos}, retain: ${retain} },`
  })
  return [
    '/** The channels as the SDK needs them. Made from `contract/channels.ts` by `npm run docs`; do not edit. */',
    '// biome-ignore format: written by a program',
    'export const CHANNEL_TABLE = {',
    ...rows,
    '} as const',
    '',
  ].join('\n')
}

export async function writeDocs(root: URL): Promise<void> {
  const directory = new URL('docs/reference/', root)
  await mkdir(directory, { recursive: true })
  for (const [name, text] of Object.entries(referencePages())) await writeFile(new URL(name, directory), text)
  await writeFile(new URL(CHANNEL_TABLE, root), channelTable())
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeDocs(new URL('../../', import.meta.url))
