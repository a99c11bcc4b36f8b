import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { checkSchema, ERRORS, LocationUpdate } from '../../../contract/index.ts'
import { type HttpPlatform, startHttpPlatform } from './http-platform.ts'

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly tags: string[]
  readonly security?: object[]
  readonly parameters?: { name: string; in: string; required?: boolean; schema: object }[]
  readonly responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>
}

describe('the OpenAPI document', () => {
  let platform: HttpPlatform
  // biome-ignore lint/suspicious/noExplicitAny: a document of any shape, to be checked
  let document: any
  const operations: [string, Operation][] = []

  before(async () => {
    platform = await startHttpPlatform({ dashboardDirectory: join(tmpdir(), 'trackwire-not-built') })
    const answer = await platform.call('GET', '/api/openapi.json')
    assert.equal(answer.status, 200)
    document = answer.body
    for (const [path, methods] of Object.entries<Record<string, Operation>>(document.paths)) {
      for (const [method, operation] of Object.entries(methods)) operations.push([`${method} ${path}`, operation])
    }
  })
  after(() => platform.close())

  test('is OpenAPI 3.1 with title, version, servers and a bearer scheme', () => {
    assert.match(document.openapi, /^3\.1\.\d+$/)
    assert.equal(document.info.title, 'Trackwire')
    assert.equal(document.info.version, '0.0.0-test')
    assert.deepEqual(document.components.securitySchemes.bearer, {
      type: 'http',
      scheme: 'bearer',
      bearerFormat: 'JWT',
    })
  })

  test('describes every route but its own pages, and nothing else', () => {
    const names = operations.map(([name]) => name)
    for (const name of [
      'post /api/tracking/location',
      'get /api/v1/devices/{deviceId}/history',
      'put /api/v1/fences/{fenceId}',
    ]) {
      assert.ok(names.includes(name), name)
    }
    assert.ok(names.every(name => !name.includes('/docs') && !name.includes('*')))
    assert.equal(
      new Set(operations.map(([, { operationId }]) => operationId)).size,
      operations.length,
      'operation ids are unique',
    )
  })

  test('every route has a summary, a known tag, a success and its errors as problems', () => {
    const tags = new Set(document.tags.map(({ name }: { name: string }) => name))
    for (const [name, { summary, tags: used, security, responses }] of operations) {
      assert.ok(summary.length > 8, name)
      assert.ok(used.length === 1 && tags.has(used[0]!), name)
      const statuses = Object.keys(responses)
      assert.ok(
        statuses.some(status => status.startsWith('2')),
        `${name} has a success`,
      )
      assert.ok(statuses.includes('500'), `${name} may fail`)
      if (security === undefined)
        assert.ok(statuses.includes('401') && statuses.includes('403'), `${name} asks for a token`)
      for (const [status, { description, content }] of Object.entries(responses)) {
        assert.ok(description.length > 3 && description !== 'Default Response', `${name} ${status}`)
        if (Number(status) >= 400 && !name.startsWith('get /health')) {
          assert.deepEqual(content, {
            'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
          })
        }
      }
    }
  })

  test('every error code that it names exists and has that status', () => {
    let named = 0
    for (const [name, { responses }] of operations) {
      for (const [status, { description }] of Object.entries(responses)) {
        if (Number(status) < 400 || name.startsWith('get /health')) continue
        const codes = [...description.matchAll(/`([a-z_]+)`:/g)].map(match => match[1]!)
        assert.ok(codes.length > 0, `${name} ${status} names no code`)
        for (const code of codes) {
          assert.equal(ERRORS[code as keyof typeof ERRORS]?.status, Number(status), `${name}: ${code}`)
          named += 1
        }
      }
    }
    assert.ok(named > 100)
  })

  test('a body that may be left out is documented so', () => {
    assert.equal(document.paths['/api/v1/sos/{alertId}/resolve'].post.requestBody.required, false)
    assert.equal(document.paths['/api/v1/fences'].post.requestBody.required, true)
  })

  test('every path parameter is declared, every reference leads somewhere', () => {
    for (const [name, { parameters = [] }] of operations) {
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(match => match[1])
      const declared = parameters.filter(parameter => parameter.in === 'path').map(parameter => parameter.name)
      assert.deepEqual(declared, inPath, name)
    }
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(match => match[1]!)
    assert.ok(references.length > 20)
    for (const reference of new Set(references)) {
      const [, , , schema, ...rest] = reference.split('/')
      assert.ok(
        reference.startsWith('#/components/schemas/') && rest.length === 0 && schema! in document.components.schemas,
        reference,
      )
    }
  })

  test("the shared schemas are the contract's own", () => {
    const { LocationUpdate: described } = document.components.schemas
    const { $id: _, ...expected } = JSON.parse(JSON.stringify(LocationUpdate))
    assert.deepEqual(described.properties.location.required, expected.properties.location.required)
    assert.equal(described.additionalProperties, false)
    assert.ok(checkSchema(LocationUpdate, { timestamp: 1, location: { lat: 1, lng: 1 } }))
  })

  test('the page works without the internet: nothing in it is loaded from elsewhere', async () => {
    const page = await platform.call('GET', '/api/docs')
    assert.equal(page.status, 200)
    const sources = [...String(page.body).matchAll(/(?:src|href)="([^"]+)"/g)].map(match => match[1]!)
    assert.ok(sources.length > 3)
    for (const source of sources) {
      assert.ok(source.startsWith('/api/docs/'), source)
      assert.equal((await platform.call('GET', source)).status, 200, source)
    }
    assert.match(String(page.headers['content-security-policy']), /script-src 'self';/)
  })

  test('without a built dashboard the API stands, and the root leads to this document', async () => {
    const answer = await platform.call('GET', '/', { headers: { accept: 'text/html' } })
    assert.equal(answer.status, 404)
    assert.match(answer.body.detail, /\/api\/docs/)
    assert.ok(platform.log.some(line => line.includes('dashboard is not built')))
  })

  test('the page of the error codes has a row to jump to for every code', async () => {
    const { body, headers } = await platform.call('GET', '/api/docs/errors')
    assert.match(String(headers['content-type']), /text\/html/)
    for (const code of Object.keys(ERRORS)) assert.ok(body.includes(`<tr id="${code}">`), code)
  })
})

test('every code that the HTTP and account sources raise is one of the table', async () => {
  const sources = new URL('../../../../bridge/', import.meta.url)
  const codes = new Set<string>()
  for (const folder of ['http/', 'http/routes/', 'auth/']) {
    for (const name of await readdir(new URL(folder, sources))) {
      if (!name.endsWith('.ts')) continue
      const text = await readFile(new URL(`${folder}${name}`, sources), 'utf8')
      for (const [, code] of text.matchAll(/new TrackwireError\(\s*'([a-z_]+)'/g)) codes.add(code!)
    }
  }
  assert.ok(codes.size > 12)
  for (const code of codes) assert.ok(code in ERRORS, code)
})
