import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { CHANNEL_TABLE, channelTable, referencePages } from '../cli/write-docs.ts'
import { asyncApiDocument, CHANNEL_NAMES } from '../contract/index.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

for (const [name, text] of Object.entries(referencePages())) {
  test(`docs/reference/${name} is what the contract says now (else run "npm run docs")`, () => {
    assert.equal(readFileSync(join(root, 'docs/reference', name), 'utf8'), text)
  })
}

test(`${CHANNEL_TABLE} is what the contract says now (else run "npm run docs")`, () => {
  assert.equal(readFileSync(join(root, CHANNEL_TABLE), 'utf8'), channelTable())
})

test('the AsyncAPI document has every channel, and all its references lead somewhere', () => {
  const document = asyncApiDocument('1.2.3')
  assert.deepEqual(Object.keys(document.channels as object), [...CHANNEL_NAMES])
  const references: string[] = []
  JSON.stringify(document, (key, value) => {
    if (key === '$ref' && typeof value === 'string') references.push(value)
    return value
  })
  assert.ok(references.length > CHANNEL_NAMES.length)
  for (const reference of references) {
    const found = reference
      .slice(2)
      .split('/')
      .reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], document)
    assert.notEqual(found, undefined, reference)
  }
})

test('links between the pages lead somewhere', () => {
  const skipped = new Set(['node_modules', 'dist', '.git', 'data'])
  const pages = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
    file => file.endsWith('.md') && !file.split(/[\\/]/).some(part => skipped.has(part)),
  )
  assert.ok(pages.length > 10)
  const broken: string[] = []
  for (const page of pages) {
    for (const [, target] of readFileSync(join(root, page), 'utf8').matchAll(
      /\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)/g,
    )) {
      if (!existsSync(join(root, dirname(page), target!))) broken.push(`${page}: ${target}`)
    }
  }
  assert.deepEqual(broken, [])
})
